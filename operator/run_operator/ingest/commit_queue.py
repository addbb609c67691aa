"""The order of commits: namespaces share the bytes, and within a namespace Runs that are about to end go first.

Each namespace has a lane of two queues by due time. Among the lanes with something due, the one whose namespace has
used the fewest bytes goes on (`fairness.Expenses`). Entries are only looked at when their turn comes, so a thousand Runs
that log cost no more than one; a place in a queue that is not right any more is dropped or moved then.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from run_operator.api.conditions import FINAL, State, state_of
from run_operator.children.cluster_view import ClusterView
from run_operator.fairness import Expenses
from run_operator.http.rate_limit import Clock
from run_operator.ingest.limits import Pace
from run_operator.ingest.sessions import Session

ENDING: Final = FINAL | {State.STOP}


class _Place(NamedTuple):
    due: float
    number: int
    uid: str


@dataclass(slots=True)
class _Lane:
    """The queue of one namespace."""

    ending_first: list[_Place] = field(default_factory=list)
    by_due_time: list[_Place] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.ending_first or self.by_due_time)

    @property
    def heaps(self) -> Iterator[list[_Place]]:
        return (heap for heap in (self.ending_first, self.by_due_time) if heap)


class CommitQueue:
    """`clock` is monotonic seconds."""

    def __init__(self, directory: ClusterView, pace: Pace, clock: Clock) -> None:
        self._directory = directory
        self._pace = pace
        self._clock = clock
        self._entries: dict[str, Session] = {}
        self._lanes: dict[str, _Lane] = {}
        self._expenses = Expenses()
        self._queued: set[str] = set()
        self._hurried: set[str] = set()
        self._numbers = itertools.count()

    @property
    def waiting(self) -> list[Session]:
        """Number of entries with something to commit, including those whose commit is under way."""
        return list(self._entries.values())

    def add(self, entry: Session) -> bool:
        """Add an entry with something to commit; returns whether it is now the first of its queue."""
        uid = entry.ledger.uid
        self._entries[uid] = entry
        if entry.committing:
            return False  # added again when that commit has ended
        if not entry.ledger.ending:
            entry.hurried_once = False
        if uid not in self._hurried and self._hurries(entry):
            self._hurried.add(uid)
            return self._queue(self._lane(entry).ending_first, entry, self._pace.last_interval)
        if uid not in self._queued:
            self._queued.add(uid)
            return self._queue(self._lane(entry).by_due_time, entry, self._pace.interval)
        return False

    def hurry(self, entry: Session) -> None:
        """As `add`, sooner, because somebody waits."""
        self._entries[entry.ledger.uid] = entry
        if not entry.committing:
            self._queued.add(entry.ledger.uid)
            self._queue(self._lane(entry).by_due_time, entry, self._pace.interval)

    def remove(self, entry: Session) -> None:
        """Remove an entry that has nothing to commit."""
        self._entries.pop(entry.ledger.uid, None)

    def begun(self, entry: Session) -> None:
        """Record that its commit begins. Values that are taken later need another one."""
        self._queued.discard(entry.ledger.uid)
        self._hurried.discard(entry.ledger.uid)
        entry.hurried_once = entry.hurried_once or entry.ledger.ending

    def again(self, entry: Session) -> None:
        """Record that its commit has ended; add the entry again if something is left."""
        if entry.ledger.uid in self._entries:
            self.add(entry)

    def charge(self, entry: Session, size: int) -> None:
        """Charge the namespace of the entry with so many bytes."""
        self._expenses.charge(entry.key.namespace, size)

    def next(self) -> tuple[Session | None, float | None]:
        """The next entry; or None and the seconds until there may be one (None: unknown)."""
        now = self._clock()
        due = [name for name, lane in self._lanes.items() if any(heap[0].due <= now for heap in lane.heaps)]
        for name in sorted(due, key=self._expenses.of):
            lane = self._lanes[name]
            ready = self._first(lane.ending_first, self._pace.last_interval, now)
            ready = ready or self._first(lane.by_due_time, self._pace.interval, now)
            if not lane:
                del self._lanes[name]
            if ready is not None:
                return ready, None
        moment = min((heap[0].due for lane in self._lanes.values() for heap in lane.heaps), default=None)
        return None, None if moment is None else max(0.0, moment - now)

    def ending(self, entry: Session) -> bool:
        """Whether the Run is about to end, or its programs have ended, so that its commit should not wait."""
        return entry.ledger.ending or self._run_ends(entry)

    def _hurries(self, entry: Session) -> bool:
        """Whether its programs say that they end. That makes one commit sooner; after it, only the end of the Run does."""
        return (entry.ledger.ending and not entry.hurried_once) or self._run_ends(entry)

    def _run_ends(self, entry: Session) -> bool:
        run = self._directory.run(entry.key)
        return run is None or run.suspend or state_of(run.status.get("state")) in ENDING

    def _lane(self, entry: Session) -> _Lane:
        return self._lanes.setdefault(entry.key.namespace, _Lane())

    def _first(self, heap: list[_Place], interval: float, now: float) -> Session | None:
        while heap and heap[0].due <= now:
            uid = heapq.heappop(heap).uid
            entry = self._entries.get(uid)
            if entry is None or entry.committing:
                continue
            if self._due(entry, interval) > now:
                self._queue(heap, entry, interval)
                continue
            return entry
        return None

    def _queue(self, heap: list[_Place], entry: Session, interval: float) -> bool:
        place = _Place(self._due(entry, interval), next(self._numbers), entry.ledger.uid)
        heapq.heappush(heap, place)
        return heap[0] is place

    def _due(self, entry: Session, interval: float) -> float:
        if entry.waiters:
            interval = min(interval, self._pace.urgent_interval)
        return max(entry.committed_at + interval, entry.not_before)
