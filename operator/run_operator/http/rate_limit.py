"""Token buckets: a rate a second with a burst."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable

Clock = Callable[[], float]


class Bucket:
    """`rate` a second, `burst` at once. May go into debt, so that one large amount passes and the next one waits."""

    def __init__(self, rate: float, burst: float, clock: Clock) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._level = burst
        self._at = clock()

    def wait(self, amount: float = 1.0) -> float:
        """Seconds until this amount may be taken, 0 for now. An amount above the burst counts as the burst."""
        self._fill()
        missing = min(amount, self._burst) - self._level
        return max(0.0, missing / self._rate)

    def take(self, amount: float = 1.0) -> None:
        """Take the amount, even into debt."""
        self._fill()
        self._level -= amount

    def _fill(self) -> None:
        now = self._clock()
        self._level = min(self._burst, self._level + (now - self._at) * self._rate)
        self._at = now


class Buckets:
    """One bucket for each of the `most` recently used names; a forgotten name starts with a full bucket."""

    def __init__(self, rate: float, burst: float, clock: Clock, most: int) -> None:
        self._made = rate, burst, clock
        self._most = most
        self._buckets: OrderedDict[Hashable, Bucket] = OrderedDict()

    def take(self, name: Hashable) -> float:
        """Take one; returns 0, or the seconds to wait if none was left."""
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
