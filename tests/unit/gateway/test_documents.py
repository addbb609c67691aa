"""What the SDK sees of an object, and what of its PUT is a change."""

from __future__ import annotations

import pytest

from run_operator.gateway.documents import changes, entity
from run_operator.gateway.limits import Limits
from run_operator.gateway.listing import query
from run_operator.gateway.problems import Problem

RUN = {
    "kind": "Run",
    "metadata": {"name": "x", "creationTimestamp": "2026-11-25T10:00:00Z"},
    "spec": {
        "kind": "container+job:run",
        "project": "elsewhere",
        "id": "x",
        "key": "store://elsewhere/run/container+job:run/x:x",
        "spec": {
            "task": "container+job://elsewhere/t",
            "image": "i",
            "volumes": [{"name": "v", "spec": {"claimName": "c"}}],
        },
    },
    "status": {
        "state": "RUNNING",
        "metrics": {"loss": [1]},
        "metricsIngest": {"writers": {}},
        "message": "m",
    },
}
SHOWN = entity(RUN, "churn")


def test_the_namespace_is_the_project_and_metrics_are_asked_for_where_they_are():
    assert SHOWN["project"] == SHOWN["metadata"]["project"] == "churn"
    assert SHOWN["key"] == "store://churn/run/container+job:run/x"
    assert SHOWN["status"] == {"state": "RUNNING", "message": "m"}
    assert SHOWN["metadata"]["created"] == "2026-11-25T10:00:00Z"


@pytest.mark.parametrize(
    ("given", "announcing", "changed"),
    [
        ({"spec": SHOWN["spec"], "metadata": SHOWN["metadata"]}, False, {}),
        # The SDK drops what it does not know and adds empty values of its own.
        ({"spec": {"image": "i", "volumes": [{"name": "v"}], "source": {}, "envs": []}}, False, {}),
        ({"spec": {"local_execution": False}}, False, {}),
        ({"spec": {"image": "other"}}, False, {"image": "other"}),
        ({"spec": {"replicas": 2}}, False, {"replicas": 2}),
        ({"spec": {"enable_telemetry": True}}, True, {}),
        ({"spec": {"image": "other"}}, True, {"image": "other"}),
        ({"status": {"state": "COMPLETED"}}, False, {}),
    ],
)
def test_a_put_changes_what_it_says_differently(given, announcing, changed):
    found = changes(SHOWN, given, announcing=announcing)
    assert found == ({"spec": {**SHOWN["spec"], **changed}} if changed else {})


def test_labels_are_added_and_nothing_else_is_lost():
    found = changes(SHOWN, {"metadata": {"labels": ["a"]}}, announcing=False)
    assert found == {"metadata": {**SHOWN["metadata"], "labels": ["a"]}}


@pytest.mark.parametrize(
    "parameters",
    [
        {"page": "-1"},
        {"page": "9" * 5000},
        {"size": "0"},
        {"size": "100000"},
        {"sort": "name"},
        {"nothing": "1"},
    ],
)
def test_what_is_not_understood_is_refused(parameters):
    with pytest.raises(Problem) as caught:
        query(parameters, Limits())
    assert caught.value.status == 400
