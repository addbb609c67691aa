"""`python -m cluster`."""

from __future__ import annotations

from cluster.cli import main

main()
