"""Why Jobs make no pods, from their Events: one question for all of a namespace."""

from __future__ import annotations

import asyncio
from typing import Any

from run_operator.engine.refused_pods import KEPT, NEW, RefusedPods
from run_operator.kube.errors import ForbiddenError, KubeError


class Events:
    """Answers lists of Events, or refuses them; what it was asked is in `asked`."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str, str]] = []
        self.error: KubeError | None = None
        self.asked: list[str] = []

    async def list_objects(self, resource: Any, *, namespace: str, fields: str) -> Any:
        self.asked.append(f"{resource.plural} {namespace} {fields}")
        await asyncio.sleep(0)
        if self.error:
            raise self.error
        for uid, at, message in self.said:
            yield {"involvedObject": {"uid": uid}, "lastTimestamp": at, "message": message}


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def refused() -> tuple[RefusedPods, Events, Clock]:
    events, clock = Events(), Clock()
    api: Any = events
    return RefusedPods(api, clock), events, clock


async def test_the_newest_event_of_a_job_says_why_it_has_no_pod():
    one, events, _ = refused()
    events.said = [
        ("job-1", "2027-01-15T08:00:01Z", "Error creating: new"),
        ("job-1", "2027-01-15T08:00:00Z", "old"),
    ]
    assert (await one.why("ml", "job-1"), await one.why("ml", "job-2")) == ("new", "")
    assert events.asked == ["events ml involvedObject.kind=Job,reason=FailedCreate"]


async def test_however_many_wait_their_namespace_is_asked_once():
    one, events, clock = refused()
    events.said = [(f"job-{i}", "", f"because {i}") for i in range(300)]
    answers = await asyncio.gather(*(one.why("ml", f"job-{i}") for i in range(300)))
    assert answers == [f"because {i}" for i in range(300)]
    clock.now += KEPT - 1
    assert await one.why("ml", "job-7") == "because 7"
    assert len(events.asked) == 1
    clock.now += 1
    assert await one.why("ml", "job-7") == "because 7"
    assert len(events.asked) == 2


async def test_a_job_that_is_not_in_the_answer_is_soon_asked_for_again():
    one, events, clock = refused()
    assert await one.why("ml", "job-1") == ""
    events.said = [("job-1", "", "a quota")]
    clock.now += NEW - 1
    assert await one.why("ml", "job-1") == ""
    clock.now += 1
    assert await one.why("ml", "job-1") == "a quota"


async def test_without_the_right_nothing_is_explained_and_not_asked_all_the_time():
    one, events, _ = refused()
    events.error = ForbiddenError("list events", 403, "no")
    assert (await one.why("ml", "job-1"), await one.why("ml", "job-2")) == ("", "")
    assert len(events.asked) == 1
