"""Pacing of status writes: in a burst of new Runs the writes that start pods go first.

A Run that shows PENDING a little later is often RUNNING by then, and one write shows both.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from run_operator.api.run import Key

RATE: Final = 20.0
"""Such statuses a second, in one namespace: a burst in another is not waited for."""
LONGEST: Final = 5.0
"""Seconds one of them waits at most."""
MAX_REMEMBERED: Final = 1024
"""Namespaces."""


class StatusPacing:
    """Gives each Run a moment of its own. `clock` is monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._next: OrderedDict[str, float] = OrderedDict()
        self._promised: dict[Key, float] = {}

    def wait(self, key: Key) -> float:
        """Seconds until the status of this Run is to be written; 0: now."""
        now = self._clock()
        moment = self._promised.get(key)
        if moment is None:
            moment = min(max(self._next.get(key.namespace, now), now), now + LONGEST)
            self._promised[key], self._next[key.namespace] = moment, moment + 1 / RATE
            self._next.move_to_end(key.namespace)
            if len(self._next) > MAX_REMEMBERED:
                self._next.popitem(last=False)
        if moment > now:
            return moment - now
        self.forget(key)
        return 0.0

    def forget(self, key: Key) -> None:
        """Cancel the pending write: it is obsolete."""
        self._promised.pop(key, None)
