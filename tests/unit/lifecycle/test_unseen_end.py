"""A Job came to its verdict while the operator was away, and its pod is gone: the kubelet's Event says who ended it."""

from __future__ import annotations

from typing import Any

import pytest

from run_operator.api.raw import stamp
from run_operator.children.event_facts import ENDED_JOB, ENDED_POD, Said
from run_operator.lifecycle.model import Observed
from tests.support.builders import NOW, job, pod, run
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
    assert "may be incomplete" in next(e.message for e in made.events if e.reason == "RunInterrupted")


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
    assert "the operator did not see how its program ended" in made.status["message"]


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


@pytest.mark.parametrize("state", ["RUNNING", "STOP"])
def test_a_stop_of_a_job_that_was_over_before_it_comes_too_late(state):
    """The Job was never suspended: so it was not the stop that ended its pod."""
    made = step(run(suspend=True, status=status_of(state)), Observed(COMPLETE, fresh=True))
    assert (made.status["state"], made.ask) == ("COMPLETED", (ENDED_POD, "hello-", "hello", None))


@pytest.mark.parametrize(("over", "said"), [(job(complete=True, suspend=True), ()), (COMPLETE, (KILLED,))])
def test_a_stop_that_ended_the_pod_is_a_stop(over, said):
    made = step(run(suspend=True, status=status_of("STOP")), Observed(over, fresh=True, said=said))
    assert (made.status["state"], made.ask) == ("STOPPED", None)


DONE = Said("Completed", "Job completed", 60.0, 0.0)
EXHAUSTED = Said("BackoffLimitExceeded", "Job has reached the specified backoff limit", 60.0, 0.0)
SAVED = Said("Killing", "Stopping container main", 65.0, 0.0)


def robbed(state: str = "RUNNING") -> dict[str, Any]:
    """The status of a Run whose Job was there."""
    status = status_of(state)
    return status | {"attempts": [status["attempts"][0] | {"jobUid": "j-1"}]}


@pytest.mark.parametrize("state", ["PENDING", "RUNNING", "STOP"])
@pytest.mark.parametrize("suspend", [False, True])
@pytest.mark.parametrize(("said", "end"), [(DONE, "COMPLETED"), (EXHAUSTED, "ERROR")])
def test_the_verdict_of_a_job_that_is_gone_is_in_its_events(state, suspend, said, end):
    made = step(run(suspend=suspend, status=robbed(state)), Observed(fresh=True, said=(said,)))
    assert (made.status["state"], kinds(made)) == (end, [])
    assert made.status["completionTime"] == stamp(NOW - 60)
    assert "the operator did not see how its program ended" in made.status["message"]
    assert made.ask == (ENDED_POD, "hello-", "hello", None)


def test_the_uid_of_the_job_is_kept_with_the_first_write_that_matters():
    made = step(run(status=status_of("PENDING")), Observed(job(active=1), (pod("Running"),)))
    assert made.status["attempts"][-1]["jobUid"] == job().uid
    again = step(run(status=status_of("PENDING")), Observed(job(active=1), (pod("Pending"),)), NOW - 95)
    assert again.status is None or again.status["state"] == "PENDING"


def test_without_an_event_of_the_job_the_next_attempt_begins():
    made = step(run(status=robbed()), Observed(fresh=True))
    assert made.ask == (ENDED_JOB, "j-1", "hello", None)
    assert (made.status["state"], made.status["attempt"]) == ("PENDING", 2)


def test_a_job_of_which_no_uid_is_known_is_not_asked_about():
    assert step(run(status=status_of("RUNNING")), Observed(fresh=True)).ask is None


@pytest.mark.parametrize(
    ("state", "suspend", "end"), [("RUNNING", False, "PENDING"), ("STOP", True, "STOPPED")]
)
@pytest.mark.parametrize("said", [DONE, EXHAUSTED])
def test_a_program_that_was_asked_to_end_has_not_done_its_work_whatever_its_job_said(
    state, suspend, end, said
):
    made = step(run(suspend=suspend, status=robbed(state)), Observed(fresh=True, said=(said, SAVED)))
    assert (made.status["state"], made.ask) == (end, None)


def test_a_deadline_ends_programs_itself():
    late = Said("DeadlineExceeded", "Job was active longer than specified deadline", 60.0, 0.0)
    made = step(run(status=robbed()), Observed(fresh=True, said=(late, SAVED)))
    assert condition(made, "Failed")["reason"] == "DeadlineExceeded"


def test_a_pod_that_lives_on_is_ended_first():
    made = step(
        run(status=robbed()), Observed(None, (pod("Running", controller=None),), fresh=True, said=(DONE,))
    )
    assert (made.status["state"], made.ask) == ("STOP", None)


def test_what_is_being_given_up_stays_so():
    known = {"type": "Running", "status": "False", "reason": "PendingDeadlineExceeded", "message": "late"}
    known["lastTransitionTime"] = stamp(NOW - 9)
    status = robbed("STOP") | {"conditions": [known]}
    made = step(run(status=status), Observed(fresh=True, said=(DONE,)))
    assert condition(made, "Failed")["reason"] == "PendingDeadlineExceeded"


def test_the_exit_code_that_was_seen_is_told_with_the_verdict():
    status = robbed() | {"pods": [{"name": "hello-x"}]}
    seen = Observed(pods=(pod("Failed", exit_code=3),), fresh=True, said=(EXHAUSTED,))
    made = step(run(status=status, policy={"backoffLimit": 1}), seen)
    assert (made.status["state"], made.status["attempts"][-1]["exitCode"]) == ("ERROR", 3)
    assert made.status["message"].startswith("main exited with code 3")
