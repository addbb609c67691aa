"""One Run through the whole of it: what is reported when a write is refused, and how long nothing is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from run_operator.api.raw import stamp
from run_operator.api.run import Run
from run_operator.children import Controller
from run_operator.children.event_facts import Question, Said, about_job
from run_operator.engine.pacing import ANSWERS_FIRST, BURST, RATE, Pacing
from run_operator.engine.reconciler import LONGEST_WAIT, REFUSED_AGAIN, Reconciler
from run_operator.engine.refusals import RefusedError
from run_operator.engine.store import Store
from run_operator.kube.errors import ForbiddenError, InvalidError, TooLargeError, TransientError
from run_operator.lifecycle.finish import MARKED_AFTER
from run_operator.lifecycle.model import DeleteChild, Observed, Refusal, RunEvent, ScaleChild
from run_operator.workloads.types import Options
from tests.support.builders import NOW, deployment, job, pod, replica, run, serve, service
from tests.support.planning import running


class Hands:
    """An executor that writes nothing, or fails to."""

    def __init__(
        self, status: Exception | None = None, action: Exception | None = None, notes: Sequence[str] = ()
    ) -> None:
        self.status, self.action, self.notes = status, action, list(notes)

    async def write_status(self, *_: Any) -> None:
        if self.status:
            raise self.status

    async def carry_out(self, *_: Any) -> list[str]:
        if self.action:
            raise self.action
        return self.notes


class Story:
    """A recorder."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def record(self, _: Run, event: RunEvent) -> None:
        self.lines.append(f"{event.type} {event.reason}: {event.message}")


UNDER_WAY = (job(), pod("Running"))


def reconciler(one: Run, hands: Hands, children: Any = UNDER_WAY) -> tuple[Any, Story]:
    store, story = Store(lambda *_: None), Story()
    store.put_run(one)
    for child in children:
        store.put_child(child)
    parts: Any = (store, hands, story, lambda: NOW, Options())
    return Reconciler(*parts), story


def in_a_burst() -> Pacing:
    """Many people changed something in the namespace of the tests just now."""
    pacing = Pacing(lambda: 0.0)
    for _ in range(BURST):
        pacing.changed(run().namespace)
    return pacing


RUNNING = {"state": "RUNNING", "attempt": 1, "startTime": stamp(NOW), "attempts": [{"attempt": 1}]}


@pytest.mark.parametrize("error", [InvalidError, ForbiddenError])
@pytest.mark.parametrize("where", ["status", "action"])
async def test_a_write_that_is_refused_is_reported_by_an_event(error, where):
    """The Run's status says what was to be done; only an Event can say that it is not."""
    stopped = run(suspend=True, status=RUNNING)
    one, story = reconciler(stopped, Hands(**{where: error("patch jobs/hello", 403, "policy says no")}))
    with pytest.raises(error):
        await one.reconcile(stopped.key)
    assert story.lines[-1] == (
        "Warning WriteRefused: patch jobs/hello: 403: policy says no; the operator tries again until it is allowed"
    )


async def test_a_status_that_cannot_be_stored_is_reported_and_not_tried_without_end():
    stopped = run(suspend=True, status=RUNNING)
    full = TooLargeError("patch runs/hello/status", 500, "etcdserver: request is too large")
    one, story = reconciler(stopped, Hands(status=full))
    assert await one.reconcile(stopped.key) == LONGEST_WAIT
    (line,) = story.lines
    assert line.startswith(
        "Warning TooLarge: patch runs/hello/status: 500: etcdserver: request is too large: "
    )
    assert "delete the Run and apply it with a smaller document" in line


async def test_a_refusal_that_the_status_has_no_room_for_is_reported_too():
    full = TooLargeError("patch runs/hello/status", 500, "etcdserver: request is too large")
    refused = RefusedError(Refusal("TooLarge", "the Job", final=True))
    one, story = reconciler(run(), Hands(status=full, action=refused), children=())
    assert await one.reconcile(run().key) == LONGEST_WAIT
    assert [line.split(":")[0] for line in story.lines] == ["Warning TooLarge"]


async def test_what_is_not_applied_because_of_what_is_there_is_reported_by_an_event():
    fresh = run()
    one, story = reconciler(fresh, Hands(notes=["claim hello-data keeps its 1Gi"]), children=())
    await one.reconcile(fresh.key)
    assert story.lines[-1] == "Warning NotApplied: claim hello-data keeps its 1Gi"


async def test_a_failure_that_passes_is_no_event():
    stopped = run(suspend=True, status=RUNNING)
    one, story = reconciler(stopped, Hands(action=TransientError("patch", 503, "down")))
    with pytest.raises(TransientError):
        await one.reconcile(stopped.key)
    assert [line.split(":")[0] for line in story.lines] == ["Normal Suspending"]


async def test_nothing_waits_longer_than_an_hour_without_a_look_at_the_clock():
    """A machine that slept, or a clock that was set: timers count other seconds than deadlines do."""
    over = {"state": "COMPLETED", "completionTime": stamp(NOW), "observedGeneration": 1}
    done = run(status=over, policy={"ttlSecondsAfterFinished": 10 * 24 * 3600})
    one, _ = reconciler(done, Hands())
    assert await one.reconcile(done.key) == LONGEST_WAIT


@pytest.mark.parametrize(
    ("policy", "final", "delay"),
    [
        ({}, False, REFUSED_AGAIN),
        ({"pendingDeadlineSeconds": 5}, False, 5),
        ({"pendingDeadlineSeconds": 50}, False, REFUSED_AGAIN),
        ({}, True, MARKED_AFTER),
        ({"ttlSecondsAfterFinished": 3}, True, 3),
    ],
)
async def test_after_a_refusal_deadlines_and_the_time_to_live_still_count(policy, final, delay):
    waiting = {"state": "PENDING", "attempt": 1, "startTime": stamp(NOW), "attempts": [{"attempt": 1}]}
    refused = RefusedError(Refusal("Forbidden", "quota", final=final))
    pending = run(policy=policy, status=waiting)
    one, _ = reconciler(pending, Hands(action=refused), children=())
    assert await one.reconcile(pending.key) == delay


@pytest.mark.parametrize(
    ("said", "reason"),
    [((Said("FailedCreate", "pods are forbidden: exceeded quota", 5, 0),), "FailedCreate"), ((), "NoPod")],
)
async def test_a_job_without_a_pod_is_asked_why_and_the_answer_is_written(said, reason):
    asked, wrote = [], []

    class Asking(Hands):
        async def why(self, one: Run, question: Question) -> Any:
            asked.append((one.name, question))
            return said

        async def write_status(self, _: Run, status: Any) -> None:
            wrote.append(status)

    since = stamp(NOW - 60)
    one = run(status={"state": "PENDING", "attempt": 1, "startTime": since, "attempts": [{"attempt": 1}]})
    made, _ = reconciler(one, Asking(), children=(job(),))
    assert await made.reconcile(one.key) == 60
    assert asked == [(one.name, about_job(job()))]
    assert [status["conditions"][0]["reason"] for status in wrote] == [reason]


@pytest.mark.parametrize(("answer", "removed"), [((), [DeleteChild]), (None, [])])
async def test_a_job_without_a_pod_is_removed_only_where_its_events_can_be_read(answer, removed):
    """Without them nobody knows whether a quota or a policy refuses its pod."""
    did: list[Any] = []

    class Asking(Hands):
        async def reread(self, one: Run) -> Any:
            return Observed(job(started=since), fresh=True)

        async def why(self, *_: Any) -> Any:
            return answer

        async def write_status(self, *_: Any) -> None:
            pass

        async def carry_out(self, _: Run, action: Any) -> list[str]:
            did.append(type(action))
            return []

    since = stamp(NOW - 600)
    begun = {"state": "PENDING", "attempt": 1, "startTime": since, "attempts": [{"attempt": 1}]}
    one = run(status=begun | {"transitions": [{"status": "PENDING", "time": since}]})
    made, _ = reconciler(one, Asking(), children=(job(started=since),))
    await made.reconcile(one.key)
    assert did == removed


async def test_a_question_after_a_second_reading_is_decided_with_that_reading():
    """A Run that is given up is looked at again first: decided with the older reading it would be that without end."""
    wrote: list[Any] = []

    class Asking(Hands):
        async def reread(self, one: Run) -> Any:
            return Observed(job(), fresh=True)

        async def why(self, *_: Any) -> Any:
            return (Said("FailedCreate", "exceeded quota", 5, 0),)

        async def write_status(self, _: Run, status: Any) -> None:
            wrote.append(status["state"])

    since = stamp(NOW - 60)
    one = run(status={"state": "RUNNING", "attempt": 1, "startTime": since, "attempts": [{"attempt": 1}]})
    made, _ = reconciler(one, Asking(), children=())
    await made.reconcile(one.key)
    assert wrote == ["PENDING"]


async def test_in_a_burst_what_can_wait_is_written_one_after_the_other():
    store, wrote = Store(lambda *_: None), []

    class Writing(Hands):
        async def write_status(self, one: Run, *_: Any) -> None:
            wrote.append(one.name)

    first, second = run(name="first"), replace(run(name="second"), uid="second")
    for one in (first, second):
        store.put_run(one)
        owner = Controller("Run", one.name, one.uid)
        store.put_child(replace(job(), uid=f"job-{one.name}", run_uid=one.uid, controller=owner))
    clock = iter([0.0, 0.0, 1.0])
    parts: Any = (store, Writing(), Story(), lambda: NOW, Options())
    reconciler_ = Reconciler(*parts, pacing=Pacing(lambda: next(clock)))
    await reconciler_.reconcile(first.key)
    assert await reconciler_.reconcile(second.key) == 1 / RATE
    assert wrote == ["first"]
    await reconciler_.reconcile(second.key)
    assert wrote == ["first", "second"]


async def test_in_a_burst_of_stops_everybody_is_answered_before_pods_are_ended():
    """The Run says STOP at once; its Job is suspended with the next look, which plans nothing else."""
    did: list[str] = []
    store = Store(lambda *_: None)

    class Noting(Hands):
        async def write_status(self, one: Run, status: Any) -> None:
            did.append(f"status {status['state']}")
            store.put_run(replace(one, status=status, resource_version="1000"), own=True)

        async def carry_out(self, _: Run, action: Any) -> list[str]:
            did.append(type(action).__name__)
            return []

    stopped = run(suspend=True, status=RUNNING)
    store.put_run(stopped)
    for child in UNDER_WAY:
        store.put_child(child)
    parts: Any = (store, Noting(), Story(), lambda: NOW, Options())
    one = Reconciler(*parts, pacing=in_a_burst())
    assert await one.reconcile(stopped.key) == ANSWERS_FIRST
    assert did == ["status STOP"]
    await one.reconcile(stopped.key)
    assert did == ["status STOP", "SuspendChild"]


async def test_more_replicas_are_no_end_and_come_at_once_in_a_burst_too():
    did: list[Any] = []

    class Noting(Hands):
        async def carry_out(self, _: Run, action: Any) -> list[str]:
            did.append(action)
            return []

    one, store = serve(status=running(), more={"replicas": 3}, generation=2), Store(lambda *_: None)
    store.put_run(one)
    for child in (deployment(), service(), replica()):
        store.put_child(child)
    parts: Any = (store, Noting(), Story(), lambda: NOW, Options())
    await Reconciler(*parts, pacing=in_a_burst()).reconcile(one.key)
    assert did == [ScaleChild("hello", "deployment-1", 3)]


@pytest.mark.parametrize(
    ("killed", "state"),
    [((), "COMPLETED"), ((Said("Killing", "Stopping container main", 65, 0),), "PENDING")],
)
async def test_of_a_job_that_is_gone_it_is_asked_how_it_ended_and_then_whether_its_pod_was_asked_to(
    killed, state
):
    asked: list[str] = []
    wrote: list[Any] = []

    class Asking(Hands):
        async def reread(self, _: Run) -> Any:
            return Observed(fresh=True)

        async def why(self, _: Run, question: Question) -> Any:
            asked.append(question.kind)
            return killed if question.kind == "EndedPod" else (Said("Completed", "Job completed", 60, 0),)

        async def write_status(self, _: Run, status: Any) -> None:
            wrote.append(status)

    entry = {"attempt": 1, "startTime": stamp(NOW - 90), "jobUid": "j"}
    one = run(status={"state": "RUNNING", "attempt": 1, "startTime": stamp(NOW - 90), "attempts": [entry]})
    made, _ = reconciler(one, Asking(), children=())
    await made.reconcile(one.key)
    assert asked == ["EndedJob", "EndedPod"]
    assert wrote[-1]["state"] == state
