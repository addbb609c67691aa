"""Places for streams, and the memory that they hold: a share of both for each viewer.

A viewer with less than others always finds a place: the oldest stream of the one with the most ends for it. In the same way the largest
stream of the viewer that holds the most ends when all streams together hold too much.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator

from run_operator.web.errors import RefusedError
from run_operator.web.limits import WebLimits


class StreamPlace:
    """The place of one stream."""

    def __init__(self, tenant: str, hold: Callable[[StreamPlace, int], None]) -> None:
        self.tenant = tenant
        self.size = 0
        """Bytes that it holds."""
        self.problem: RefusedError | None = None
        """Why it has to end."""
        self._hold = hold
        self._refuse: Callable[[RefusedError], None] | None = None

    def ends_by(self, refuse: Callable[[RefusedError], None]) -> None:
        """Set what ends the stream."""
        self._refuse = refuse
        if self.problem is not None:
            refuse(self.problem)

    def end(self, problem: RefusedError) -> None:
        """End the stream, now or as soon as it begins."""
        self.problem = problem
        if self._refuse is not None:
            self._refuse(problem)

    def hold(self, size: int) -> None:
        """Record that the stream holds so many bytes. This or another one may have to end for it."""
        if self.problem is None:
            self._hold(self, size)


class StreamPlaces:
    """The streams under way."""

    def __init__(self, limits: WebLimits) -> None:
        self._limits = limits
        self._of: dict[str, dict[StreamPlace, None]] = {}
        self._held: Counter[str] = Counter()

    @contextlib.contextmanager
    def place(self, tenant: str) -> Iterator[StreamPlace]:
        """Hold a place. Raises RefusedError 429."""
        own = len(self._of.get(tenant, ()))
        if own >= self._limits.streams_each:
            raise _too_many(
                f"you have {self._limits.streams_each} open streams; close other tabs of this page"
            )
        if sum(map(len, self._of.values())) >= self._limits.streams:
            self._make_room(own)
        place = StreamPlace(tenant, self._hold)
        self._of.setdefault(tenant, {})[place] = None
        try:
            yield place
        finally:
            self._give_back(place)

    def _make_room(self, own: int) -> None:
        most = max(self._of, key=lambda one: len(self._of[one]))
        if len(self._of[most]) <= own + 1:
            raise _too_many("this server has reached its limit of viewers; try again in a minute")
        self._end(next(iter(self._of[most])), "others need its place")

    def _hold(self, place: StreamPlace, size: int) -> None:
        self._held[place.tenant] += size - place.size
        place.size = size
        while self._held.total() > self._limits.held:
            most = max(self._held, key=lambda one: self._held[one])
            largest = max(self._of[most], key=lambda one: one.size)
            self._end(largest, "it holds more memory than others leave for it")

    def _end(self, place: StreamPlace, why: str) -> None:
        self._give_back(place)
        place.end(_too_many(f"this stream was closed because {why}; close other tabs of this page"))

    def _give_back(self, place: StreamPlace) -> None:
        streams = self._of.get(place.tenant, {})
        if place not in streams:
            return
        del streams[place]
        self._held[place.tenant] -= place.size
        if not streams:
            del self._of[place.tenant], self._held[place.tenant]


def _too_many(message: str) -> RefusedError:
    return RefusedError(429, "TooManyStreams", message, retry_after=10.0)
