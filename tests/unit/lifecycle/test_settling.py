"""The end of a Run that logged: what is waited for, how long at most, and what the status says about its metrics."""

from __future__ import annotations

from typing import Any

import pytest

from run_operator.api.raw import stamp
from run_operator.api.run import Run
from run_operator.engine.executor import merge_patch
from run_operator.lifecycle.model import Observed
from run_operator.lifecycle.plan import plan
from run_operator.workloads.types import Options
from tests.support.builders import NOW, job, pod, run

RECEIVING = {
    "type": "MetricsComplete", "status": "Unknown", "reason": "Receiving", "message": "", "lastTransitionTime": stamp(NOW),
}  # fmt: skip


def logged(*, writers: dict[str, int] | None = None, ended: list[str] | None = None, **more: Any) -> Run:
    """A Run that runs and logged; `more`: stride, and of metricsIngest."""
    info = {"loss": {"kind": "List", "stride": more.pop("stride", 1)}}
    ingest = {"commitId": "c", "writers": writers or {"w": 1}, "ended": ended or [], "attempt": 1} | more
    status = {
        "state": "RUNNING", "observedGeneration": 1, "attempt": 1, "startTime": stamp(NOW - 60), "conditions": [RECEIVING],
        "attempts": [{"attempt": 1, "startTime": stamp(NOW - 60)}], "metricsInfo": info, "metricsIngest": ingest,
    }  # fmt: skip
    return run(status=status)


def end(one: Run, now: float = NOW, *, uncommitted: bool = False, good: bool = True):
    """The next step when its program has ended at NOW."""
    ended = job(complete=True) if good else job(failed_reason="BackoffLimitExceeded")
    last = pod("Succeeded", exit_code=0) if good else pod("Failed", exit_code=3)
    return plan(one, Observed(ended, (last,), fresh=True, uncommitted=uncommitted), now, Options())


def metrics_complete(made) -> tuple[str, str] | None:
    found = [c for c in made.status["conditions"] if c["type"] == "MetricsComplete"]
    return (found[0]["status"], found[0]["reason"]) if found else None


def test_a_run_that_never_logged_is_not_concerned():
    quiet = run(status={"state": "RUNNING", "attempt": 1, "attempts": [{"attempt": 1}]})
    made = end(quiet)
    assert made.status["state"] == "COMPLETED"
    assert metrics_complete(made) is None
    assert "metricsIngest" not in made.status


def test_writers_that_said_goodbye_are_not_waited_for():
    made = end(logged(ended=["w"]))
    assert made.status["state"] == "COMPLETED"
    assert metrics_complete(made) == ("True", "AllPointsInStatus")


@pytest.mark.parametrize("good", [True, False])
def test_a_writer_that_never_said_goodbye_is_given_a_moment_and_then_lost(good):
    waits = end(logged(), good=good)
    assert (waits.status, waits.wake_at) == (None, NOW + 5)
    made = end(logged(), NOW + 5, good=good)
    assert made.status["state"] == ("COMPLETED" if good else "ERROR")
    assert metrics_complete(made) == ("False", "WriterLost")


def test_values_on_their_way_are_waited_for_but_not_without_end():
    waits = end(logged(ended=["w"]), NOW + 29, uncommitted=True)
    assert (waits.status, waits.wake_at) == (None, NOW + 30)
    assert metrics_complete(end(logged(ended=["w"]), NOW + 29)) == ("True", "AllPointsInStatus")
    made = end(logged(ended=["w"]), NOW + 30, uncommitted=True)
    assert metrics_complete(made) == ("False", "WriterLost")
    assert made.status["state"] == "COMPLETED"


def test_values_of_which_none_came_in_are_reported_too():
    never = run(status={"state": "RUNNING", "attempt": 1, "attempts": [{"attempt": 1}]})
    assert metrics_complete(end(never, NOW + 30, uncommitted=True)) == ("False", "WriterLost")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, ("True", "AllPointsInStatus")),
        ({"stride": 4}, ("False", "Decimated")),
        ({"refused": 7}, ("False", "LimitReached")),
        ({"refused": 7, "stride": 4}, ("False", "LimitReached")),
        ({"lostWriters": 1, "refused": 7}, ("False", "WriterLost")),
    ],
)
def test_the_gravest_is_said(more, said):
    assert metrics_complete(end(logged(ended=["w"], **more))) == said


def test_the_writers_are_dropped_with_the_end_and_the_rest_stays():
    one = logged(ended=["w"])
    patch = merge_patch(one.status, end(one).status)
    assert patch["metricsIngest"] == {"writers": None, "ended": None}
    assert "metrics" not in patch


def test_a_run_given_up_for_its_deadline_waits_for_its_last_values_too():
    status = dict(logged(ended=["w"]).status) | {
        "state": "STOP",
        "conditions": [
            RECEIVING,
            RECEIVING | {"type": "Running", "status": "False", "reason": "DeadlineExceeded"},
        ],
    }
    one = run(status=status | {"metricsIngest": {"commitId": "c", "writers": {"w": 1}, "ended": ["w"]}})
    last = pod("Failed", exit_code=143)
    waits = plan(one, Observed(None, (last,), fresh=True, uncommitted=True), NOW + 1, Options())
    assert (waits.status, waits.wake_at) == (None, NOW + 30)
    made = plan(one, Observed(None, (last,), fresh=True), NOW + 1, Options())
    assert (made.status["state"], metrics_complete(made)) == ("ERROR", ("True", "AllPointsInStatus"))
