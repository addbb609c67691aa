"""What the program did decides, whatever the containers beside it do."""

from __future__ import annotations

import pytest

from run_operator.lifecycle.model import CreateWorkload, DeleteChild, DeletePod, Observed
from tests.support.builders import NOW, job, pod, run
from tests.support.planning import condition, kinds, status_of, step


def running(**more):
    return run(status=status_of("RUNNING"), **more)


@pytest.mark.parametrize("code", [1, 2, 137, 143])
def test_a_native_sidecars_exit_code_says_nothing(code):
    ended = pod("Failed", exit_code=3, beside={"mesh": code}, sidecars=("mesh",))
    made = step(running(), Observed(job(failed_reason="BackoffLimitExceeded"), (ended,)))
    assert made.status["attempts"][-1]["exitCode"] == 3
    assert made.status["message"].startswith("main exited with code 3")


def test_an_out_of_memory_program_is_reported_beside_a_sidecar():
    ended = pod("Failed", exit_code=137, reason="OOMKilled", beside={"mesh": 137}, sidecars=("mesh",))
    made = step(running(), Observed(job(failed_reason="BackoffLimitExceeded"), (ended,)))
    assert condition(made, "Failed")["reason"] == "OOMKilled"


def test_the_end_and_the_duration_are_the_programs():
    ended = pod("Succeeded", exit_code=0, beside={"mesh": 137}, sidecars=("mesh",))
    made = step(running(), Observed(job(complete=True), (ended,)))
    assert "after 10 s" in made.status["message"]


def test_a_clock_that_goes_backwards_is_no_negative_duration():
    ended = pod("Succeeded", exit_code=0, finished=NOW - 11)
    made = step(running(), Observed(job(complete=True), (ended,)))
    assert "after 0 s" in made.status["message"]


@pytest.mark.parametrize("mesh", [None, "ImagePullBackOff", "CrashLoopBackOff"])
@pytest.mark.parametrize(("code", "state"), [(0, "COMPLETED"), (3, "ERROR")])
def test_a_pod_that_a_container_keeps_is_ended_and_the_program_decides(code, state, mesh):
    kept = pod("Pending" if mesh else "Running", exit_code=code, beside={"mesh": mesh})
    early = step(running(), Observed(job(active=1), (kept,)), NOW + 1)
    assert (early.status, early.wake_at) == (None, NOW + 10)
    made = step(running(), Observed(job(active=1), (kept,)), NOW + 10)
    assert kinds(made) == [DeleteChild]
    assert made.status["state"] == "RUNNING"
    assert "container mesh keeps the pod running" in made.status["message"]
    assert [event.reason for event in made.events] == ["PodKeptRunning"]
    going = pod("Running", exit_code=code, beside={"mesh": None}, due=NOW + 40)
    waits = step(run(status=made.status), Observed(None, (going,)), NOW + 11)
    assert (waits.status, waits.actions) == (None, ())
    last = step(run(status=made.status), Observed(None, (), fresh=True), NOW + 12)
    assert last.status["state"] == state
    assert last.status["attempts"][-1]["exitCode"] == code


def test_a_failed_program_with_retries_left_is_begun_again_by_its_job():
    kept = pod("Running", exit_code=3, beside={"mesh": None})
    made = step(running(policy={"backoffLimit": 1}), Observed(job(active=1), (kept,)), NOW + 10)
    assert made.actions == (DeletePod("hello-x", "uid-hello-x"),)


def test_sidecars_get_the_pods_grace_period_which_the_kubelet_gives_them():
    kept = pod("Running", exit_code=0, beside={"mesh": None}, sidecars=("mesh",))
    assert step(running(), Observed(job(active=1), (kept,)), NOW + 10).wake_at == NOW + 40


def test_a_stop_comes_too_late_for_a_program_that_has_ended():
    kept = pod("Running", exit_code=0, beside={"mesh": None})
    made = step(running(suspend=True), Observed(job(active=1), (kept,)), NOW + 1)
    assert kinds(made) == [DeleteChild]
    assert made.status["attempts"][-1]["reason"] == "CompletionsReached"


def test_a_pod_that_failed_beside_a_good_program_is_not_begun_again():
    failed = pod("Failed", exit_code=0, beside={"mesh": 1})
    made = step(running(policy={"backoffLimit": 2}), Observed(job(failed=0), (failed,)), NOW + 1)
    assert kinds(made) == [DeleteChild]
    over = step(running(), Observed(job(failed_reason="BackoffLimitExceeded"), (failed,)))
    assert over.status["state"] == "COMPLETED"


def test_a_program_that_the_deadline_ends_beside_a_sidecar_has_not_done_its_work():
    ended = pod("Running", exit_code=0, beside={"mesh": None}, due=NOW + 30)
    late = job(target=True, target_reason="DeadlineExceeded", terminating=1)
    made = step(running(), Observed(late, (ended,)), NOW + 20)
    assert made.actions == ()


def test_an_init_container_that_fails_is_reported():
    failed = pod("Failed", waiting="PodInitializing", beside={"setup": 4}, inits=("setup",))
    made = step(running(), Observed(job(failed_reason="BackoffLimitExceeded"), (failed,)), NOW + 2)
    assert made.status["message"].startswith("setup exited with code 4")


def test_a_job_that_draws_no_conclusion_is_reported():
    ended = pod("Succeeded", exit_code=0)
    early = step(running(), Observed(job(active=0), (ended,)), NOW + 1)
    assert (early.status, early.wake_at) == (None, NOW + 60)
    late = step(running(), Observed(job(active=0), (ended,)), NOW + 60)
    assert "the Job controller has not updated the Job yet" in late.status["message"]


def evicted_after(code: int = 3, **more):
    """Its program ended by itself; then the pod was evicted, because a container beside it kept it."""
    return pod(
        "Failed",
        exit_code=code,
        disrupted="EvictionByEvictionAPI",
        disrupted_at=NOW + 5,
        due=NOW + 40,
        **more,
    )


@pytest.mark.parametrize(
    ("limit", "failed", "used"), [(1, 1, 1), (3, 2, 2), (3, 0, 1)], ids=["first", "second", "not counted yet"]
)
def test_a_retry_that_is_left_is_made_though_the_rest_of_the_pod_was_evicted(limit, failed, used):
    over = job(failed=failed, failed_reason="PodFailurePolicy")
    policy = {"backoffLimit": limit, "maxInterruptions": 0}
    assert step(running(policy=policy), Observed(over, (evicted_after(),))).reread
    made = step(running(policy=policy), Observed(over, (evicted_after(),), fresh=True), NOW + 20)
    assert kinds(made) == [DeleteChild, CreateWorkload]
    assert made.actions[-1].workload.child["spec"]["backoffLimit"] == limit - used
    first, second = made.status["attempts"]
    assert (first["reason"], first["exitCode"], second["retries"]) == ("Retried", 3, used)
    assert "main exited with code 3" in first["message"]
    assert [event.reason for event in made.events] == ["Retried", "Resumed"]
    assert "interruptions" not in made.status
    last = step(
        run(status=made.status, policy=policy),
        Observed(job(attempt=2, failed=limit - used + 1, failed_reason="BackoffLimitExceeded"),
                 (pod("Failed", exit_code=3, name="hello-y", attempt=2),)),
        NOW + 60,
    )  # fmt: skip
    assert last.status["state"] == "ERROR"


def test_an_evicted_pod_without_a_retry_left_is_the_end_of_its_program():
    over = job(failed=2, failed_reason="PodFailurePolicy")
    made = step(running(policy={"backoffLimit": 1}), Observed(over, (evicted_after(),), fresh=True), NOW + 20)
    assert (made.status["state"], condition(made, "Failed")["reason"]) == ("ERROR", "BackoffLimitExceeded")


def test_a_stop_comes_before_the_retry():
    over = job(failed=1, failed_reason="PodFailurePolicy")
    one = run(suspend=True, status=status_of("STOP"), policy={"backoffLimit": 1})
    made = step(one, Observed(over, (evicted_after(),), fresh=True), NOW + 20)
    assert (made.status["state"], made.status["attempts"][-1]["exitCode"]) == ("STOPPED", 3)


def robbed(code: int, limit: int = 0, **more):
    """Its Job was deleted when its pod had ended, as by a `ttlSecondsAfterFinished` of 0."""
    status = status_of("RUNNING", pods=[{"name": "hello-x"}])
    status["attempts"] = [status["attempts"][0] | {"jobUid": "j-1"}]
    one = run(status=status, policy={"backoffLimit": limit})
    return step(one, Observed(pods=(pod("Failed", exit_code=code, **more),), fresh=True), NOW + 5)


def test_a_program_that_failed_before_its_job_was_deleted_has_failed():
    made = robbed(137, reason="OOMKilled")
    assert (made.status["state"], kinds(made)) == ("ERROR", [])
    assert (made.status["attempts"][-1]["exitCode"], condition(made, "Failed")["reason"]) == (
        137,
        "OOMKilled",
    )


def test_with_a_retry_left_the_jobs_event_decides():
    assert robbed(3, limit=1).ask is not None


def test_a_pod_that_ended_because_its_job_was_deleted_says_nothing():
    made = robbed(143, due=NOW + 20, grace=30)
    assert (made.status["state"], made.status["attempt"]) == ("PENDING", 2)
