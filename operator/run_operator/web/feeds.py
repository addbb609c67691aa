"""Watches that viewers share: those of one and the same token, for one and the same place, and no others."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from run_operator.web.errors import RefusedError
from run_operator.web.event_stream import Viewer
from run_operator.web.limits import WebLimits

MAY_PASS: Final = 500
"""A refusal with a status from here on says nothing of the viewer's rights."""


class Feed(Protocol):
    """A watch, as it is shared."""

    problem: RefusedError | None

    async def work(self) -> None:
        """Follow until cancelled."""

    def end(self, error: Any) -> None:
        """Tell all viewers why nothing more comes."""

    def join(self) -> Viewer:
        """One more viewer."""

    def leave(self, viewer: Any) -> None:
        """One viewer less."""


F = TypeVar("F", bound=Feed)


@dataclass(slots=True)
class _Shared:
    feed: Feed
    tasks: list[asyncio.Task[None]]
    viewers: int = 0
    leaving: asyncio.TimerHandle | None = None


class Feeds:
    """One object for a process."""

    def __init__(self, limits: WebLimits) -> None:
        self._limits = limits
        self._shared: dict[Hashable, _Shared] = {}

    def __len__(self) -> int:
        return len(self._shared)

    @asynccontextmanager
    async def viewer(
        self, key: Hashable, make: Callable[[], F], check: Callable[[F], Awaitable[None]]
    ) -> AsyncIterator[Viewer]:
        """A viewer of the feed of this key, which is made for the first one.

        `key` holds the digest of the token. `check` raises RefusedError when the token may not see it any more; it is asked
        again and again as long as there are viewers. Raises RefusedError 429.
        """
        shared = self._get(key, make, check)
        shared.viewers += 1
        viewer = shared.feed.join()
        try:
            yield viewer
        finally:
            shared.feed.leave(viewer)
            shared.viewers -= 1
            if not shared.viewers:
                loop = asyncio.get_running_loop()
                shared.leaving = loop.call_later(self._limits.linger, self._forget, key, shared)

    async def close(self) -> None:
        """End all watches."""
        tasks = [task for shared in self._shared.values() for task in shared.tasks]
        for key, shared in list(self._shared.items()):
            self._forget(key, shared)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _get(self, key: Hashable, make: Callable[[], F], check: Callable[[F], Awaitable[None]]) -> _Shared:
        shared = self._shared.get(key)
        if shared is not None and shared.feed.problem is not None:
            self._forget(key, shared)
            shared = None
        if shared is None:
            if len(self._shared) >= self._limits.feeds:
                raise RefusedError(
                    429,
                    "TooManyStreams",
                    "this server follows as much as it may; try again in a minute",
                    retry_after=10.0,
                )
            feed = make()
            tasks = [
                asyncio.create_task(feed.work(), name="feed"),
                asyncio.create_task(self._recheck(feed, check), name="recheck"),
            ]
            shared = self._shared[key] = _Shared(feed, tasks)
        if shared.leaving is not None:
            shared.leaving.cancel()
            shared.leaving = None
        return shared

    async def _recheck(self, feed: F, check: Callable[[F], Awaitable[None]]) -> None:
        """A watch goes on when a right is taken away: the API server asks only when it begins."""
        while True:
            await asyncio.sleep(self._limits.recheck)
            try:
                await check(feed)
            except RefusedError as error:
                if error.status < MAY_PASS:
                    feed.end(error)
                    return

    def _forget(self, key: Hashable, shared: _Shared) -> None:
        for task in shared.tasks:
            task.cancel()
        with contextlib.suppress(KeyError):
            if self._shared[key] is shared:
                del self._shared[key]
