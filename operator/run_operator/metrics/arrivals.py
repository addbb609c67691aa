"""When the values of a list came in: a few samples of how many there were at a time, so few that a status has room for them.

Each sample is true: so many values had come in by then. Between two of them, values count as spread evenly. Where there
are too many samples, those go that a straight line between their neighbours nearly meets, so that pauses stay.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from itertools import pairwise
from math import floor
from typing import Any, Final

from run_operator.api.raw import JSON, mapping, parse, stamp

APART: Final = 2.0
"""Seconds between two samples, at least."""
TOGETHER: Final = 2.0
"""Seconds in which values are logged that come in at once: programs send that often."""
MOST: Final = 64
"""Samples of one list, and twice as many until the next commit."""


@dataclass(slots=True)
class Arrivals:
    """Samples in order; `times` are seconds since the epoch. Values before the first sample: nobody knows when they came in."""

    counts: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    @classmethod
    def restored(cls, raw: Any) -> Arrivals:
        """The samples in an entry of `metricsInfo`; none if somebody edited them into nonsense."""
        found = mapping(raw)
        since = parse(found.get("since"))
        counts, seconds = _ascending(found.get("counts"), int), _ascending(found.get("seconds"), int, float)
        if since is None or len(counts) != len(seconds):
            return cls()
        return cls(counts, [since + one for one in seconds])

    def to_status(self) -> JSON:
        """The inverse, to a tenth of a second."""
        since = floor(self.times[0]) if self.times else 0
        seconds = [round(one - since, 1) for one in self.times]
        return {"since": stamp(since), "counts": list(self.counts), "seconds": seconds}

    def __len__(self) -> int:
        return len(self.counts)

    def note(self, before: int, after: int, now: float) -> None:
        """The values from the index `before` to below `after` came in at this time."""
        if after <= before:
            return
        counts, times = self.counts, self.times
        last = times[-1] if times else float("-inf")
        now = max(now, last)  # a clock may be set back
        if now - last > TOGETHER:
            self._add(before, now - TOGETHER)
        elif len(times) > 1 and now - times[-2] < APART:
            counts[-1], times[-1] = after, now
            return
        counts.append(after)
        times.append(now)
        if len(counts) > 2 * MOST:
            self.fit(MOST)

    def truncate(self, length: int) -> None:
        """Forget the values from index `length` on."""
        place = bisect_right(self.counts, length)
        if place < len(self.counts):
            at = self.time(length - 1) if place else None
            del self.counts[place:], self.times[place:]
            if at is not None and self.counts[-1] < length:
                self._add(length, at)

    def fit(self, most: int) -> None:
        """Keep at most so many samples, two at least."""
        while len(self) > max(2, most):
            gone = self._least(len(self) - max(2, most))
            self.counts = [one for at, one in enumerate(self.counts) if at not in gone]
            self.times = [one for at, one in enumerate(self.times) if at not in gone]

    def time(self, index: int) -> float | None:
        """When the value with this index came in, with the last sample at the latest; None: before the first one."""
        place = bisect_left(self.counts, index + 1)
        if not self.counts or (place == 0 and index + 1 < self.counts[0]):
            return None
        if place in (0, len(self.counts)):
            return self.times[min(place, len(self.times) - 1)]
        low, high = self.counts[place - 1], self.counts[place]
        since, until = self.times[place - 1], self.times[place]
        return since + (until - since) * (index + 1 - low) / (high - low)

    def _add(self, count: int, at: float) -> None:
        self.counts.append(count)
        self.times.append(max(at, self.times[-1]) if self.times else at)

    def _least(self, wanted: int) -> set[int]:
        """Places of at most so many samples that tell the least, and no two neighbours."""
        bends = self._bends()
        gone: set[int] = set()
        for place in sorted(range(1, len(bends) + 1), key=lambda at: bends[at - 1]):
            if len(gone) == wanted or (gone and bends[place - 1] > 1.0):
                break
            if place - 1 not in gone and place + 1 not in gone:
                gone.add(place)
        return gone

    def _bends(self) -> list[float]:
        """Seconds by which each inner sample is beside the line between its neighbours."""
        counts, times = self.counts, self.times
        return [
            abs(at - since - (until - since) * ((count - low) / (high - low) if high > low else 0.0))
            for low, count, high, since, at, until in zip(
                counts, counts[1:], counts[2:], times, times[1:], times[2:], strict=False
            )
        ]


def room(budget: int, lists: int) -> int:
    """Samples of each of so many lists: all together a twentieth of the budget (bytes of the lists), and two at least."""
    return max(2, min(MOST, min(256, budget // 256) // max(1, lists)))


def _ascending(found: Any, *kinds: type) -> list[Any]:
    """The list if it has such numbers, none smaller than the one before it, none negative, and not too many; else none."""
    if not isinstance(found, list) or len(found) > 2 * MOST or any(type(one) not in kinds for one in found):
        return []
    return list(found) if all(a <= b for a, b in pairwise([0, *found])) else []
