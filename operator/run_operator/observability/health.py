"""Health that is tied to progress: not "the process lives" but "Runs are being looked at"."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

MAX_QUEUE_AGE: Final = 120.0
"""Seconds a key may wait for a worker before the process counts as stuck."""
MAX_LAG: Final = 30.0
BEAT: Final = 0.5


@dataclass(slots=True)
class Health:
    """Facts from the engine, judged at each probe. `clock` is monotonic seconds."""

    clock: Callable[[], float]
    queue_oldest_age: Callable[[], float]
    sweep_every: float
    ready: bool = False
    stopping: bool = False
    lag: float = 0.0
    _last_beat: float = field(default=0.0)
    _last_sweep: float = field(default=0.0)

    def swept(self) -> None:
        """A sweep was tried: the part that repairs the store is at work."""
        self._last_sweep = self.clock()

    async def beat(self) -> None:
        """Measure the loop's lag, for ever: the worst delay of the last beats, slowly forgotten."""
        self._last_sweep = self.clock()
        while True:
            self._last_beat = self.clock()
            await asyncio.sleep(BEAT)
            self.lag = max(self.clock() - self._last_beat - BEAT, self.lag * 0.9)

    def problems(self) -> list[str]:
        """Why the process should be restarted; empty when it makes progress.

        An API server that does not answer is no reason: a restart would not help.
        """
        found = []
        if self.queue_oldest_age() > MAX_QUEUE_AGE:
            found.append(f"a Run waits for {self.queue_oldest_age():.0f} s for a worker")
        if self.clock() - self._last_beat > MAX_LAG:
            found.append("the event loop stands still")
        if self.clock() - self._last_sweep > 3 * self.sweep_every + 60:
            found.append("no sweep was tried for too long")
        return found

    def unready(self) -> list[str]:
        """Why no work is done yet, or no more."""
        found = [] if self.ready else ["the first list of Runs, Jobs and pods is not complete"]
        return [*found, "stopping"] if self.stopping else found
