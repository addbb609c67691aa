"""`python -m run_operator.client.cli`: runctl without its script."""

from __future__ import annotations

from run_operator.client.cli.main import main

main()
