"""Events of namespaces take turns: a flood in one loses its own lines, and nobody else's."""

from __future__ import annotations

import asyncio
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from run_operator.api.run import Run
from run_operator.engine import event_recorder
from run_operator.engine.event_recorder import EventRecorder
from run_operator.lifecycle.model import RunEvent
from tests.support.builders import run

QUEUED = 200


@pytest.fixture(autouse=True)
def _a_short_queue(monkeypatch):
    monkeypatch.setattr(event_recorder, "MAX_QUEUED", QUEUED)


class Written:
    def __init__(self) -> None:
        self.events: list[Any] = []

    async def create(self, resource: Any, namespace: str, body: Any) -> None:
        self.events.append((namespace, body["message"]))


def made() -> tuple[EventRecorder, Written]:
    written = Written()
    api: Any = written
    return EventRecorder(api, lambda: 0.0, lambda: 0.0, lambda: None), written


def of(namespace: str) -> Run:
    return replace(run(), namespace=namespace, uid=f"uid-{namespace}")


def warning(text: str) -> RunEvent:
    return RunEvent("Warning", "Bad", text)


async def test_one_line_of_another_namespace_waits_for_one_of_a_flood():
    recorder, written = made()
    for number in range(100):
        recorder.record(of("flood"), warning(f"{number}"))
    recorder.record(of("quiet"), warning("mine"))
    await recorder.flush()
    assert ("quiet", "mine") in written.events[:2]


def flooded() -> tuple[EventRecorder, Written]:
    """A recorder with one line of a quiet namespace, and 150 of another one after it."""
    recorder, written = made()
    recorder.record(of("quiet"), warning("mine"))
    for number in range(150):
        recorder.record(of("flood"), warning(f"{number}"))
    return recorder, written


async def test_a_flood_loses_its_own_lines(monkeypatch):
    monkeypatch.setattr(event_recorder, "MAX_QUEUED", 50)
    recorder, written = flooded()
    assert len(recorder) == 50
    await recorder.flush()
    assert ("quiet", "mine") in written.events


async def test_a_flood_does_not_make_others_lines_new_again(monkeypatch):
    monkeypatch.setattr(event_recorder, "MAX_REMEMBERED", 50)
    recorder, written = flooded()
    recorder.record(of("quiet"), warning("mine"))
    await recorder.flush()
    assert written.events.count(("quiet", "mine")) == 1


async def test_control_characters_reach_no_event():
    recorder, written = made()
    recorder.record(of("quiet"), warning("\x1b[2Jbad"))
    await recorder.flush()
    assert written.events == [("quiet", "\N{REPLACEMENT CHARACTER}[2Jbad")]


def started(text: str) -> RunEvent:
    return RunEvent("Normal", "Started", text)


def steps(work: Callable[[], None]) -> int:
    """Lines of Python that it takes: a measure that no other process changes."""
    count = 0

    def traced(*_: object) -> Any:
        nonlocal count
        count += 1
        return traced

    before = sys.gettrace()
    sys.settrace(traced)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def test_one_event_costs_the_same_however_many_wait():
    costs = []
    for waiting in (10, QUEUED - 10, QUEUED + 10):  # the last one has to make room
        recorder, _ = made()
        for number in range(waiting):
            recorder.record(replace(of("flood"), uid=f"uid-{number}"), started(f"{number}"))
        costs.append(steps(lambda recorder=recorder: recorder.record(of("flood"), started("one more"))))
    assert max(costs) < costs[0] + 60


async def test_a_run_that_comes_to_its_end_takes_its_earlier_events_along_in_their_order():
    now = [0.0]
    written = Written()
    api: Any = written
    recorder = EventRecorder(api, lambda: now[0], lambda: 0.0, lambda: None)
    recorder.record(of("quiet"), started("first"))
    recorder.record(of("other"), started("waits"))
    working = asyncio.create_task(recorder.work())
    await turned()
    assert written.events == []
    recorder.record(of("quiet"), warning("second"))
    await turned()
    assert written.events == [("quiet", "first"), ("quiet", "second")]
    now[0] = 20.0
    recorder.record(of("quiet"), warning("third"))
    await turned()
    assert ("other", "waits") in written.events[2:]
    assert len(recorder) == 0
    working.cancel()


async def turned() -> None:
    """The worker has done what it could."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_an_event_that_made_room_is_not_written_and_leaves_no_trace():
    recorder, written = made()
    for number in range(QUEUED + 5):
        recorder.record(replace(of("flood"), uid=f"uid-{number}"), started(f"{number}"))
    await recorder.flush()
    assert [text for _, text in written.events] == [str(number) for number in range(5, QUEUED + 5)]
    assert len(recorder) == 0


async def test_two_that_flood_leave_each_other_half():
    recorder, written = made()
    for number in range(QUEUED):
        recorder.record(of("first"), warning(f"{number}"))
    for number in range(QUEUED):
        recorder.record(of("second"), warning(f"{number}"))
    await recorder.flush()
    assert [place for place, _ in written.events].count("first") == QUEUED / 2


def test_what_is_kept_of_times_is_bounded_while_nothing_is_written():
    now = [1e6]
    api: Any = Written()
    recorder = EventRecorder(api, lambda: now[0], lambda: 0.0, lambda: None)
    for number in range(5 * QUEUED):
        now[0] -= 1.0  # each is due before all others
        recorder.record(of("flood"), warning(f"{number}"))
    assert len(recorder._times) <= 2 * QUEUED


def test_of_messages_of_a_megabyte_the_beginning_is_remembered():
    """They name what is wrong in a document, which has a key of any length."""
    recorder, _ = made()
    tracemalloc.start()
    try:
        for number in range(30):
            recorder.record(of("a"), warning(f"{number}" + "x" * 1_000_000))
        assert tracemalloc.get_traced_memory()[0] < 1_000_000
    finally:
        tracemalloc.stop()
