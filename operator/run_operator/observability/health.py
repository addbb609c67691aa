"""Health by progress: whether Runs are being reconciled, not just whether the process lives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

MAX_STALL: Final = 120.0
"""Seconds in which no worker takes one of the waiting keys, before the process counts as stuck. A restart does not shorten a long line."""
MAX_LAG: Final = 30.0
BEAT: Final = 0.5


@dataclass(slots=True)
class Health:
    """Facts from the engine, evaluated at each probe. `clock` is monotonic seconds."""

    clock: Callable[[], float]
    queue_stalled_for: Callable[[], float]
    sweep_every: float
    ready: bool = False
    stopping: bool = False
    standby: bool = False
    """Another replica leads: Runs wait for it and not for a worker of this one."""
    lag: float = 0.0
    _last_beat: float = field(default=0.0)
    _last_sweep: float = field(default=0.0)

    def swept(self) -> None:
        """Note that a resync was tried."""
        self._last_sweep = self.clock()

    async def beat(self) -> None:
        """Measure the lag of the event loop until cancelled: the worst recent delay, which decays."""
        self._last_sweep = self.clock()
        while True:
            self._last_beat = self.clock()
            await asyncio.sleep(BEAT)
            self.lag = max(self.clock() - self._last_beat - BEAT, self.lag * 0.9)

    def problems(self) -> list[str]:
        """Why the process should be restarted; empty while it makes progress.

        An API server that does not answer is not listed: a restart would not help.
        """
        found = []
        if not self.standby and (stalled := self.queue_stalled_for()) > MAX_STALL:
            found.append(f"no worker has taken a waiting Run for {stalled:.0f} s")
        if self.clock() - self._last_beat > MAX_LAG:
            found.append("the event loop is blocked")
        if self.clock() - self._last_sweep > 3 * self.sweep_every + 60:
            found.append("the last resync was too long ago")
        return found

    def unready(self) -> list[str]:
        """Why the process does not work yet, or not any more."""
        found = [] if self.ready else ["the first list of Runs, Jobs and pods is not complete"]
        return [*found, "stopping"] if self.stopping else found
