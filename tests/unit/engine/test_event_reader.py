"""Why Jobs make no pods, and pods no containers, from their Events: one question for all of a namespace."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from run_operator.api.raw import precise_stamp, stamp
from run_operator.children.event_facts import JOB, POD, Question, about_ended_job
from run_operator.engine.event_reader import KEPT, MOST_READ, MOST_SAID, NEW, PAUSE, EventReader
from run_operator.kube.errors import ForbiddenError, KubeError
from tests.support.builders import NOW


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Events:
    """Answers lists of Events, or refuses them; what it was asked is in `asked`."""

    def __init__(self, clock: Clock) -> None:
        self.said: list[dict[str, Any]] = []
        self.error: KubeError | None = None
        self.asked: list[str] = []
        self.read = 0
        self.takes = 0.0
        self.clock = clock

    async def list_objects(self, resource: Any, *, namespace: str, fields: str) -> Any:
        self.asked.append(f"{resource.plural} {namespace} {fields}")
        await asyncio.sleep(0)
        self.clock.now += self.takes
        if self.error:
            raise self.error
        for raw in self.said:
            self.read += 1
            yield raw


def event(
    uid: str, message: str, ago: float = 0, reason: str = "FailedCreate", **more: Any
) -> dict[str, Any]:
    return {
        "involvedObject": {"uid": uid},
        "reason": reason,
        "message": message,
        "lastTimestamp": stamp(NOW - ago),
    } | more


def reasons() -> tuple[EventReader, Events, Clock]:
    clock = Clock()
    events = Events(clock)
    api: Any = events
    return EventReader(api, clock, lambda: NOW), events, clock


def job(uid: str) -> Question:
    return Question(JOB, uid, uid)


def pod(uid: str) -> Question:
    return Question(POD, uid, uid)


async def why(one: EventReader, question: Question) -> list[str]:
    found = await one.why("ml", question)
    assert found is not None
    return [said.message for said in found]


async def test_the_events_of_a_job_say_why_it_has_no_pod_the_newest_first():
    one, events, _ = reasons()
    events.said = [event("job-1", "old", 5), event("job-1", "new", 1)]
    assert (await why(one, job("job-1")), await why(one, job("job-2"))) == (["new", "old"], [])
    assert events.asked == ["events ml involvedObject.kind=Job,reason=FailedCreate"]


async def test_the_events_of_a_pod_are_asked_for_apart_and_chosen_by_their_reason():
    """A field selector cannot name three reasons; the most frequent others are left out by it."""
    one, events, _ = reasons()
    events.said = [
        event("pod-1", "no mount", 9, "FailedMount"),
        event("pod-1", "no sandbox", 3, "FailedCreatePodSandBox"),
        event("pod-1", "no volume", 6, "FailedAttachVolume"),
        event("pod-1", "probe", 1, "NetworkNotReady"),
    ]
    assert await why(one, pod("pod-1")) == ["no sandbox", "no volume", "no mount"]
    assert await why(one, job("pod-1")) == []
    assert [asked.split(",")[0] for asked in events.asked] == [
        "events ml involvedObject.kind=Pod",
        "events ml involvedObject.kind=Job",
    ]
    assert ",type=Warning,reason!=FailedScheduling,reason!=BackOff," in events.asked[0]


@pytest.mark.parametrize(
    ("times", "ago", "lasted"),
    [
        ({"firstTimestamp": stamp(NOW - 30), "lastTimestamp": stamp(NOW - 10)}, 10, 20),
        ({"firstTimestamp": None, "lastTimestamp": None, "eventTime": precise_stamp(NOW - 30)}, 30, 0),
        (
            {
                "firstTimestamp": None, "lastTimestamp": None, "eventTime": precise_stamp(NOW - 30),
                "series": {"lastObservedTime": precise_stamp(NOW - 10)},
            },
            10,
            20,
        ),
    ],
)  # fmt: skip
async def test_when_it_was_said_is_read_from_events_of_both_kinds(times, ago, lasted):
    one, events, _ = reasons()
    events.said = [event("pod-1", "x", reason="FailedMount", **times)]
    (said,) = await one.why("ml", pod("pod-1"))
    assert (said.ago, said.lasted) == (ago, lasted)


async def test_however_many_wait_their_namespace_is_asked_once():
    one, events, clock = reasons()
    events.said = [event(f"job-{i}", f"because {i}") for i in range(300)]
    answers = await asyncio.gather(*(why(one, job(f"job-{i}")) for i in range(300)))
    assert answers == [[f"because {i}"] for i in range(300)]
    clock.now += KEPT - 1
    assert await why(one, job("job-7")) == ["because 7"]
    assert len(events.asked) == 1
    clock.now += 1
    assert await why(one, job("job-7")) == ["because 7"]
    assert len(events.asked) == 2


async def test_who_is_not_in_the_answer_is_soon_asked_for_again():
    one, events, clock = reasons()
    assert await why(one, pod("pod-1")) == []
    events.said = [event("pod-1", "a volume", reason="FailedMount")]
    clock.now += NEW - 1
    assert await why(one, pod("pod-1")) == []
    clock.now += 1
    assert await why(one, pod("pod-1")) == ["a volume"]


async def test_what_takes_the_api_server_long_is_asked_more_seldom():
    one, events, clock = reasons()
    events.takes = 3.0
    await why(one, pod("pod-1"))
    clock.now += PAUSE * events.takes - 1
    await why(one, pod("pod-1"))
    assert len(events.asked) == 1
    clock.now += 1
    await why(one, pod("pod-1"))
    assert len(events.asked) == 2


async def test_only_so_many_events_are_read_and_few_of_them_remembered():
    one, events, _ = reasons()
    events.said = [event("pod-1", f"{i}", i, "FailedMount") for i in range(MOST_READ + 7)]
    assert await why(one, pod("pod-1")) == [str(i) for i in range(MOST_SAID)]
    assert events.read == MOST_READ
    assert await one.why("ml", pod("pod-2")) is None  # what was not read may be about it


async def test_without_the_right_nothing_is_explained_and_not_asked_all_the_time():
    one, events, _ = reasons()
    events.error = ForbiddenError("list events", 403, "no")
    assert [await one.why("ml", job("job-1")), await one.why("ml", job("job-2"))] == [None, None]
    assert len(events.asked) == 1


async def test_the_verdict_of_a_job_is_its_controllers():
    """Others write Events about Jobs as well, and with the same words."""
    reader, events, _ = reasons()
    ours: dict[str, Any] = {"source": {"component": "job-controller"}}
    events.said = [
        event("a", "Job completed", reason="Completed", **ours),
        event("a", "created", reason="SuccessfulCreate", **ours),
        event("b", "Job completed", reason="Completed", source={"component": "kueue"}),
        event("c", "no more", reason="BackoffLimitExceeded", source={}, reportingComponent="job-controller"),
    ]
    found = {uid: await why(reader, about_ended_job(uid, "x")) for uid in "abc"}
    assert found == {"a": ["Job completed"], "b": [], "c": ["no more"]}
    assert "involvedObject.kind=Job" in events.asked[0]
