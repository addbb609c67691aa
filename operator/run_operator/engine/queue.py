"""The work queue: which Runs want to be looked at.

Seven guarantees, each with a test of its name:
1. a key waits at most once, however often it is added;
2. a key is worked on by at most one worker at a time;
3. a key added while it is worked on is worked on again afterwards;
4. urgent keys (a person's change) go before the rest, also those that waited already, and the rest still moves;
5. a key that failed comes back after a growing, jittered, bounded delay, which success resets;
6. namespaces take turns, and leave a worker free for one that has none: a flood in one is not felt in another;
7. a namespace whose keys take much CPU rests: it gets a tenth of the CPU at most, for decisions block all others.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Hashable
from typing import Final

from run_operator.api.run import Key
from run_operator.fairness import RoundRobin, may_take

FIRST_BACKOFF: Final = 0.5
LAST_BACKOFF: Final = 120.0
URGENT_SHARE: Final = 4
"""After this many urgent keys in a row one ordinary key is taken."""
QUICK: Final = 0.05
"""Seconds of CPU for one decision; usual ones take some milliseconds."""
REST: Final = 9
"""Factor: after a decision that was not quick, the namespace rests nine times as long."""
LONGEST_REST: Final = 30.0


class WorkQueue:
    """Keys in, keys out. Not thread-safe: one event loop owns it.

    `clock` is monotonic seconds, `workers` how many keys are worked on at once: namespaces share them.
    """

    def __init__(self, clock: Callable[[], float], workers: int = 1_000_000) -> None:
        self._clock = clock
        self._workers = workers
        self._urgent: RoundRobin[Key] = RoundRobin()
        self._ordinary: RoundRobin[Key] = RoundRobin()
        self._busy: Counter[Hashable] = Counter()
        self._waiting: dict[Key, float] = {}
        self._processing: set[Key] = set()
        self._again: dict[Key, bool] = {}
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._failures: dict[Key, int] = {}
        self._resting: dict[Hashable, asyncio.TimerHandle] = {}
        """Namespaces that get no worker until their timer ends."""
        self._taken_at = clock()
        self._wakeup = asyncio.Event()
        self._streak = 0
        self._closed = False

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def delayed(self) -> int:
        """Keys that wait for a point in time."""
        return len(self._timers)

    @property
    def processing(self) -> int:
        """Keys being worked on."""
        return len(self._processing)

    def oldest_age(self) -> float:
        """Seconds the longest waiting key has waited for a worker; 0 when none waits."""
        return self._clock() - next(iter(self._waiting.values())) if self._waiting else 0.0

    def stalled_for(self) -> float:
        """Seconds since a worker last took a key, while one waits; 0 when none waits. A long line alone does not count."""
        return min(self.oldest_age(), self._clock() - self._taken_at)

    def spent(self, namespace: str, seconds: float) -> None:
        """A decision about a Run of this namespace took so much CPU."""
        if seconds < QUICK or self._closed:
            return
        loop = asyncio.get_running_loop()
        timer = self._resting.get(namespace)
        begin = timer.when() if timer else loop.time()
        until = min(begin + seconds * REST, loop.time() + LONGEST_REST)
        if timer:
            timer.cancel()
        self._resting[namespace] = loop.call_at(until, self._rested, namespace)

    def add(self, key: Key, *, urgent: bool = False) -> None:
        """Add the key, to be worked on soon."""
        if self._closed:
            return
        if key in self._waiting:
            if urgent and self._ordinary.discard(key.namespace, key):
                self._urgent.add(key.namespace, key)
            return
        if key in self._processing:
            self._again[key] = self._again.get(key, False) or urgent
            return
        self._waiting[key] = self._clock()
        (self._urgent if urgent else self._ordinary).add(key.namespace, key)
        self._wakeup.set()

    def add_after(self, key: Key, delay: float) -> None:
        """Add the key after `delay` seconds, or earlier if an earlier timer is set."""
        if self._closed:
            return
        loop = asyncio.get_running_loop()
        due = loop.time() + max(0.0, delay)
        timer = self._timers.get(key)
        if timer is not None and timer.when() <= due:
            return
        if timer is not None:
            timer.cancel()
        self._timers[key] = loop.call_at(due, self._due, key)

    def retry(self, key: Key, at_least: float = 0.0) -> float:
        """Add a failed key after its backoff; returns the delay in seconds."""
        failures = self._failures.get(key, 0)
        self._failures[key] = min(failures + 1, 32)
        ceiling = min(LAST_BACKOFF, FIRST_BACKOFF * 2.0 ** min(failures, 16))
        delay = max(at_least, ceiling * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, no secret
        self.add_after(key, delay)
        return delay

    def succeeded(self, key: Key) -> None:
        """Reset the backoff of the key."""
        self._failures.pop(key, None)

    def forget(self, key: Key) -> None:
        """Drop the timer and the backoff of a deleted object."""
        self._failures.pop(key, None)
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()

    async def take(self) -> Key | None:
        """The next key, when there is one; None once the queue is closed. Must be given back with `done`."""
        while not self._closed:
            key = self._next()
            if key is not None:
                del self._waiting[key]
                self._processing.add(key)
                self._taken_at = self._clock()
                self._busy[key.namespace] += 1
                return key
            self._wakeup.clear()
            await self._wakeup.wait()
        return None

    def done(self, key: Key) -> None:
        """Give back a key that was taken."""
        self._processing.discard(key)
        self._busy[key.namespace] -= 1
        if not self._busy[key.namespace]:
            del self._busy[key.namespace]
        if self._waiting:
            self._wakeup.set()  # its namespace may have had all it gets
        urgent = self._again.pop(key, None)
        if urgent is not None:
            self.add(key, urgent=urgent)

    def close(self) -> None:
        """No more keys are taken in or given out; timers end."""
        self._closed = True
        for timer in (*self._timers.values(), *self._resting.values()):
            timer.cancel()
        self._timers.clear()
        self._wakeup.set()

    def _next(self) -> Key | None:
        ordinary_first = self._streak >= URGENT_SHARE
        key = self._ordinary.pop(self._is_full) if ordinary_first else None
        if key is None and (key := self._urgent.pop(self._is_full)) is not None:
            self._streak += 1
            return key
        self._streak = 0
        return key or self._ordinary.pop(self._is_full)

    def _is_full(self, namespace: Hashable) -> bool:
        if namespace in self._resting:
            return True
        return not may_take(self._busy[namespace], self._workers - len(self._processing))

    def _rested(self, namespace: str) -> None:
        self._resting.pop(namespace, None)
        self._wakeup.set()

    def _due(self, key: Key) -> None:
        self._timers.pop(key, None)
        self.add(key)
