"""What the SDK sees of an object, and what of its PUT is a change."""

from __future__ import annotations

from typing import Any

import pytest

from run_operator.api.updates import changes
from run_operator.gateway.entities import Place, _manifest
from run_operator.gateway.entity_documents import entity
from run_operator.kube.resource import FUNCTIONS

RUN: dict[str, Any] = {
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
    ("state", "there"),
    [("RUNNING", False), ("STOP", False), ("STOPPED", True), ("COMPLETED", True), ("ERROR", True)],
)
def test_a_whole_document_has_its_metrics_once_the_program_is_still(state, there):
    run = {**RUN, "status": {**RUN["status"], "state": state}}
    assert entity(run, "churn", whole=True)["status"].get("metrics") == ({"loss": [1]} if there else None)
    assert "metrics" not in entity(run, "churn")["status"]
    assert "metricsIngest" not in entity(run, "churn", whole=True)["status"]


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


def test_the_first_metric_does_not_store_the_version_that_the_sdk_makes_up():
    given = {"metadata": {**SHOWN["metadata"], "version": "gold-salamandra"}, "status": {"metrics": {}}}
    assert changes(SHOWN, given, announcing=True) == {}


def test_labels_are_added_and_nothing_else_is_lost():
    found = changes(SHOWN, {"metadata": {"labels": ["a"]}}, announcing=False)
    assert found == {"metadata": {**SHOWN["metadata"], "labels": ["a"]}}


@pytest.mark.parametrize("spec", [{}, {"spec": {}}, {"spec": {"image": "i"}}])
def test_an_entity_of_which_nothing_is_said_is_stored(spec):
    """The generic entities of the SDK 0.16 leave an empty spec out."""
    document = {"kind": "quantum", "project": "churn", "id": "x", "name": "q", **spec}
    made = _manifest(Place(FUNCTIONS, "churn", "churn"), document)
    assert made["spec"]["spec"] == spec.get("spec", {})
