"""Prometheus metrics that documents and alerts name are those of the programs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SOURCES = "\n".join(path.read_text() for path in (ROOT / "operator" / "run_operator").rglob("*.py"))
NAMES = sorted(
    {
        name
        for path in (ROOT / "docs").glob("*.md")
        for name in re.findall(r"\b(run_operator_[a-z_]+[a-z])\b", path.read_text())
    }
)


@pytest.mark.parametrize("name", NAMES)
def test_a_metric_that_is_named_exists(name):
    counted = name.removesuffix("_total")
    short = name.removeprefix("run_operator_logs_")  # these are made with their prefix
    assert any(f'"{one}"' in SOURCES for one in (name, counted, short))
