"""Runs from before 0.14 as today's SDK reads them: the action in the kind, one figure a resource, and nothing else changed."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from run_operator.api.earlier_documents import earlier_kind, of_today
from run_operator.gateway.entity_documents import for_sdk
from run_operator.ingest.dhcore_api import run_entity


def document(kind: str, task: str, **spec: Any) -> dict[str, Any]:
    return {
        "kind": kind, "id": "x", "project": "p", "name": "x", "key": f"store://p/run/{kind}/x",
        "metadata": {"name": "x", "odd": [1]}, "spec": {"task": task, **spec},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "task", "today"),
    [
        ("container+run", "container+serve://p/t", "container+serve:run"),
        ("python+run", "python+job://p/t", "python+job:run"),
        ("hera+run", "hera+pipeline", "hera+pipeline:run"),
        ("container+job:run", "container+job://p/t", "container+job:run"),
        ("container+run", "python+job://p/t", "container+run"),
        ("container+run", "no task", "container+run"),
    ],
)
def test_the_kind_says_what_the_task_says(kind: str, task: str, today: str):
    before = document(kind, task, image="i")
    given = copy.deepcopy(before)
    assert of_today(given) == before | {"kind": today, "key": f"store://p/run/{today}/x"}
    assert given == before, "the object's own document is not touched"


@pytest.mark.parametrize(
    ("earlier", "today"),
    [
        ({"cpu": {"requests": "1"}}, {"cpu": "1"}),
        ({"cpu": {"limits": "2"}, "mem": {"requests": "1Gi"}}, {"cpu": "2", "mem": "1Gi"}),
        ({"gpu": {"requests": "1", "limits": "1"}}, {"gpu": "1"}),
        ({"cpu": {"requests": None, "limits": "1"}}, {"cpu": "1"}),
        ({"cpu": {"requests": "1", "limits": "2"}}, {"cpu": {"requests": "1", "limits": "2"}}),
        ({"cpu": {"max": "1"}}, {"cpu": {"max": "1"}}),
        ({"cpu": {}}, {"cpu": {}}),
        ({"cpu": "1"}, {"cpu": "1"}),
        ("odd", "odd"),
    ],
)
def test_requests_and_limits_are_one_figure_where_they_say_the_same(earlier: Any, today: Any):
    found = of_today(document("container+run", "container+job://p/t", resources=earlier))
    assert found["spec"]["resources"] == today


def test_the_gateway_and_the_pods_server_show_the_same():
    raw = {
        "kind": "Run",
        "metadata": {"name": "x", "creationTimestamp": "2026-11-29T10:00:00Z"},
        "spec": document("container+run", "container+job://p/t", resources={"cpu": {"requests": "1"}}),
    }
    for shown in (for_sdk(raw, "p"), run_entity(raw)):
        assert shown["kind"] == "container+job:run"
        assert shown["key"] == "store://p/run/container+job:run/x"
        assert shown["spec"]["resources"] == {"cpu": "1"}


@pytest.mark.parametrize(
    ("kind", "earlier"),
    [
        ("container+job:run", "container+run"),
        ("container+run", ""),
        ("container", ""),
        ("container+job", ""),
        ("", ""),
    ],
)
def test_what_runs_of_a_kind_were_called(kind: str, earlier: str):
    assert earlier_kind(kind) == earlier
