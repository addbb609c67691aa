"""A Job that its controller has forgotten is removed; one whose controller is slow, down or held up is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from run_operator.api.raw import stamp
from run_operator.api.run import Run
from run_operator.children import JobView, PodView
from run_operator.children.event_facts import Said, about_job
from run_operator.lifecycle.model import CreateWorkload, DeleteChild, Observed, SetDeadline
from tests.support.builders import NOW, job, pod, run
from tests.support.planning import condition, kinds, status_of, step

SINCE = stamp(NOW)
AT = NOW + 120
QUESTION = about_job(job())
LOOKED_AT = job(started=SINCE)
"""Its controller has looked at it, and has made no pod."""
REFUSED = {
    "type": "Running",
    "status": "False",
    "reason": "FailedCreate",
    "message": "the Job cannot create a pod: exceeded quota",
    "lastTransitionTime": SINCE,
}


def pending(**more: Any) -> Run:
    begun = {"startTime": SINCE, "transitions": [{"status": "PENDING", "time": SINCE}]}
    known = status_of("PENDING", **(begun | more))
    return run(status={key: value for key, value in known.items() if value is not None})


def read(one: JobView = LOOKED_AT, pods: tuple[PodView, ...] = (), **more: Any) -> Observed:
    """What is there, with the Events of the Job read, unless `more` says otherwise."""
    facts: dict[str, Any] = {"fresh": True, "asked": (QUESTION,)} | more
    return Observed(one, pods, **facts)


def test_a_job_that_its_controller_has_forgotten_is_made_again_in_the_same_attempt():
    made = step(pending(), read(), AT)
    assert kinds(made) == [DeleteChild]
    assert [(one.type, one.reason) for one in made.events] == [("Warning", "JobForgotten")]
    assert (made.status["attempt"], made.status["state"]) == (1, "PENDING")
    gone = step(run(status=made.status), Observed(fresh=True), AT + 1)
    assert (kinds(gone), gone.status) == ([CreateWorkload], None)


def test_a_job_that_is_made_again_gets_the_rest_of_the_deadline_and_keeps_it():
    """Else a Job that is forgotten again and again would never end by its deadline."""
    policy = {"activeDeadlineSeconds": 600}
    before = pending(attempts=[{"attempt": 1, "startTime": SINCE, "jobUid": "job-1"}])
    made = step(run(status=before.status, policy=policy), Observed(fresh=True), AT)
    (created,) = made.actions
    assert isinstance(created, CreateWorkload)
    child = created.workload.child
    assert child["spec"]["activeDeadlineSeconds"] == 480
    again = JobView.from_object(
        child | {"metadata": child["metadata"] | {"uid": "job-2", "creationTimestamp": stamp(AT)}}
    )
    at_work = Observed(again, (pod("Running"),))
    assert step(run(status=before.status, policy=policy), at_work, AT + 2).actions == ()
    raised = step(run(status=before.status, policy={"activeDeadlineSeconds": 900}), at_work, AT + 2)
    assert raised.actions == (SetDeadline("hello", "job-2", 780),)
    spent = step(run(status=before.status, policy=policy), Observed(fresh=True), NOW + 900)
    assert [one.workload.child["spec"]["activeDeadlineSeconds"] for one in spent.actions] == [1]


def test_a_job_that_is_made_late_for_the_first_time_gets_the_whole_deadline():
    """A quota of Jobs may have held it for days."""
    made = step(run(status=pending().status, policy={"activeDeadlineSeconds": 600}), Observed(fresh=True), AT)
    assert [one.workload.child["spec"]["activeDeadlineSeconds"] for one in made.actions] == [600]


def test_the_api_server_and_the_events_are_asked_first():
    assert step(pending(), Observed(LOOKED_AT), AT).reread
    made = step(pending(), Observed(LOOKED_AT, fresh=True), AT)
    assert (made.ask, made.actions) == (QUESTION, ())


@pytest.mark.parametrize(
    ("seen", "status"),
    [
        pytest.param(read(job(created=SINCE)), {}, id="its controller has not looked at it: it is down or slow"),
        pytest.param(read(job(started=stamp(NOW + 1))), {}, id="not that long"),
        pytest.param(
            read(job(created=stamp(NOW - 86_400), started=stamp(AT - 1))), {}, id="a queue held it for a day"
        ),
        pytest.param(read(), {"startTime": stamp(AT - 1)}, id="a queue let it go a moment ago"),
        pytest.param(read(), {"startTime": None}, id="this look sees first that a queue let it go"),
        pytest.param(
            read(), {"transitions": [{"status": "PENDING", "time": stamp(AT - 1)}]}, id="it has just lost its pod"
        ),
        pytest.param(read(said=(Said("FailedCreate", "quota", 5, 0),)), {}, id="an Event says why"),
        pytest.param(read(asked=()), {}, id="Events cannot be read"),
        pytest.param(read(), {"conditions": [REFUSED]}, id="an Event said why, and has expired"),
        pytest.param(read(job(started=SINCE, failed=1)), {}, id="the pause before a retry"),
        pytest.param(read(job(started=SINCE, active=1)), {}, id="it counts a pod"),
        pytest.param(read(pods=(pod(),)), {}, id="a pod is there"),
        pytest.param(read(job(started=SINCE, managed_by="kueue.x-k8s.io/multikueue")), {}, id="of another cluster"),
        pytest.param(read(job(started=SINCE, suspend=True)), {}, id="it is suspended"),
    ],
)  # fmt: skip
def test_a_job_that_has_no_pod_for_another_reason_is_left_alone(seen, status):
    made = step(pending(**status), seen, AT)
    assert made.actions == ()
    assert not made.reread


def test_a_queue_that_lets_a_job_go_after_a_day_keeps_it():
    """The time in the queue counts nowhere: neither as time without a pod nor as active time."""
    waiting = {"status": "PENDING", "time": stamp(NOW - 86_400)}
    queued = pending(startTime=None, transitions=[waiting])
    one = job(created=stamp(NOW - 86_400))
    made = step(queued, read(one))
    assert (made.actions, made.status["startTime"]) == ((), SINCE)
    assert step(run(status=made.status), read(one), NOW + 600).actions == ()


def test_a_refusal_stays_in_the_status_when_its_event_has_expired():
    events = (Said("FailedCreate", "exceeded quota", 5, 0),)
    refused = run(status=step(pending(), read(said=events), NOW + 20).status)
    assert refused.status["reason"] == "FailedCreate"
    made = step(refused, read(), AT)
    assert (made.status, made.events) == (None, ())
    begun = step(refused, read(job(active=1), (pod("Running"),)), AT)
    assert (begun.status["state"], condition(begun, "Running")["reason"]) == ("RUNNING", "Running")


SILENT = job(suspend=True, noticed=False)
STOPPING = run(suspend=True, status=status_of("STOP", transitions=[{"status": "STOP", "time": SINCE}]))


def test_a_suspended_job_that_is_not_reported_as_suspended_does_not_hold_the_stop():
    assert step(STOPPING, Observed(SILENT), NOW + 30).reread
    made = step(STOPPING, Observed(SILENT, fresh=True), NOW + 30)
    assert kinds(made) == [DeleteChild]
    assert [one.reason for one in made.events] == ["JobForgotten"]
    stopped = step(run(suspend=True, status=made.status), Observed(fresh=True), NOW + 31)
    assert (stopped.status["state"], stopped.status["attempt"]) == ("STOPPED", 1)


OWN_END = pod("Failed", exit_code=3)


@pytest.mark.parametrize(
    ("one", "pods", "at"),
    [
        pytest.param(SILENT, (), 29, id="not that long"),
        pytest.param(SILENT, (pod("Running"),), 600, id="a pod is there"),
        pytest.param(SILENT, (pod("Succeeded", exit_code=0),), 600, id="its program did its work"),
        pytest.param(SILENT, (OWN_END,), 600, id="its program failed by itself"),
        pytest.param(job(suspend=True, noticed=False, failed=1), (pod("Succeeded", exit_code=0),), 600,
                     id="its retry did its work, and the pod before is gone"),
        pytest.param(job(suspend=True, noticed=False, active=1), (), 600, id="it counts a pod"),
        pytest.param(job(suspend=True, noticed=False, managed_by="x.io/y"), (), 600, id="of another controller"),
        pytest.param(job(suspend=True, noticed=False, target=True), (), 600, id="its verdict is announced"),
    ],
)  # fmt: skip
def test_a_suspended_job_that_has_not_been_forgotten_is_left_alone(one, pods, at):
    made = step(STOPPING, Observed(one, pods, fresh=True), NOW + at)
    assert (made.actions, made.reread) == ((), False)


def test_failures_that_are_counted_hold_no_stop():
    counted = job(suspend=True, noticed=False, failed=1)
    assert kinds(step(STOPPING, Observed(counted, (OWN_END,), fresh=True), NOW + 30)) == [DeleteChild]


def test_a_stop_says_that_only_the_controller_is_missing():
    one = Observed(job(suspend=True, noticed=False, active=1), fresh=True)
    made = step(STOPPING, one, NOW + 10)
    assert (
        made.status["message"] == "its pods have ended, and kube-controller-manager has not reported that yet"
    )
    assert step(run(suspend=True, status=made.status), one, NOW + 20).status is None


def test_thirty_seconds_count_from_the_stop_and_not_from_the_state_before():
    running = [{"status": "RUNNING", "time": stamp(NOW - 600)}]
    one = run(suspend=True, status=status_of("RUNNING", transitions=running))
    made = step(one, Observed(SILENT, fresh=True))
    assert (made.status["state"], made.actions) == ("STOP", ())


def test_an_attempt_says_that_it_waits_for_the_count_of_the_one_before():
    begun = [{"attempt": 1, "endTime": SINCE}, {"attempt": 2, "startTime": SINCE}]
    one = run(status=status_of("PENDING", 2, startTime=SINCE, attempts=begun))
    counting = Observed(job(suspend=True, active=1), fresh=True)
    assert (early := step(one, counting, NOW + 9)).status is None
    assert early.actions == ()
    late = step(one, counting, NOW + 10)
    assert late.actions == ()
    assert "has counted the ended pods of Job hello of attempt 1" in late.status["message"]
    made = step(one, replace(counting, job=job(suspend=True)), NOW + 11)
    assert kinds(made) == [DeleteChild, CreateWorkload]
