"""Alerts and panels: every name in a query is a metric that the operator has, every alert has a section for who is paged."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from tests.support.monitoring import panels, rules

ROOT = Path(__file__).parents[3]
DEFINED = re.compile(
    r'(Counter|Histogram|\w*Gauge\w*|CounterMetricFamily|_one|_many|_gauge)\(\s*"(run_operator_\w+)"'
)
USED = re.compile(r"\b((?:run_operator|process)_\w+)\b")
LABELS = re.compile(r"(\w+)\s*=~?\s*\"")
OF_PROMETHEUS = {"process_resident_memory_bytes", "process_cpu_seconds_total"}
"""The process has these by the library's own names."""


@cache
def metrics() -> set[str]:
    """All names under which a sample can be found."""
    found = set(OF_PROMETHEUS)
    for path in (ROOT / "operator" / "run_operator").rglob("*.py"):
        for kind, name in DEFINED.findall(path.read_text()):
            if kind.startswith("Counter"):
                found.add(f"{name}_total")
            elif kind == "Histogram":
                found |= {f"{name}_{part}" for part in ("bucket", "sum", "count")}
            else:
                found.add(name)
    return found


QUERIES = [rule["expr"] for rule in rules()] + [t["expr"] for one in panels() for t in one["targets"]]


@pytest.mark.parametrize("query", QUERIES)
def test_every_query_names_metrics_that_there_are(query):
    used = USED.findall(query)
    assert used or query.startswith("absent(up{")
    assert set(used) <= metrics()
    assert query.count("(") == query.count(")")
    assert set(LABELS.findall(query)) <= {"job", "code", "result", "reason", "state", "resource"}


def test_every_alert_has_a_section_of_its_name():
    page = (ROOT / "docs" / "operations.md").read_text()
    for rule in rules():
        assert f"### {rule['alert']}\n" in page
        assert f"`{rule['expr']}`" in page, "the page shows another expression"
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{rule['alert'].lower()}"


def test_panels_do_not_lie_on_each_other():
    places = [(one["gridPos"]["x"], one["gridPos"]["y"]) for one in panels()]
    assert len(set(places)) == len(places)
    assert len({one["id"] for one in panels()}) == len(places)
