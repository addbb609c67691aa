"""A Job or Deployment that somebody deletes and that is not gone yet: what it waits for is said, and deadlines hold."""

from __future__ import annotations

import pytest

from run_operator.api.raw import stamp
from run_operator.lifecycle.model import CreateWorkload, DeletePod, Observed
from tests.support.builders import NOW, deployment, job, pod, replica, run, serve
from tests.support.planning import condition, kinds, running, seen, status_of, step

GOING = {"due": NOW + 20, "grace": 30}
DEAD = {"due": NOW - 301}


@pytest.mark.parametrize(
    ("pods", "said"),
    [
        ((pod("Running", **GOING),), "waiting for pod hello-x on node"),
        ((pod("Running", **DEAD),), "Delete the Node"),
        ((), "a finalizer keeps it: kubectl get job hello"),
        ((pod("Succeeded", exit_code=0, due=NOW + 20, grace=30),), "a finalizer keeps it"),
    ],
)
def test_what_a_job_that_is_being_deleted_waits_for_is_said_once(pods, said):
    made = step(run(status=status_of("RUNNING")), Observed(job(deleting=True), pods, fresh=True))
    assert said in made.status["message"]
    assert (condition(made, "Running")["status"], condition(made, "Running")["reason"]) == (
        "False",
        "ChildDeleted",
    )
    assert [event.reason for event in made.events] == ["ChildDeleted"]
    assert made.wake_at is not None
    assert kinds(made) == []
    again = step(run(status=made.status), Observed(job(deleting=True), pods, fresh=True))
    assert not again.events
    assert again.status is None


def test_a_deployment_that_is_being_deleted_says_so():
    going = seen(replica(deleting=True), deployment=deployment(deleting=True))
    made = step(serve(status=running()), going)
    assert "its Deployment hello is being deleted" in made.status["message"]


def test_the_next_attempt_begins_when_the_job_is_gone():
    status = step(run(status=status_of("RUNNING")), Observed(job(deleting=True), fresh=True)).status
    made = step(run(status=status), Observed(fresh=True))
    assert (made.status["attempt"], kinds(made)) == (2, [CreateWorkload])


def test_the_deadline_holds_for_a_job_that_never_goes():
    one = run(status=status_of("RUNNING"), policy={"activeDeadlineSeconds": 50})
    asked = step(one, Observed(job(deleting=True), (pod("Running", **GOING),)))
    assert asked.status["state"] == "STOP"
    lost = Observed(job(deleting=True), (pod("Running", **DEAD),), fresh=True)
    made = step(run(status=asked.status, policy={"activeDeadlineSeconds": 50}), lost)
    assert made.status["state"] == "ERROR"
    assert condition(made, "Failed")["reason"] == "DeadlineExceeded"


def test_a_stop_that_had_begun_goes_on():
    status = status_of("STOP", transitions=[{"status": "STOP", "time": stamp(NOW - 60)}])
    made = step(run(status=status), Observed(job(deleting=True), (pod("Running", **GOING),)))
    assert made.status["state"] == "STOP"
    assert "waiting for pod hello-x" in made.status["message"]


def test_the_verdict_of_a_job_counts_although_somebody_deletes_it():
    done = Observed(job(complete=True, deleting=True), (pod("Succeeded", exit_code=0),), fresh=True)
    assert step(run(status=status_of("RUNNING")), done).status["state"] == "COMPLETED"


def test_pods_that_nobody_ends_because_a_finalizer_holds_their_job_are_ended_after_a_moment():
    held = Observed(job(deleting=True), (pod("Running"),), fresh=True)
    asked = step(run(status=status_of("RUNNING")), held)
    assert kinds(asked) == []
    assert asked.wake_at == NOW + 5
    assert kinds(step(run(status=asked.status), held, NOW + 5)) == [DeletePod]


def test_nothing_begins_beside_a_pod_on_a_dead_node_whose_job_was_deleted():
    lost = Observed(None, (pod("Running", **DEAD),), fresh=True)
    made = step(run(status=status_of("RUNNING")), lost)
    assert (made.status["state"], made.status["attempt"], kinds(made)) == ("STOP", 1, [])
    assert "Delete the Node" in made.status["message"]
    gone = step(run(status=made.status), Observed(fresh=True))
    assert (gone.status["attempt"], kinds(gone)) == (2, [CreateWorkload])
    stopped = step(run(status=made.status, suspend=True), lost)
    assert stopped.status["state"] == "STOPPED"
    resumed = step(run(status=stopped.status), lost)
    assert resumed.status["attempt"] == 2
