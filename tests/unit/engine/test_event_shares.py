"""Events of namespaces take turns: a flood in one loses its own lines, and nobody else's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from run_operator.api.run import Run
from run_operator.engine.event_recorder import MAX_QUEUED, MAX_REMEMBERED, EventRecorder
from run_operator.lifecycle.model import RunEvent
from tests.support.builders import run


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


async def test_a_flood_loses_its_own_lines():
    recorder, written = made()
    recorder.record(of("quiet"), warning("mine"))
    for number in range(MAX_QUEUED + 100):
        recorder.record(of("flood"), warning(f"{number}"))
    assert len(recorder) == MAX_QUEUED
    await recorder.flush()
    assert ("quiet", "mine") in written.events


async def test_a_flood_does_not_make_others_lines_new_again():
    recorder, written = made()
    recorder.record(of("quiet"), warning("mine"))
    for number in range(MAX_REMEMBERED + 100):
        recorder.record(of("flood"), warning(f"{number}"))
    recorder.record(of("quiet"), warning("mine"))
    await recorder.flush()
    assert written.events.count(("quiet", "mine")) == 1


async def test_control_characters_reach_no_event():
    recorder, written = made()
    recorder.record(of("quiet"), warning("\x1b[2Jbad"))
    await recorder.flush()
    assert written.events == [("quiet", "\N{REPLACEMENT CHARACTER}[2Jbad")]
