"""Kubernetes Events about Runs, as `kubectl describe run` shows them.

They are written apart from the reconciliation. The Event of a start waits a little, so that a burst of starts is not slowed down by its own
Events; a later Event of the Run sends the earlier ones first. Best effort, bounded, without duplicates; namespaces take turns.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from run_operator.api.constants import API_VERSION, MANAGED_BY, RUN_KIND
from run_operator.api.raw import printable, stamp
from run_operator.api.run import Run
from run_operator.fairness import RoundRobin
from run_operator.kube.client import Api
from run_operator.kube.errors import FencedError, KubeError
from run_operator.kube.resource import EVENTS
from run_operator.lifecycle.model import RunEvent

MAX_QUEUED: Final = 2000
MAX_REMEMBERED: Final = 4096
DELAYS: Final = {"Started": 10.0, "Suspending": 3.0, "Suspended": 3.0, "Resumed": 3.0}
"""Seconds that an ordinary Event waits, by reason."""
MAX_NOTE: Final = 1000
"""Characters; the API server refuses more than 1,024 bytes."""

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Line:
    uid: str
    namespace: str
    body: Mapping[str, Any]


@dataclass(slots=True, eq=False)
class _Waiting:
    """The Events of one Run that are not due yet: they go together, so they stay in their order."""

    due: float
    lines: dict[_Line, None] = field(default_factory=dict)


class EventRecorder:
    """Writes Events one after the other. `monotonic` and `wall` are clocks in seconds.

    The cost of one Event does not depend on how many wait: they are found by Run and by namespace, and in the order of their time.
    """

    def __init__(
        self,
        api: Api,
        monotonic: Callable[[], float],
        wall: Callable[[], float],
        dropped: Callable[[], None],
    ) -> None:
        self._api = api
        self._monotonic = monotonic
        self._wall = wall
        self._dropped = dropped
        self._queued: RoundRobin[_Line] = RoundRobin()
        self._due: RoundRobin[_Line] = RoundRobin()
        self._waiting: dict[str, _Waiting] = {}
        self._times: list[tuple[float, int, str]] = []
        """A heap of (due, number, uid). An entry whose Run has another time by now, or none, is stale."""
        self._written: RoundRobin[tuple[str, str, str]] = RoundRobin()
        self._changed = asyncio.Event()
        self._count = 0

    def __len__(self) -> int:
        return len(self._queued)

    def record(self, run: Run, event: RunEvent) -> None:
        """Queue one Event; the same Event of the same Run is written once."""
        identity = (run.uid, event.reason, event.message[:MAX_NOTE])
        if self._written.holds(run.namespace, identity):
            return
        self._written.add(run.namespace, identity)
        while len(self._written) > MAX_REMEMBERED:
            self._written.pop_excess(run.namespace)
        if len(self) >= MAX_QUEUED:
            self._make_room(run.namespace)
            self._dropped()
        delay = DELAYS.get(event.reason, 0.0) if event.type == "Normal" else 0.0
        self._count += 1
        line = _Line(run.uid, run.namespace, _body(run, event, self._wall(), self._count))
        self._queued.add(run.namespace, line)
        self._wait_until(self._monotonic() + delay, line)
        self._changed.set()

    async def work(self) -> None:
        """Write the Events that are due, until cancelled."""
        while True:
            self._changed.clear()
            self._sort_out(self._monotonic())
            if (line := self._due.pop()) is not None:
                await self._write(line)
            else:
                await self._wait()

    async def flush(self) -> None:
        """Write everything that is queued, due or not."""
        self._sort_out(float("inf"))
        while (line := self._due.pop()) is not None:
            await self._write(line)

    def _wait_until(self, due: float, line: _Line) -> None:
        """Add an Event to those of its Run; all of them wait as long as the one that waits least."""
        waiting = self._waiting.get(line.uid)
        if waiting is None or due < waiting.due:
            waiting = self._waiting.setdefault(line.uid, _Waiting(due))
            waiting.due = due
            heapq.heappush(self._times, (due, self._count, line.uid))
            if len(self._times) > 2 * MAX_QUEUED:  # stale ones, while a write lasts long
                self._times = [(one.due, 0, uid) for uid, one in self._waiting.items()]
                heapq.heapify(self._times)
        waiting.lines[line] = None

    def _next(self) -> float | None:
        """When the next Events are due."""
        while self._times:
            due, _, uid = self._times[0]
            waiting = self._waiting.get(uid)
            if waiting is not None and waiting.due == due:
                return due
            heapq.heappop(self._times)
        return None

    def _sort_out(self, now: float) -> None:
        """Put Events that are due into the turns of their namespaces."""
        while (due := self._next()) is not None and due <= now:
            for line in self._waiting.pop(heapq.heappop(self._times)[2]).lines:
                self._due.add(line.namespace, line)

    def _make_room(self, namespace: str) -> None:
        """Drop the oldest Event of this namespace where it has its share, otherwise of the one that has the most."""
        line = self._queued.pop_excess(namespace)
        if line is None or self._due.discard(line.namespace, line):
            return
        waiting = self._waiting[line.uid]
        del waiting.lines[line]
        if not waiting.lines:
            del self._waiting[line.uid]

    async def _wait(self) -> None:
        due = self._next()
        try:
            async with asyncio.timeout(None if due is None else max(0.0, due - self._monotonic())):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _write(self, line: _Line) -> None:
        self._queued.discard(line.namespace, line)
        try:
            await self._api.create(EVENTS, line.namespace, line.body)
        except (KubeError, FencedError) as error:
            self._dropped()
            log.debug("event not written: %s", error)


def _body(run: Run, event: RunEvent, now: float, count: int) -> dict[str, Any]:
    moment = stamp(now)
    name = f"{run.name[:200]}.{int(now * 1e6):x}{count:x}"
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": run.namespace},
        "involvedObject": {
            "apiVersion": API_VERSION,
            "kind": RUN_KIND,
            "namespace": run.namespace,
            "name": run.name,
            "uid": run.uid,
        },
        "type": event.type,
        "reason": event.reason,
        "message": printable(event.message[:MAX_NOTE]),
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
        "source": {"component": MANAGED_BY},
        "reportingComponent": MANAGED_BY,
        "reportingInstance": MANAGED_BY,
    }
