"""Statuses that can wait: in a burst of new Runs the writes that start pods go first.

A Run that is told PENDING a little later has often become RUNNING meanwhile, and one write says both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from run_operator.api.run import Key

RATE: Final = 20.0
"""Such statuses a second."""
LONGEST: Final = 5.0
"""Seconds one of them waits at most."""


class StatusPacing:
    """Gives each Run a moment of its own. `clock` is monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._next = clock()
        self._promised: dict[Key, float] = {}

    def wait(self, key: Key) -> float:
        """Seconds until the status of this Run is to be written; 0: now."""
        now = self._clock()
        moment = self._promised.get(key)
        if moment is None:
            moment = self._promised[key] = min(max(self._next, now), now + LONGEST)
            self._next = moment + 1 / RATE
        if moment > now:
            return moment - now
        self.forget(key)
        return 0.0

    def forget(self, key: Key) -> None:
        """There is something else to say of it by now, or nothing any more."""
        self._promised.pop(key, None)
