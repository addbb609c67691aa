"""Kubernetes Events about Runs: the story that `kubectl describe run` tells.

Told off the hot path: a start is told a little later, so that a burst of starts is not slowed down by its own
story; what comes after (the end, a warning) sends the earlier lines first. Best effort, bounded, de-duplicated.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from run_operator.api.constants import API_VERSION, MANAGED_BY, RUN_KIND
from run_operator.api.raw import stamp
from run_operator.api.run import Run
from run_operator.kube.client import Api
from run_operator.kube.errors import FencedError, KubeError
from run_operator.kube.resource import EVENTS
from run_operator.lifecycle.model import RunEvent

MAX_QUEUED: Final = 2000
MAX_REMEMBERED: Final = 4096
DELAYS: Final = {"Started": 10.0, "Suspending": 3.0, "Suspended": 3.0, "Resumed": 3.0}
"""Seconds that lines about what everybody expects may wait, by reason."""
MAX_NOTE: Final = 1000
"""Characters; the API server refuses more than 1,024 bytes."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
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
        self._lines: deque[_Line] = deque()
        self._told: OrderedDict[tuple[str, str, str], None] = OrderedDict()
        self._changed = asyncio.Event()
        self._count = 0

    def __len__(self) -> int:
        return len(self._lines)

    def record(self, run: Run, event: RunEvent) -> None:
        """Queue one line; the same line about the same Run is told once."""
        identity = (run.uid, event.reason, event.message)
        if identity in self._told:
            return
        self._told[identity] = None
        while len(self._told) > MAX_REMEMBERED:
            self._told.popitem(last=False)
        if len(self._lines) >= MAX_QUEUED:
            self._lines.popleft()
            self._dropped()
        delay = DELAYS.get(event.reason, 0.0) if event.type == "Normal" else 0.0
        now = self._monotonic()
        for line in self._lines:
            if line.uid == run.uid:
                line.due = min(line.due, now + delay)
        self._count += 1
        body = _body(run, event, self._wall(), self._count)
        self._lines.append(_Line(run.uid, run.namespace, body, now + delay))
        self._changed.set()

    async def work(self) -> None:
        """Write the lines that are due, for ever."""
        while True:
            self._changed.clear()
            for line in self._due():
                await self._write(line)
            await self._wait()

    async def flush(self) -> None:
        """Write everything that is queued, due or not."""
        while self._lines:
            await self._write(self._lines.popleft())

    def _due(self) -> list[_Line]:
        now = self._monotonic()
        due = [line for line in self._lines if line.due <= now]
        self._lines = deque(line for line in self._lines if line.due > now)
        return due

    async def _wait(self) -> None:
        now = self._monotonic()
        first = min((line.due - now for line in self._lines), default=None)
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
        "message": event.message[:MAX_NOTE],
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
        "source": {"component": MANAGED_BY},
        "reportingComponent": MANAGED_BY,
        "reportingInstance": MANAGED_BY,
    }
