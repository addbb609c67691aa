"""The column REASON: one word beside the state, and none where the state says it all."""

from __future__ import annotations

import pytest

from run_operator.api import conditions
from run_operator.api.conditions import State
from run_operator.lifecycle.model import Observed
from run_operator.lifecycle.status_builder import StatusBuilder
from tests.support.builders import NOW, job, pod, run
from tests.support.planning import step


def reason_of(state: State, **reasons: str) -> str | None:
    draft = StatusBuilder(run(), NOW)
    for kind, reason in reasons.items():
        draft.condition(kind, status=True, reason=reason, message="m")
    draft.become(state, "m")
    return draft.current.get("reason")


@pytest.mark.parametrize(
    ("state", "reasons", "word"),
    [
        (State.PENDING, {conditions.RUNNING: "Unschedulable"}, "Unschedulable"),
        (State.CREATED, {conditions.RUNNING: "FunctionNotFound"}, "FunctionNotFound"),
        (State.ERROR, {conditions.RUNNING: "Finished", conditions.FAILED: "OOMKilled"}, "OOMKilled"),
        (State.RUNNING, {conditions.RUNNING: "Running"}, None),
        (State.COMPLETED, {conditions.RUNNING: "Finished"}, None),
        (State.STOPPED, {conditions.RUNNING: "Suspended", conditions.SUSPENDED: "JobSuspended"}, None),
        (
            State.STOPPED,
            {conditions.RUNNING: "Suspended", conditions.SUSPENDED: "PodTerminationTimeout"},
            "PodTerminationTimeout",
        ),
        (State.STOPPED, {conditions.RUNNING: "FunctionNotFound", conditions.SUSPENDED: "JobSuspended"}, "FunctionNotFound"),
        (State.CREATED, {}, None),
    ],
)  # fmt: skip
def test_the_word(state, reasons, word):
    assert reason_of(state, **reasons) == word


def test_it_goes_when_the_program_runs():
    before = step(
        run(status={"state": "CREATED"}), Observed(job=job(active=1), pods=(pod("Pending"),)), NOW + 60
    ).status
    assert before["reason"]
    after = step(run(status=before), Observed(job=job(active=1), pods=(pod("Running"),))).status
    assert "reason" not in after
