"""How a Run stands by the rules of kstatus, by which Flux, kpt and Config Sync wait for kinds that they do not know."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from run_operator.api import conditions
from run_operator.api.conditions import State
from run_operator.api.raw import JSON, mapping, mappings
from run_operator.lifecycle.model import Observed
from run_operator.lifecycle.status_builder import StatusBuilder
from tests.support.builders import NOW, job, pod, run
from tests.support.planning import status_of, step

CRD = Path(__file__).parents[3] / "crds" / "runs.yaml"
IN_PROGRESS, FAILED, CURRENT, TERMINATING = "InProgress", "Failed", "Current", "Terminating"


def kstatus(raw: JSON) -> str:
    """What `cli-utils/pkg/kstatus` works out for a custom resource, in its order: deletion, generation, Reconciling,
    Stalled, Ready."""
    metadata, status = mapping(raw["metadata"]), mapping(raw.get("status"))
    if metadata.get("deletionTimestamp"):
        return TERMINATING
    if status.get("observedGeneration", metadata["generation"]) != metadata["generation"]:
        return IN_PROGRESS
    found = {one["type"]: one["status"] for one in mappings(status.get("conditions"))}
    if found.get("Reconciling") == "True":
        return IN_PROGRESS
    if found.get("Stalled") == "True":
        return FAILED
    return IN_PROGRESS if found.get("Ready", "True") != "True" else CURRENT


def standing(status: Mapping[str, Any], **metadata: Any) -> str:
    return kstatus({"metadata": {"generation": 1} | metadata, "status": status})


def become(*states: State, reason: str = "Ready") -> Mapping[str, Any]:
    draft = StatusBuilder(run(), NOW)
    for state in states:
        draft.become(state, f"it is {state}")
        draft.condition(conditions.RUNNING, status=state == State.RUNNING, reason=reason, message="m")
    return draft.current


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (State.CREATED, IN_PROGRESS),
        (State.PENDING, IN_PROGRESS),
        (State.RUNNING, CURRENT),
        (State.STOP, IN_PROGRESS),
        (State.STOPPED, CURRENT),
        (State.COMPLETED, CURRENT),
        (State.ERROR, FAILED),
    ],
)
@pytest.mark.parametrize("before", State)
def test_each_state_is_one_of_three_whatever_it_was_before(before, state, word):
    assert standing(become(before, state)) == word


def test_a_service_that_lacks_pods_is_on_its_way():
    assert standing(become(State.RUNNING, reason=conditions.DEGRADED)) == IN_PROGRESS


def test_a_run_that_nobody_has_looked_at_is_on_its_way():
    (version,) = yaml.safe_load(CRD.read_text())["spec"]["versions"]
    fields = version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]
    assert standing({name: one["default"] for name, one in fields.items() if "default" in one}) == IN_PROGRESS


def test_a_change_that_is_not_looked_at_yet_is_on_its_way():
    assert standing(become(State.RUNNING), generation=2) == IN_PROGRESS


def test_a_deleted_run_ends():
    assert standing(become(State.ERROR), deletionTimestamp="2026-01-01T00:00:00Z") == TERMINATING


def test_an_error_that_an_edit_takes_back_is_on_its_way():
    draft = StatusBuilder(run(status=become(State.ERROR)), NOW)
    draft.reopen()
    assert standing(draft.current) == IN_PROGRESS


@pytest.mark.parametrize(
    ("status", "observed", "word"),
    [
        (status_of("PENDING"), Observed(job=job(), pods=(pod("Running"),)), CURRENT),
        (
            status_of("PENDING"),
            Observed(job=job(), pods=(pod("Pending", waiting="ImagePullBackOff"),)),
            IN_PROGRESS,
        ),
    ],
)
def test_what_the_plan_writes_has_it(status, observed, word):
    made = step(run(status=status), observed, NOW + 3)
    assert standing(made.status) == word


def test_the_condition_says_why_and_since_when():
    shown = conditions.find(become(State.ERROR, reason="OOMKilled")["conditions"], conditions.STALLED)
    assert shown == {
        "type": "Stalled",
        "status": "True",
        "reason": "Error",
        "message": "it is ERROR",
        "lastTransitionTime": shown["lastTransitionTime"],
        "observedGeneration": 1,
    }
