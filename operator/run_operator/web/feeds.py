"""Watches that viewers share: each of them has proven to the API server that it may see all that the watch sees."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

from run_operator.web.errors import RefusedError
from run_operator.web.event_stream import Viewer
from run_operator.web.limits import WebLimits

MAY_PASS: Final = 500
"""A refusal with a status from here on says nothing of the viewer's rights."""


class Feed(Protocol):
    """A watch, as it is shared."""

    is_over: bool
    """It has ended: the next viewer needs another one."""

    async def work(self) -> None:
        """Follow until cancelled."""

    def end(self, error: Any = None) -> None:
        """Tell all viewers that nothing more comes, and why; without an error only that they are to open it again."""

    def join(self) -> Viewer:
        """One more viewer."""

    def leave(self, viewer: Any) -> None:
        """One viewer less."""


F = TypeVar("F", bound=Feed)


@dataclass(slots=True)
class _Shared:
    feed: Feed
    task: asyncio.Task[None]
    owner: str
    """Whose token it has."""
    viewers: Counter[str] = field(default_factory=Counter)
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
        self, key: Hashable, owner: str, make: Callable[[], F], check: Callable[[F | None], Awaitable[None]]
    ) -> AsyncIterator[Viewer]:
        """A viewer of the feed of this key, which is made for the first one, with the token of that one. `owner`: whose token.

        `check` asks the API server with the viewer's own token, and raises RefusedError when it may not see it: before it
        joins, and again and again as long as it stays. Raises RefusedError.
        """
        await check(None)
        shared = self._get(key, owner, make)
        shared.viewers[owner] += 1
        viewer = shared.feed.join()
        checking = asyncio.create_task(self._recheck(shared.feed, viewer, check), name="recheck")
        try:
            yield viewer
        finally:
            checking.cancel()
            shared.feed.leave(viewer)
            shared.viewers[owner] -= 1
            if not shared.viewers.total():
                loop = asyncio.get_running_loop()
                shared.leaving = loop.call_later(self._limits.linger, self._forget, key, shared)
            elif not shared.viewers[shared.owner]:
                shared.feed.end()  # nobody's token is used for others when its owner has gone

    async def close(self) -> None:
        """End all watches."""
        tasks = [shared.task for shared in self._shared.values()]
        for key, shared in list(self._shared.items()):
            self._forget(key, shared)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _get(self, key: Hashable, owner: str, make: Callable[[], F]) -> _Shared:
        shared = self._shared.get(key)
        if shared is not None and shared.feed.is_over:
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
            shared = self._shared[key] = _Shared(feed, asyncio.create_task(feed.work(), name="feed"), owner)
        if shared.leaving is not None:
            shared.leaving.cancel()
            shared.leaving = None
        return shared

    async def _recheck(self, feed: Any, viewer: Viewer, check: Callable[[Any], Awaitable[None]]) -> None:
        """A watch goes on when a right is taken away: the API server asks only when it begins."""
        while True:
            await asyncio.sleep(self._limits.recheck * random.uniform(0.8, 1.0))  # noqa: S311 - spreads the questions
            try:
                await check(feed)
            except RefusedError as error:
                if error.status < MAY_PASS:
                    viewer.refuse(error)
                    return

    def _forget(self, key: Hashable, shared: _Shared) -> None:
        shared.task.cancel()
        with contextlib.suppress(KeyError):
            if self._shared[key] is shared:
                del self._shared[key]
