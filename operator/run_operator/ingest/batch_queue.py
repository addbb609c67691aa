"""The MetricBatches that wait for a worker: a bounded number of each namespace, and of all namespaces.

Further batches stay in the cluster. Their namespaces are in `lacks`, and are listed again when there is room. An edit of a batch
that already waits changes nothing.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final, NamedTuple

from run_operator.fairness import RoundRobin, may_take

EACH: Final = 1000
"""Batches of one namespace that are known."""
ALL: Final = 20_000
"""Batches that are known: about 10 MiB."""


class Place(NamedTuple):
    """Where a batch is, and which one."""

    namespace: str
    name: str
    uid: str


@dataclass(slots=True)
class _Batch:
    place: Place
    tries: int = 0
    answered: bool = False
    timer: asyncio.TimerHandle | None = None


class BatchQueue:
    """First come within a namespace, in turns between them; no namespace has all `workers`."""

    def __init__(self, workers: int, each: int = EACH, most: int = ALL) -> None:
        self._workers = workers
        self._each = each
        self._most = most
        self._known: dict[str, _Batch] = {}
        self._held: Counter[str] = Counter()
        self._waiting: RoundRobin[Place] = RoundRobin()
        self._working: Counter[str] = Counter()
        self._more: dict[str, None] = {}
        self._news = asyncio.Event()

    def __len__(self) -> int:
        return len(self._known)

    def add(self, place: Place, after: float = 0.0, *, answered: bool = False) -> None:
        """Have it looked at, after so many seconds. One that is known keeps its place and its time."""
        if place.uid in self._known:
            return
        if not self._make_room(place.namespace):
            self._more[place.namespace] = None
            return
        batch = self._known[place.uid] = _Batch(place, answered=answered)
        self._held[place.namespace] += 1
        self._at(batch, after)

    def drop(self, uid: str) -> None:
        """Forget a batch that is gone."""
        batch = self._known.pop(uid, None)
        if batch is None:
            return
        namespace = batch.place.namespace
        self._waiting.discard(namespace, batch.place)
        if batch.timer is not None:
            batch.timer.cancel()
        self._held[namespace] -= 1
        if not self._held[namespace]:
            del self._held[namespace]

    async def take(self) -> Place:
        """The next batch of the namespace whose turn it is. Must be given back."""
        while True:
            place = self._waiting.pop(self._has_its_share)
            if place is not None:
                self._working[place.namespace] += 1
                return place
            self._news.clear()
            await self._news.wait()

    def give_back(self, place: Place, again_after: float | None) -> None:
        """The worker is finished with it, or, where `again_after` says so, for so many seconds."""
        self._working[place.namespace] -= 1
        if not self._working[place.namespace]:
            del self._working[place.namespace]
        self._news.set()
        batch = self._known.get(place.uid)
        if batch is None:
            return  # it went meanwhile
        if again_after is None:
            self.drop(place.uid)
        else:
            self._at(batch, again_after)

    def tries(self, place: Place) -> int:
        """How often it failed."""
        batch = self._known.get(place.uid)
        return batch.tries if batch else 0

    def failed(self, place: Place) -> int:
        """Count a failure; returns how many there were."""
        batch = self._known.get(place.uid)
        if batch is None:
            return 1
        batch.tries += 1
        return batch.tries

    def answered(self, place: Place) -> bool:
        """It has its answer; whether that was known before, so that it was kept for as long as it is to be."""
        batch = self._known.get(place.uid)
        if batch is None:
            return False
        before, batch.answered = batch.answered, True
        return before

    def lacking(self) -> str | None:
        """A namespace that has more than is known, and room for it by now. It counts as complete from here on."""
        for namespace in self._more:
            if self._held[namespace] <= self._each // 2:
                del self._more[namespace]
                return namespace
        return None

    def lacks(self, namespace: str) -> bool:
        """Whether the namespace has more than is known."""
        return namespace in self._more

    def incomplete(self, namespace: str) -> None:
        """The namespace was not looked through to its end."""
        self._more[namespace] = None

    def _has_its_share(self, namespace: Hashable) -> bool:
        return not may_take(self._working[str(namespace)], self._workers - self._working.total())

    def _make_room(self, namespace: str) -> bool:
        """Room for one more; where there is none, the namespace that has the most gives one up."""
        if self._held[namespace] >= self._each:
            return False
        if len(self._known) < self._most:
            return True
        largest = max(self._held, key=lambda one: self._held[one])
        if self._held[largest] <= self._held[namespace] + 1:
            return False
        given_up = self._waiting.pop(lambda one: one != largest)
        if given_up is None:
            return False  # all of them are at work, or wait for their time
        self.drop(given_up.uid)
        self._more[largest] = None
        return True

    def _at(self, batch: _Batch, after: float) -> None:
        if after <= 0:
            self._due(batch)
        else:
            batch.timer = asyncio.get_running_loop().call_later(after, self._due, batch)

    def _due(self, batch: _Batch) -> None:
        batch.timer = None
        self._waiting.add(batch.place.namespace, batch.place)
        self._news.set()
