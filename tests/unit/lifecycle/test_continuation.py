"""An attempt that is ended from outside goes on with the next one, whatever its Job made of the pod."""

from __future__ import annotations

from typing import Any

import pytest

from run_operator.api.raw import stamp
from run_operator.lifecycle.model import CreateWorkload, DeleteChild, DeletePod, Observed
from tests.support.builders import NOW, job, pod, run
from tests.support.planning import condition, kinds, status_of, step

ASKED: dict[str, Any] = {"due": NOW + 20, "grace": 30}


def events(made) -> dict[str, str]:
    return {event.reason: event.message for event in made.events}


def entry(**more):
    return {"attempt": 1, "startTime": stamp(NOW - 100)} | more


def test_its_job_goes_as_soon_as_the_pod_is_asked_to_end_and_the_run_names_the_cause():
    going = pod("Running", disrupted="EvictionByEvictionAPI", **ASKED)
    made = step(run(status=status_of("RUNNING")), Observed(job(active=1), (going,)))
    assert kinds(made) == [DeleteChild]
    assert made.status["state"] == "RUNNING"
    assert "was evicted" in made.status["message"]
    assert made.status["attempts"][-1]["interruptedBy"] == "EvictionByEvictionAPI"
    assert made.status["interruptions"] == 1
    assert condition(made, "Running")["reason"] == "Interrupted"
    assert "hello-x" in events(made)["RunInterrupted"]


@pytest.mark.parametrize(
    "over",
    [
        job(complete=True),
        job(failed=1, failed_reason="BackoffLimitExceeded"),
        job(active=0),
        job(active=1),  # not counted yet, or by a pod that it makes in place of this one
    ],
)
@pytest.mark.parametrize("code", [0, 143])
def test_the_next_attempt_begins_whatever_the_exit_code_and_the_jobs_verdict(over, code):
    ended = pod("Failed" if code else "Succeeded", exit_code=code, **ASKED)
    made = step(run(status=status_of("RUNNING")), Observed(over, (ended,), fresh=True))
    assert kinds(made) == [DeleteChild, CreateWorkload]
    assert (made.status["state"], made.status["attempt"]) == ("PENDING", 2)
    first = made.status["attempts"][0]
    assert (first["reason"], first["exitCode"], first["interruptedBy"]) == ("Interrupted", code, "PodDeleted")


def test_a_job_that_failed_for_a_disruption_nobody_saw_is_interrupted_too():
    gone = job(failed=1, failed_reason="PodFailurePolicy")
    made = step(run(status=status_of("RUNNING")), Observed(gone, (), fresh=True))
    assert made.status["attempt"] == 2


def test_a_recorded_interruption_stands_though_the_job_completes_and_its_pod_is_gone():
    status = status_of("RUNNING", attempts=[entry(interruptedBy="PodDeleted")], interruptions=1)
    made = step(run(status=status), Observed(job(complete=True), (), fresh=True))
    assert (made.status["state"], made.status["attempt"], made.status["interruptions"]) == ("PENDING", 2, 1)


def test_no_retry_is_spent_and_those_that_were_stay_spent():
    status, policy = status_of("RUNNING"), {"backoffLimit": 3}
    ended = pod("Failed", exit_code=143, **ASKED)
    seen = Observed(job(failed=2, active=0), (ended,), fresh=True)
    made = step(run(status=status, policy=policy), seen)
    assert made.actions[-1].workload.child["spec"]["backoffLimit"] == 2
    assert made.status["attempts"][-1]["retries"] == 1


@pytest.mark.parametrize("reason", ["NodeAffinity", "OutOfcpu", "OutOfpods", "UnexpectedAdmissionError"])
def test_a_pod_that_the_kubelet_refuses_spends_nothing(reason):
    refused = pod("Failed", pod_reason=reason)
    over = job(failed=1, failed_reason="BackoffLimitExceeded")
    made = step(run(status=status_of("PENDING")), Observed(over, (refused,), fresh=True))
    assert (made.status["state"], made.status["attempt"]) == ("PENDING", 2)
    assert made.status["attempts"][0]["reason"] == "NotStarted"
    assert "interruptions" not in made.status
    assert "retries" not in made.status["attempts"][0]


def test_an_interruption_without_end_ends_the_run_with_a_reason_of_its_own():
    status = status_of("RUNNING", interruptions=2)
    ended = pod("Failed", exit_code=143, **ASKED)
    one = run(status=status, policy={"maxInterruptions": 2})
    made = step(one, Observed(job(active=0), (ended,), fresh=True))
    assert made.status["state"] == "ERROR"
    assert condition(made, "Failed")["reason"] == "MaxInterruptionsExceeded"
    assert "PodDeleted" in condition(made, "Failed")["message"]


def test_interruptions_in_quick_succession_are_followed_by_ever_longer_pauses():
    before = [
        {"attempt": n, "startTime": stamp(NOW - 9), "endTime": stamp(NOW), "reason": "Interrupted", "interruptedBy": "X"}
        for n in (1, 2, 3)
    ]  # fmt: skip
    status = status_of("PENDING", 3, attempts=before, interruptions=3)
    waiting = step(run(status=status), Observed(fresh=True), NOW + 1)
    assert kinds(waiting) == []
    assert waiting.wake_at == NOW + 20
    assert "attempt 4 begins at" in waiting.status["message"]
    later = step(run(status=status), Observed(fresh=True), NOW + 20)
    assert kinds(later) == [CreateWorkload]


@pytest.mark.parametrize(("losses", "pause"), [(1, 0), (3, 0), (4, 10), (6, 40), (19, 300)])
def test_jobs_that_are_deleted_one_after_the_other_are_followed_by_ever_longer_pauses(losses, pause):
    began = [{"attempt": n, "startTime": stamp(NOW - 60)} for n in range(1, losses + 1)]
    over = [entry | {"endTime": stamp(NOW), "reason": "ChildDeleted"} for entry in began[:-1]]
    one = run(status=status_of("RUNNING", losses) | {"attempts": [*over, began[-1]]})
    made = step(one, Observed(fresh=True))
    assert (made.status["state"], made.status["attempt"]) == ("PENDING", losses if pause else losses + 1)
    if pause:
        assert made.wake_at == NOW + pause
        assert f"attempt {losses + 1} begins at {stamp(NOW + pause)}" in made.status["message"]


def test_a_resume_by_a_person_is_counted_from_the_beginning():
    status = status_of("STOPPED", attempts=[entry(endTime=stamp(NOW), reason="Interrupted", interruptedBy="X", retries=1)],
                       interruptions=7)  # fmt: skip
    made = step(run(status=status), Observed(fresh=True), NOW + 60)
    assert "interruptions" not in made.status
    assert "retries" not in made.status["attempts"][-1]


@pytest.mark.parametrize("ended_job", [job(suspend=True, complete=True), job(complete=True)])
def test_a_stop_of_a_run_whose_pod_was_ended_from_outside_is_a_stop(ended_job):
    ended = pod("Succeeded", exit_code=0, **ASKED)
    made = step(run(status=status_of("STOP"), suspend=True), Observed(ended_job, (ended,), fresh=True))
    assert made.status["state"] == "STOPPED"


def test_a_program_that_had_ended_before_it_was_asked_has_done_its_work():
    ended = pod("Succeeded", exit_code=0, due=NOW + 40, grace=30)
    made = step(run(status=status_of("RUNNING")), Observed(job(complete=True), (ended,)))
    assert made.status["state"] == "COMPLETED"


def test_a_node_that_does_not_answer_is_reported():
    made = step(run(status=status_of("RUNNING")), Observed(job(active=1), (pod("Running", ready=False),)))
    assert condition(made, "Running")["reason"] == "NodeNotReady"
    assert "does not answer" in events(made)["NodeNotReady"]


def test_a_pod_that_never_confirms_its_end_is_reported_and_nothing_begins_beside_it():
    status = status_of("RUNNING", attempts=[entry(interruptedBy="DeletionByTaintManager")])
    lost = pod("Running", due=NOW - 301, disrupted="DeletionByTaintManager")
    made = step(run(status=status), Observed(None, (lost,), fresh=True))
    assert made.actions == ()
    assert condition(made, "Running")["reason"] == "PodTerminationTimeout"
    assert "Delete the Node" in events(made)["PodTerminationTimeout"]


def test_the_deadline_holds_on_a_node_that_does_not_answer():
    lost = pod("Running", due=NOW - 301, disrupted="DeletionByTaintManager")
    late = run(status=status_of("RUNNING"), policy={"activeDeadlineSeconds": 60})
    announced = job(target=True, target_reason="DeadlineExceeded", terminating=1)
    first = step(late, Observed(announced, (lost,), fresh=True))
    assert kinds(first) == [DeleteChild]
    last = step(
        run(status=first.status, policy={"activeDeadlineSeconds": 60}), Observed(None, (lost,), fresh=True)
    )
    assert last.status["state"] == "ERROR"
    assert condition(last, "Failed")["reason"] == "DeadlineExceeded"
    assert "has not confirmed its end" in condition(last, "Failed")["message"]


def test_the_deadline_holds_without_a_job_too():
    status = status_of("RUNNING", attempts=[entry(interruptedBy="PodDeleted")])
    going = pod("Running", **ASKED)
    late = run(status=status, policy={"activeDeadlineSeconds": 60})
    assert step(late, Observed(None, (going,), fresh=True)).status["state"] == "STOP"
    early = step(
        run(status=status, policy={"activeDeadlineSeconds": 110}), Observed(None, (going,), fresh=True)
    )
    assert early.wake_at == NOW + 10


def test_pods_whose_job_was_deleted_without_them_are_ended_after_a_moment():
    orphan = pod("Running", controller=None)
    first = step(run(status=status_of("RUNNING")), Observed(None, (orphan,), fresh=True))
    assert (first.status["state"], kinds(first), first.wake_at) == ("STOP", [], NOW + 5)
    then = step(run(status=first.status), Observed(None, (orphan,), fresh=True), NOW + 5)
    assert then.actions == (DeletePod("hello-x", "uid-hello-x"),)
    assert "hello-x" in events(then)["OrphanEnded"]


def test_an_orphan_that_the_run_made_and_that_did_its_work_has_done_it():
    done = pod("Succeeded", exit_code=0)
    known = status_of("STOP", pods=[{"name": "hello-x"}])
    made = step(run(status=known), Observed(None, (done,), fresh=True))
    assert made.status["state"] == "COMPLETED"


def test_a_pod_that_only_carries_the_label_is_no_evidence():
    for forged in (
        pod("Succeeded", exit_code=0, controller=None),
        pod("Succeeded", exit_code=0, name="mine"),
    ):
        known = status_of("RUNNING", pods=[{"name": "hello-x"}])
        made = step(run(status=known), Observed(None, (forged,), fresh=True))
        assert made.status["state"] == "PENDING"
