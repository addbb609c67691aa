"""Conditions of a list: met together, and not to be broken out of."""

from __future__ import annotations

from run_operator.api.exported import matches, selector

TASK = "container+job://p/t"


def test_conditions_of_a_list_are_met_together():
    document = {
        "id": "abc",
        "kind": "container+job:run",
        "user": "u",
        "spec": {"task": TASK},
        "metadata": {"created": "2026-11"},
    }
    assert matches(
        document, {"user": "u", "created": "2026", "q": "JOB", "action": "job", "task": TASK, "name": None}
    )
    for wrong in (
        {"user": "v"},
        {"created": "2025"},
        {"q": "zzz"},
        {"action": "serve"},
        {"task": "x"},
        {"function": "f"},
    ):
        assert not matches(document, wrong)


def test_a_selector_cannot_be_broken_out_of():
    assert selector(project="a,b=c\\d", state="RUNNING") == "spec.project=a\\,b\\=c\\\\d,status.state=RUNNING"
