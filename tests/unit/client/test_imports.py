"""What importing the client loads: nothing of the operator's, and for a help text hardly anything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import run_operator


def modules_after(program: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport sys; print(*sys.modules, sep='\\n')"],
        capture_output=True, text=True, check=True, env=os.environ | {"PYTHONPATH": str(Path("operator").resolve())},
    )  # fmt: skip
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_the_client_is_imported_without_the_operators_dependencies():
    """Whatever name of it is imported, in one process one after the other."""
    names = [f"from run_operator import {name}" for name in run_operator.__all__]
    found = modules_after("\n".join(names))
    assert not found & {"kopf", "aiohttp", "prometheus_client", "cryptography"}
    assert "kubernetes" in found


def test_the_help_loads_neither_the_kubernetes_client_nor_yaml():
    program = "from run_operator.client.cli.main import cli; cli(['--help'], standalone_mode=False)"
    found = modules_after(program)
    assert not found & {"kopf", "aiohttp", "kubernetes", "yaml", "urllib3"}


def test_what_the_package_does_not_have_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        run_operator.nonsense  # noqa: B018
