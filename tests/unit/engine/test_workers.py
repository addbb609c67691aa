"""What happens to a key after each kind of failure."""

from __future__ import annotations

import asyncio
from typing import Any

from run_operator.api.run import Key
from run_operator.engine.queue import LAST_BACKOFF, WorkQueue
from run_operator.engine.workers import Workers
from run_operator.kube.errors import ConflictError
from run_operator.observability.telemetry import OperatorTelemetry

KEY = Key("ml", "hello")


class Hasty(WorkQueue):
    """Waits for nothing, and remembers how long it should have waited."""

    def __init__(self) -> None:
        super().__init__(asyncio.get_running_loop().time)
        self.delays: list[float] = []

    def add_after(self, key: Key, delay: float) -> None:
        self.delays.append(delay)
        self.add(key)


class Stale:
    """The streams stand still: every write is based on what is not there any more."""

    def __init__(self, queue: WorkQueue) -> None:
        self.queue, self.tries = queue, 0

    async def reconcile(self, _: Key) -> float | None:
        self.tries += 1
        if self.tries == 20:
            self.queue.close()
        raise ConflictError("patch", 409, "changed")


async def test_a_conflict_that_does_not_end_is_tried_less_and_less_often():
    queue, begin = Hasty(), asyncio.Event()
    reconciler: Any = Stale(queue)
    queue.add(KEY)
    begin.set()
    await Workers(queue, reconciler, OperatorTelemetry(), 1).work(begin)
    assert queue.delays[0] <= 0.5
    assert LAST_BACKOFF / 2 <= queue.delays[-1] <= LAST_BACKOFF
