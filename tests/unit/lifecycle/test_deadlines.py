"""Deadlines: what counts under which policy, and who keeps them."""

from __future__ import annotations

from typing import Any

import pytest

from run_operator.api.raw import precise_stamp, stamp
from run_operator.api.run import Run
from run_operator.lifecycle.model import CreateWorkload, DeleteChild, Observed, ScaleChild, SetDeadline
from run_operator.lifecycle.plan import plan
from run_operator.workloads.types import Options
from tests.support.builders import NOW, deployment, job, pod, replica, run, serve, service


def step(one: Run, observed: Observed | None = None, now: float = NOW):
    return plan(one, observed or Observed(fresh=True), now, Options())


def stopped(*, active: int = 0, first: float = NOW - 100) -> dict[str, Any]:
    """Stopped after one attempt that was active for so many seconds and began at `first`."""
    attempt = {"attempt": 1, "startTime": stamp(first), "endTime": stamp(first + active)}
    return {
        "state": "STOPPED", "observedGeneration": 1, "attempt": 1, "attempts": [attempt],
        "firstStartTime": stamp(first), "activeSeconds": active, "suspendedBy": "User",
    }  # fmt: skip


def active(state: str, began: float, **more: Any) -> dict[str, Any]:
    begun = {"attempt": 1, "attempts": [{"attempt": 1, "startTime": stamp(began)}]}
    times = {"startTime": stamp(began), "firstStartTime": stamp(began)}
    return {"state": state, "observedGeneration": 1} | begun | times | more


def job_deadline(made) -> int:
    create = next(action for action in made.actions if isinstance(action, CreateWorkload))
    return create.workload.child["spec"]["activeDeadlineSeconds"]


@pytest.mark.parametrize(
    ("policy", "left"),
    [("Cumulative", 600 - 40), ("Continuous", 600), ("WallClock", 600 - 100)],
)
def test_the_next_attempt_gets_what_is_left(policy, left):
    one = run(policy={"activeDeadlineSeconds": 600, "deadlinePolicy": policy}, status=stopped(active=40))
    assert job_deadline(step(one)) == left


@pytest.mark.parametrize(
    ("policy", "state"), [("Cumulative", "ERROR"), ("Continuous", "PENDING"), ("WallClock", "ERROR")]
)
def test_a_resume_with_nothing_left_is_the_end(policy, state):
    one = run(policy={"activeDeadlineSeconds": 40, "deadlinePolicy": policy}, status=stopped(active=40))
    made = step(one)
    assert made.status["state"] == state
    if state == "ERROR":
        assert made.actions == ()
        assert made.status["conditions"][-1]["reason"] == "DeadlineExceeded"


def test_only_the_wall_clock_runs_while_the_run_is_stopped():
    policy = {"activeDeadlineSeconds": 200, "deadlinePolicy": "WallClock"}
    one = run(suspend=True, policy=policy, status=stopped(active=5))
    assert step(one).wake_at == NOW + 100
    assert step(one, now=NOW + 100).status["state"] == "ERROR"
    other = run(suspend=True, policy=policy | {"deadlinePolicy": "Cumulative"}, status=stopped(active=5))
    assert (step(other).wake_at, step(other, now=NOW + 10**6).status) == (None, None)


def test_active_time_is_summed_over_stops():
    one = run(suspend=True, status=active("STOP", NOW - 30, activeSeconds=12))
    made = step(one, Observed(job(suspend=True)))
    assert made.status["activeSeconds"] == 42
    assert "startTime" not in made.status
    assert made.status["firstStartTime"] == stamp(NOW - 30)


def test_a_deadline_changed_while_it_runs_is_given_to_the_job():
    one = run(policy={"activeDeadlineSeconds": 900}, status=active("RUNNING", NOW - 30))
    made = step(one, Observed(job(active=1, deadline=600), (pod("Running"),)))
    assert made.actions == (SetDeadline("hello", "job-1", 900),)
    again = step(one, Observed(job(active=1, deadline=900), (pod("Running"),)))
    assert again.actions == ()


def test_a_program_that_does_not_begin_to_run_in_time_is_given_up_when_its_pods_are_gone():
    policy = {"pendingDeadlineSeconds": 60}
    stuck = Observed(job(active=1), (pod(waiting="ErrImagePull", message="no such image"),))
    one = run(policy=policy, status=active("PENDING", NOW - 59, message="the image x cannot be pulled"))
    early = step(one, stuck)
    assert early.wake_at == NOW + 1
    over = step(one, stuck, NOW + 1)
    assert (over.status["state"], [type(a) for a in over.actions]) == ("STOP", [DeleteChild])
    ending = run(policy=policy, status=over.status)
    still = step(ending, Observed(None, (pod("Pending", due=NOW + 30),), fresh=True), NOW + 2)
    assert (still.status, still.actions) == (None, ())
    end = step(ending, Observed(fresh=True), NOW + 3)
    failed = next(c for c in end.status["conditions"] if c["type"] == "Failed")
    assert (end.status["state"], failed["reason"]) == ("ERROR", "PendingDeadlineExceeded")
    assert "cannot be pulled" in failed["message"]


def test_a_run_whose_job_says_nothing_is_looked_at_all_the_same():
    """A Job whose pod is refused has no condition, no count and no pod: no event would wake anybody."""
    silent = Observed(job())

    def wakes(**policy: int) -> float | None:
        return step(run(policy=policy), silent).wake_at

    assert wakes() == NOW + 10
    assert wakes(pendingDeadlineSeconds=5) == NOW + 5
    assert wakes(pendingDeadlineSeconds=60) == NOW + 10


def test_a_program_that_ran_once_is_not_pending_any_more():
    ran = [
        {"status": "PENDING", "time": precise_stamp(NOW - 5)},
        {"status": "RUNNING", "time": precise_stamp(NOW - 9)},
    ]
    one = run(policy={"pendingDeadlineSeconds": 5}, status=active("PENDING", NOW - 10, transitions=ran))
    assert step(one, Observed(job(active=1), (pod(),))).status["state"] == "PENDING"


def test_a_stop_comes_before_the_pending_deadline():
    one = run(suspend=True, policy={"pendingDeadlineSeconds": 5}, status=active("PENDING", NOW - 10))
    assert (
        step(one, Observed(job(active=1), (pod(),))).status["message"]
        == "suspended the Job, which ends its pods"
    )


def test_a_job_that_succeeded_meanwhile_has_succeeded():
    one = run(policy={"pendingDeadlineSeconds": 5}, status=active("PENDING", NOW - 600))
    seen = Observed(job(complete=True), (pod("Succeeded", exit_code=0),))
    assert step(one, seen).status["state"] == "COMPLETED"


def test_a_service_that_does_not_become_ready_in_time_is_given_up():
    one = serve(policy={"pendingDeadlineSeconds": 5}, status=active("PENDING", NOW - 10))
    seen = Observed(deployment=deployment(), services=(service(),), pods=(replica(False),))
    made = step(one, seen)
    assert [type(action) for action in made.actions] == [ScaleChild]
    given_up = serve(status=made.status)
    ending = Observed(deployment=deployment(replicas=0, pods=1), services=(service(),), fresh=True)
    assert step(given_up, ending).status is None
    down: dict[str, Any] = {"deployment": deployment(replicas=0), "services": (service(),)}
    assert step(given_up, Observed(**down)).reread
    assert step(given_up, Observed(**down, fresh=True)).status["state"] == "ERROR"
