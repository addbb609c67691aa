"""Token buckets: how much of something may happen in a second, with a burst at the beginning."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable

Clock = Callable[[], float]


class Bucket:
    """`rate` a second, `burst` at once. May go into debt, so that one large thing can pass and the rest waits."""

    def __init__(self, rate: float, burst: float, clock: Clock) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._level = burst
        self._at = clock()

    def wait(self, amount: float = 1.0) -> float:
        """Seconds until this much may be taken; 0: now. More than the burst counts as the burst."""
        self._fill()
        missing = min(amount, self._burst) - self._level
        return max(0.0, missing / self._rate)

    def take(self, amount: float = 1.0) -> None:
        """Take it, whether it is there or not."""
        self._fill()
        self._level -= amount

    def _fill(self) -> None:
        now = self._clock()
        self._level = min(self._burst, self._level + (now - self._at) * self._rate)
        self._at = now


class Buckets:
    """One bucket for each of the `most` names used last; one that was forgotten begins full."""

    def __init__(self, rate: float, burst: float, clock: Clock, most: int) -> None:
        self._made = rate, burst, clock
        self._most = most
        self._buckets: OrderedDict[Hashable, Bucket] = OrderedDict()

    def take(self, name: Hashable) -> float:
        """Take one; returns 0, or the seconds to wait when there was none to take."""
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = Bucket(*self._made)
            if len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(name)
        wait = bucket.wait()
        if not wait:
            bucket.take()
        return wait
