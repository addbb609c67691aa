"""A Job came to its verdict while the operator was away, and its pod is gone: the kubelet's Event says who ended it."""

from __future__ import annotations

import pytest

from run_operator.children.kubelet_events import ENDED_POD, Said
from run_operator.lifecycle.model import Observed
from tests.support.builders import NOW, job, run
from tests.support.planning import condition, kinds, status_of, step

KILLED = Said("Killing", "Stopping container main", 5.0, 0.0)
COMPLETE = job(complete=True)
FAILED = job(failed=1, failed_reason="BackoffLimitExceeded")


@pytest.mark.parametrize("over", [COMPLETE, FAILED])
def test_a_pod_that_was_asked_to_end_and_is_gone_was_interrupted(over):
    made = step(run(status=status_of("RUNNING")), Observed(over, fresh=True, said=(KILLED,)), NOW)
    assert (made.status["state"], made.status["attempt"]) == ("PENDING", 2)
    first = made.status["attempts"][0]
    assert (first["reason"], first["interruptedBy"]) == ("Interrupted", "PodDeleted")
    assert made.status["interruptions"] == 1
    assert "may not be done" in next(e.message for e in made.events if e.reason == "RunInterrupted")


def test_the_failure_that_its_job_counted_is_no_retry():
    one = run(status=status_of("RUNNING"), policy={"backoffLimit": 1})
    made = step(
        one, Observed(job(failed=2, failed_reason="BackoffLimitExceeded"), fresh=True, said=(KILLED,))
    )
    child = made.actions[-1].workload.child
    assert child["spec"]["backoffLimit"] == 0
    assert made.status["attempts"][-1]["retries"] == 1


@pytest.mark.parametrize(("over", "state"), [(COMPLETE, "COMPLETED"), (FAILED, "ERROR")])
def test_events_are_asked_for_and_without_one_the_job_is_believed(over, state):
    made = step(run(status=status_of("RUNNING")), Observed(over, fresh=True))
    assert made.status["state"] == state
    assert made.ask == (ENDED_POD, "hello-", "hello", None)
    assert "nobody saw how its program ended" in made.status["message"]


@pytest.mark.parametrize("ago", [200.0, -30.0])
def test_an_event_of_another_pod_of_the_job_says_nothing(ago):
    other = KILLED._replace(ago=ago)
    made = step(run(status=status_of("RUNNING")), Observed(COMPLETE, fresh=True, said=(other,)), NOW)
    assert made.status["state"] == "COMPLETED"


def test_a_deadline_that_is_over_is_no_interruption():
    late = job(failed=1, failed_reason="DeadlineExceeded")
    made = step(run(status=status_of("RUNNING")), Observed(late, fresh=True, said=(KILLED,)))
    assert condition(made, "Failed")["reason"] == "DeadlineExceeded"
    assert kinds(made) == []


def test_a_stop_asks_for_nothing():
    made = step(run(suspend=True, status=status_of("STOP")), Observed(COMPLETE, fresh=True, said=(KILLED,)))
    assert made.ask is None
