"""Kubernetes Events about Runs, as `kubectl describe run` shows them.

They are written apart from the reconciliation. The Event of a start waits a little, so that a burst of starts is not slowed down by its own
Events; a later Event of the Run sends the earlier ones first. Best effort, bounded, without duplicates; namespaces take turns.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
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
    due: float


class EventRecorder:
    """Writes Events one after the other. `monotonic` and `wall` are clocks in seconds."""

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
        self._later: list[_Line] = []
        self._due: RoundRobin[_Line] = RoundRobin()
        self._written: RoundRobin[tuple[str, str, str]] = RoundRobin()
        self._changed = asyncio.Event()
        self._count = 0

    def __len__(self) -> int:
        return len(self._later) + len(self._due)

    def record(self, run: Run, event: RunEvent) -> None:
        """Queue one Event; the same Event of the same Run is written once."""
        identity = (run.uid, event.reason, event.message)
        if self._written.holds(run.namespace, identity):
            return
        self._written.add(run.namespace, identity)
        while len(self._written) > MAX_REMEMBERED:
            self._written.pop_excess()
        if len(self) >= MAX_QUEUED:
            self._make_room()
            self._dropped()
        delay = DELAYS.get(event.reason, 0.0) if event.type == "Normal" else 0.0
        now = self._monotonic()
        for line in self._later:
            if line.uid == run.uid:
                line.due = min(line.due, now + delay)
        self._count += 1
        body = _body(run, event, self._wall(), self._count)
        self._later.append(_Line(run.uid, run.namespace, body, now + delay))
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

    def _sort_out(self, now: float) -> None:
        """Put Events that are due into the turns of their namespaces."""
        if not any(line.due <= now for line in self._later):
            return
        for line in self._later:
            if line.due <= now:
                self._due.add(line.namespace, line)
        self._later = [line for line in self._later if line.due > now]

    def _make_room(self) -> None:
        """Drop the oldest Event of the namespace that has the most."""
        most = Counter(line.namespace for line in (*self._due, *self._later)).most_common(1)[0][0]
        if self._due.pop(skipped=lambda namespace: namespace != most) is None:
            self._later.remove(next(line for line in self._later if line.namespace == most))

    async def _wait(self) -> None:
        now = self._monotonic()
        first = min((line.due - now for line in self._later), default=None)
        try:
            async with asyncio.timeout(None if first is None else max(0.0, first)):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _write(self, line: _Line) -> None:
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
        "message": printable(event.message)[:MAX_NOTE],
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
        "source": {"component": MANAGED_BY},
        "reportingComponent": MANAGED_BY,
        "reportingInstance": MANAGED_BY,
    }
