"""A namespace that allows less memory than the tenth above the request gets the limit that it allows."""

from __future__ import annotations

from typing import Any

import pytest

from run_operator.workloads.builder import build
from run_operator.workloads.memory_limit import MemoryCeiling, within
from run_operator.workloads.types import Options
from tests.support.builders import run


def limit_range(**rule: Any) -> dict[str, Any]:
    return {"spec": {"limits": [{"type": "Container"} | rule]}}


def limit(mem: Any, *ranges: dict[str, Any]) -> str:
    spec = {"task": "container+job://demo/t", "image": "busybox:1.36", "resources": {"mem": mem}}
    child = within(build(run(spec), 1, Options()).child, MemoryCeiling.of(ranges))
    return str(child["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"])


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"max": {"memory": "1Gi"}}, "1Gi"),
        ({"max": {"memory": "1050Mi"}}, str(1050 * 2**20)),
        ({"type": "Pod", "max": {"memory": "1Gi"}}, "1Gi"),
        ({"maxLimitRequestRatio": {"memory": "1"}}, "1Gi"),
        ({"max": {"memory": "512Mi"}}, "1Gi"),  # refused, in the document's own number
        ({"max": {"memory": "2Gi"}}, "1153434Ki"),
        ({"max": {"cpu": "1"}}, "1153434Ki"),
        ({"type": "PersistentVolumeClaim", "max": {"memory": "1"}}, "1153434Ki"),
        ({}, "1153434Ki"),
    ],
)
def test_where_only_the_tenth_is_in_the_way_it_gives_way(rule, expected):
    assert limit("1Gi", limit_range(**rule)) == expected


def test_a_limit_that_the_document_names_stays():
    assert limit({"requests": "1Gi", "limits": "2Gi"}, limit_range(max={"memory": "1Gi"})) == "2Gi"


def test_the_strictest_of_several_counts():
    rules = limit_range(max={"memory": "1100Mi"}), limit_range(max={"memory": "1050Mi"})
    assert limit("1Gi", *rules) == str(1050 * 2**20)
