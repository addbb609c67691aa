"""Stop and resume of a Run with a Job, and attempts that end because the Job was deleted."""

from __future__ import annotations

import json

import pytest

from run_operator.api.raw import precise_stamp, stamp
from run_operator.lifecycle.model import CreateWorkload, DeleteChild, Observed, ScaleChild, SuspendChild
from tests.support.builders import NOW, job, pod, replica, run, serve
from tests.support.planning import condition, kinds, seen, status_of, step


def test_a_resume_is_stored_before_its_pods_exist():
    made = step(run(status=status_of("STOPPED")), Observed(fresh=True))
    assert (made.status["attempt"], kinds(made)) == (2, [CreateWorkload])


def test_stop_is_said_while_a_pod_can_write_and_stopped_only_after():
    stopping = step(
        run(suspend=True, status=status_of("RUNNING")), Observed(job(active=1), (pod("Running"),))
    )
    assert (stopping.status["state"], kinds(stopping)) == ("STOP", [SuspendChild])
    still = step(run(suspend=True, status=status_of("STOP")), Observed(job(suspend=True), (pod("Running"),)))
    assert (still.status["state"], still.actions) == ("STOP", ())
    done = step(run(suspend=True, status=status_of("STOP")), Observed(job(suspend=True)))
    assert done.status["state"] == "STOPPED"
    assert condition(done, "Suspended")["status"] == "True"


@pytest.mark.parametrize("ending", [{"active": 1}, {"terminating": 1}])
def test_stopped_waits_for_the_jobs_own_count_too(ending):
    made = step(run(suspend=True, status=status_of("STOP")), Observed(job(suspend=True, **ending)))
    assert made.status["state"] == "STOP"


LATE = job(suspend=True, terminating=1)
"""Its pod has ended; its controller has not counted that yet."""
ASKED = pod("Failed", exit_code=143, due=NOW + 20, grace=30)
STOPPING = run(suspend=True, status=status_of("STOP"))


def test_a_list_of_the_pods_proves_the_stop_before_the_job_has_counted_them():
    assert step(STOPPING, Observed(LATE, (ASKED,))).reread
    made = step(STOPPING, Observed(LATE, (ASKED,), fresh=True))
    assert (made.status["state"], made.status["attempts"][0]["exitCode"]) == ("STOPPED", 143)


def test_the_list_shows_a_pod_that_the_streams_have_not_shown_yet():
    made = step(STOPPING, Observed(LATE, (ASKED, pod("Running", name="other")), fresh=True))
    assert made.status["state"] == "STOP"


@pytest.mark.parametrize(
    "pods",
    [
        pytest.param((pod("Succeeded", exit_code=0),), id="its program did its work"),
        pytest.param((pod("Failed", exit_code=3),), id="its program failed by itself"),
        pytest.param((), id="nobody saw it"),
        pytest.param((pod("Failed", exit_code=3), ASKED), id="one before it failed, and is not counted"),
    ],
)
def test_the_jobs_verdict_is_awaited_where_the_stop_did_not_surely_end_the_program(pods):
    made = step(STOPPING, Observed(LATE, pods, fresh=True))
    assert made.status is None or made.status["state"] == "STOP"


def test_an_announced_verdict_is_awaited():
    announced = job(suspend=True, terminating=1, target=True)
    assert step(STOPPING, Observed(announced, (ASKED,), fresh=True)).status["state"] == "STOP"


UNBOUND = pod(node="", due=NOW + 30)
"""It was asked to end before it had a node: the API server gives it none any more."""


def test_a_pod_that_is_deleted_before_it_has_a_node_is_not_waited_for():
    assert step(STOPPING, Observed(LATE, (UNBOUND,))).reread
    made = step(STOPPING, Observed(LATE, (UNBOUND,), fresh=True))
    assert (made.status["state"], condition(made, "Suspended")["reason"]) == ("STOPPED", "JobSuspended")


@pytest.mark.parametrize("waiting", [pod(node=""), pod(due=NOW + 30)], ids=["not deleted", "with a node"])
def test_another_pending_pod_is_waited_for(waiting):
    assert step(STOPPING, Observed(LATE, (waiting,), fresh=True)).status["state"] == "STOP"


@pytest.mark.parametrize("reason", ["BackoffLimitExceeded", "PodFailurePolicy"])
@pytest.mark.parametrize(
    "ended",
    [
        pytest.param(pod("Failed", node="", due=NOW + 30), id="it never had a node"),
        pytest.param(
            pod("Failed", node="", due=NOW + 30, disrupted="EvictionByEvictionAPI"),
            id="nor one, and was evicted",
        ),
        pytest.param(
            pod(
                "Failed",
                exit_code=143,
                due=NOW + 20,
                disrupted="EvictionByEvictionAPI",
                disrupted_at=NOW - 10,
            ),
            id="evicted as the stop came",
        ),
    ],
)
def test_a_job_that_fails_for_a_pod_that_was_asked_to_end_does_not_fail_a_stopped_run(ended, reason):
    failed = job(suspend=True, failed=1, failed_reason=reason)
    made = step(STOPPING, Observed(failed, (ended,), fresh=True))
    assert (made.status["state"], made.status["attempts"][0]["reason"]) == ("STOPPED", "Suspended")
    later = step(run(suspend=True, status=made.status), Observed(failed, (ended,), fresh=True))
    assert (later.status or made.status)["state"] == "STOPPED"
    resumed = step(run(status=made.status), Observed(failed, (ended,), fresh=True))
    assert (resumed.status["state"], resumed.status["attempt"]) == ("PENDING", 2)
    assert [event.reason for event in resumed.events] == ["Resumed"]


def test_a_program_that_failed_before_it_was_asked_to_end_fails_the_run():
    failed = job(suspend=True, failed=1, failed_reason="BackoffLimitExceeded")
    before = pod("Failed", exit_code=3, finished=NOW - 40, due=NOW + 20, grace=30)
    assert step(STOPPING, Observed(failed, (before,), fresh=True)).status["state"] == "ERROR"


def test_a_deadline_that_ended_the_program_is_the_end_also_where_a_stop_came_too_late():
    failed = job(suspend=True, failed=1, failed_reason="DeadlineExceeded")
    made = step(STOPPING, Observed(failed, (ASKED,), fresh=True))
    assert (made.status["state"], condition(made, "Failed")["reason"]) == ("ERROR", "DeadlineExceeded")


@pytest.mark.parametrize("state", ["STOPPED", "STOP"])
def test_a_resume_right_after_the_stop_counts_the_attempt_and_makes_its_job_when_the_old_one_has_counted_its_pods(
    state,
):
    """The Job controller would hold back a new Job of that name while it expects something of the old one's pods."""
    resumed = run(status=status_of(state, transitions=[{"status": state, "time": stamp(NOW - 60)}]))
    assert step(resumed, Observed(LATE, (ASKED,))).reread
    made = step(resumed, Observed(LATE, (ASKED,), fresh=True))
    assert (made.status["state"], made.status["attempt"], made.actions, made.wake_at) == (
        "PENDING",
        2,
        (),
        NOW + 10,
    )
    later = run(status=made.status)
    assert step(later, Observed(LATE, (ASKED,))).actions == ()
    assert kinds(step(later, Observed(job(suspend=True), (ASKED,)))) == [DeleteChild, CreateWorkload]


def test_the_leftover_job_stays_until_it_has_counted_its_pods():
    long_ago = {
        "type": "Suspended",
        "status": "True",
        "reason": "JobSuspended",
        "lastTransitionTime": stamp(NOW - 60),
    }
    stopped = run(suspend=True, status=status_of("STOPPED", conditions=[long_ago]))
    made = step(stopped, Observed(LATE, (ASKED,)))
    assert (made.actions, made.wake_at) == ((), NOW + 10)
    assert kinds(step(stopped, Observed(job(suspend=True), (ASKED,)))) == [DeleteChild]


def test_a_stopped_run_asks_for_no_list_again_while_its_job_still_counts():
    done = step(STOPPING, Observed(LATE, (ASKED,), fresh=True)).status
    again = step(run(suspend=True, status=done), Observed(LATE, (ASKED,)))
    assert (again.status, again.reread) == (None, False)


def test_a_stop_works_while_the_image_cannot_be_pulled():
    seen = Observed(job(active=1), (pod(waiting="ErrImagePull"),))
    assert kinds(step(run(suspend=True, status=status_of("PENDING")), seen)) == [SuspendChild]


def test_a_program_that_never_began_has_no_exit_code():
    """The kubelet gives 137 for a container that it never started, such as one whose image could not be pulled."""
    gone = pod("Failed", exit_code=137, reason="ContainerStatusUnknown")
    seen = Observed(job(suspend=True), (gone,))
    made = step(run(suspend=True, status=status_of("STOP", attempt=1)), seen)
    assert made.status["state"] == "STOPPED"
    assert (made.status["attempts"][0]["reason"], made.status["attempts"][0].get("exitCode")) == (
        "Suspended",
        None,
    )
    assert "137" not in made.status["attempts"][0]["message"]


def test_a_stop_once_begun_is_finished_though_suspend_becomes_false():
    seen = Observed(job(suspend=True), (pod("Running"),))
    made = step(run(status=status_of("STOP")), seen)
    assert (made.status, made.actions) == (None, ())  # STOP, until the pod is gone


def test_a_stop_that_takes_long_says_what_it_waits_for():
    begun = [{"status": "STOP", "time": stamp(NOW)}]
    one = run(suspend=True, status=status_of("STOP", transitions=begun))
    seen = Observed(job(suspend=True), (pod("Running", due=NOW + 30),))
    assert step(one, seen, NOW + 9).wake_at == NOW + 10
    late = step(one, seen, NOW + 10)
    assert late.status["message"] == "waiting for pod hello-x on node node-1 to end"
    assert late.wake_at == NOW + 330


def test_a_resume_is_the_next_attempt_and_replaces_the_job():
    made = step(run(status=status_of("STOPPED")), Observed(job(suspend=True)))
    assert made.status["attempt"] == 2
    assert kinds(made) == [DeleteChild, CreateWorkload]
    assert made.status["attempts"][0]["reason"] == "Suspended"


def test_a_run_that_finished_first_is_completed_and_not_stopped():
    seen = Observed(job(complete=True, suspend=True), (pod("Succeeded", exit_code=0),))
    assert step(run(suspend=True, status=status_of("STOP")), seen).status["state"] == "COMPLETED"


def test_no_new_attempt_begins_while_an_old_pod_lives():
    made = step(run(status=status_of("RUNNING")), Observed(None, (pod("Running"),), fresh=True))
    assert made.actions == ()
    assert made.status["state"] == "STOP"
    after = step(run(status=made.status), Observed(fresh=True))
    assert (after.status["attempt"], after.status["attempts"][0]["reason"]) == (2, "ChildDeleted")


def test_a_job_deleted_by_hand_is_checked_and_then_made_again_as_the_next_attempt():
    assert step(run(status=status_of("RUNNING"))).reread
    made = step(run(status=status_of("RUNNING")), Observed(fresh=True))
    assert made.status["attempt"] == 2
    assert made.status["attempts"][0]["reason"] == "ChildDeleted"
    assert kinds(made) == [CreateWorkload]


@pytest.mark.parametrize(
    ("attempt", "ran", "lost"),
    [(1, 0.5, True), (1, None, False), (2, 1.0, True), (2, 0.5, False), (2, -5.0, False)],
)
def test_a_run_that_lost_its_pod_first_and_then_its_job_lost_an_attempt(attempt, ran, lost):
    """PENDING, no child: not made yet, unless its program ran. A start is a whole second, so that of the first one is doubted."""
    began = NOW - 60
    transitions = [{"status": "PENDING", "time": precise_stamp(began)}]
    if ran is not None:
        transitions.insert(0, {"status": "RUNNING", "time": precise_stamp(began + ran)})
    attempts = [{"attempt": attempt, "startTime": stamp(began)}]
    status = status_of("PENDING", attempt, startTime=stamp(began), attempts=attempts, transitions=transitions)
    if lost:
        assert step(run(status=status)).reread
    made = step(run(status=status), Observed(fresh=True))
    assert kinds(made) == [CreateWorkload]
    if lost:
        assert made.status["attempt"] == attempt + 1
        assert made.status["attempts"][0]["reason"] == "ChildDeleted"
    else:
        assert made.status is None


def test_a_stopped_attempt_keeps_the_exit_code_of_its_last_pod():
    """Also when the pod is deleted by the time nothing can write any more."""
    last = pod("Failed", exit_code=143, due=NOW, said="step 7")
    one = run(suspend=True, status=status_of("STOP"))
    for there in (Observed(job(suspend=True), (last,)), Observed(job(suspend=True), gone=(last,))):
        ended = step(one, there).status["attempts"][-1]
        assert (ended["reason"], ended["exitCode"], ended["podName"]) == ("Suspended", 143, "hello-x")
        assert ended["message"] == "stopped: main exited with code 143, SIGTERM (pod hello-x)"


def test_a_pod_on_a_dead_node_blocks_a_stop_for_a_bounded_time_and_the_status_says_so():
    one = run(suspend=True, status=status_of("STOP"), policy={"podTerminationTimeoutSeconds": 60})
    seen = Observed(job(suspend=True, terminating=1), (pod("Running", due=NOW),))
    waiting = step(one, seen, NOW + 59)
    assert (waiting.status["state"], waiting.wake_at) == ("STOP", NOW + 60)
    made = step(one, seen, NOW + 60)
    suspended = condition(made, "Suspended")
    assert (made.status["state"], suspended["status"]) == ("STOPPED", "True")
    assert suspended["reason"] == "PodTerminationTimeout"
    assert "pod hello-x on node node-1 has not confirmed its end" in suspended["message"]
    assert [event.type for event in made.events] == ["Warning"]


def test_the_suspended_job_of_a_stopped_run_is_removed_after_a_while():
    stopped = step(run(suspend=True, status=status_of("STOP")), Observed(job(suspend=True, version="44")))
    one = run(suspend=True, status=stopped.status)
    early = step(one, Observed(job(suspend=True, version="44")), NOW + 4)
    assert (early.actions, early.wake_at) == ((), NOW + 5)
    late = step(one, Observed(job(suspend=True, version="44")), NOW + 5)
    assert late.actions == (DeleteChild("hello", "job-1", version="44"),)
    assert late.status is None
    gone = step(one, Observed(), NOW + 6)
    assert (gone.status, gone.actions, gone.wake_at) == (None, (), None)


def test_the_job_of_an_earlier_attempt_let_go_by_somebody_is_removed_first():
    one = run(status=status_of("PENDING", 2))
    made = step(one, Observed(job(attempt=1), (pod("Running"),)))
    assert (kinds(made), made.status["state"]) == ([DeleteChild], "STOP")


def test_before_a_stop_without_a_job_is_reported_the_api_server_is_asked():
    one = run(suspend=True, status=status_of("PENDING"))
    assert step(one).reread
    assert step(one, Observed(fresh=True)).status["state"] == "STOPPED"


@pytest.mark.parametrize("pods", [(pod("Running", due=NOW + 30),), ()])
def test_a_stop_is_taken_up_while_somebody_deletes_the_job(pods):
    """A Job that is deleted in the foreground stays until its last pod is gone, which may be never on a dead node."""
    one = run(suspend=True, status=status_of("RUNNING"))
    made = step(one, Observed(job(deleting=True), pods, fresh=True))
    assert made.status["state"] == ("STOP" if pods else "STOPPED")
    lost = step(
        run(suspend=True, status=status_of("STOP")),
        Observed(job(deleting=True), (pod("Running", due=NOW - 301),), fresh=True),
    )
    assert (lost.status["state"], condition(lost, "Suspended")["reason"]) == (
        "STOPPED",
        "PodTerminationTimeout",
    )


def test_a_mistake_edited_into_a_stopped_run_is_reported_before_the_resume_that_would_end_it():
    bad = {"task": "container+job://demo/t", "image": "busybox", "resources": {"mem": "lots"}}
    stopped_ = step(run(suspend=True, status=status_of("STOP")), Observed(fresh=True)).status
    edited = step(run(suspend=True, status=stopped_, spec=bad, generation=2))
    assert (
        "the document has a mistake: spec.spec.resources.mem: 'lots' is not a quantity"
        in edited.status["message"]
    )
    assert ([event.reason for event in edited.events], edited.status["state"]) == (["InvalidSpec"], "STOPPED")
    assert step(run(suspend=True, status=edited.status, spec=bad, generation=2)).status is None
    mended = step(run(suspend=True, status=edited.status, generation=3))
    assert (mended.status["message"], mended.events) == (stopped_["message"], ())


class TestDeletedRunsThatAFinalizerHoldsBack:
    def test_their_job_is_suspended(self):
        one = run(deleting=True, status=status_of("RUNNING"))
        made = step(one, Observed(job(active=1), (pod("Running"),)))
        assert made.actions == (SuspendChild("hello", "job-1"),)
        assert made.status["state"] == "STOP"

    def test_their_deployment_is_scaled_to_nothing(self):
        made = step(serve(deleting=True, status=status_of("RUNNING")), seen(replica()))
        assert made.actions == (ScaleChild("hello", "deployment-1", 0),)

    def test_nothing_is_started_for_them(self):
        for state in ("CREATED", "PENDING", "STOPPED"):
            one = run(deleting=True, status=status_of(state, attempt=int(state != "CREATED")))
            assert step(one, Observed(fresh=True)).actions == ()

    def test_those_that_have_ended_are_left_alone(self):
        one = run(deleting=True, policy={"ttlSecondsAfterFinished": 0}, status=status_of("COMPLETED"))
        assert (step(one).status, step(one).actions) == (None, ())


def test_control_characters_of_programs_reach_no_text_of_ours():
    said = "\x1b]0;owned\x07\x1b[2J\u202ebad"
    ended = Observed(job(failed_reason="BackoffLimitExceeded"), (pod("Failed", exit_code=3, said=said),))
    made = step(run(status=status_of("RUNNING")), ended)
    assert "bad" in made.status["message"]
    texts = json.dumps([made.status, [event.message for event in made.events]], ensure_ascii=False)
    assert texts.isprintable()
