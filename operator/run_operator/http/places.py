"""Places for costly work: a few in all, and a share of them for each caller."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager


class TooManyWaitingError(Exception):
    """Too many requests of this caller wait already."""


class Shares:
    """`places` in all, `each` for one caller at once; `waiting` of one caller wait, the next is refused.

    A place that becomes free goes to the caller that has waited longest since its last turn, not to the longest queue:
    a caller with a thousand requests waits for its own.
    """

    def __init__(self, places: int, each: int, waiting: int) -> None:
        self._free = places
        self._each = each
        self._most = waiting
        self._held: Counter[Hashable] = Counter()
        self._waiting: OrderedDict[Hashable, deque[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def place(self, caller: Hashable) -> AsyncIterator[None]:
        """Hold a place. Raises TooManyWaitingError at once, or waits."""
        await self._take(caller)
        try:
            yield
        finally:
            self._give_back(caller)

    async def _take(self, caller: Hashable) -> None:
        if self._free and self._held[caller] < self._each and caller not in self._waiting:
            self._free -= 1
            self._held[caller] += 1
            return
        queue = self._waiting.setdefault(caller, deque())
        if len(queue) >= self._most:
            raise TooManyWaitingError
        turn = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give_back(caller)  # the place came at the very moment at which the caller went away
            else:
                self._forget(caller, turn)
            raise

    def _give_back(self, caller: Hashable) -> None:
        self._free += 1
        self._held[caller] -= 1
        if not self._held[caller]:
            del self._held[caller]
        self._next()

    def _next(self) -> None:
        """Give the free place to the next caller that may have one, and put it at the end of the line."""
        for caller in list(self._waiting):
            queue = self._waiting[caller]
            while queue and queue[0].done():  # its caller went away
                queue.popleft()
            if queue and self._held[caller] < self._each:
                self._free -= 1
                self._held[caller] += 1
                queue.popleft().set_result(None)
                self._waiting.move_to_end(caller)
            if not queue:
                del self._waiting[caller]
            if not self._free:
                return

    def _forget(self, caller: Hashable, turn: asyncio.Future[None]) -> None:
        queue = self._waiting.get(caller)
        if queue is None or turn not in queue:
            return
        queue.remove(turn)
        if not queue:
            del self._waiting[caller]
