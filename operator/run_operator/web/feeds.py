"""Watches that viewers share. Before a viewer joins, the API server has confirmed that it may see everything in the watch."""

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
"""Errors with a status from here on say nothing about the viewer's rights."""


class Feed(Protocol):
    """A watch with its viewers."""

    is_over: bool
    """Whether it has ended, so that the next viewer needs another one."""

    async def work(self) -> None:
        """Follow until cancelled."""

    def end(self, error: Any = None) -> None:
        """End the streams of all viewers, with an error or with the request to open them again."""

    def join(self) -> Viewer:
        """Add a viewer."""

    def leave(self, viewer: Any) -> None:
        """Remove a viewer."""


F = TypeVar("F", bound=Feed)


@dataclass(slots=True)
class _Shared:
    feed: Feed
    task: asyncio.Task[None]
    owner: str
    """The owner of its token."""
    viewers: Counter[str] = field(default_factory=Counter)
    leaving: asyncio.TimerHandle | None = None


class Feeds:
    """All feeds of a process."""

    def __init__(self, limits: WebLimits) -> None:
        self._limits = limits
        self._shared: dict[Hashable, _Shared] = {}
        self._lingering: dict[Hashable, _Shared] = {}
        """Watches without a viewer; the longest without one first."""

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
                self._lingering[key] = shared
                if len(self._lingering) > self._limits.lingering:
                    self._forget(*next(iter(self._lingering.items())))
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
            feed = make()
            shared = self._shared[key] = _Shared(feed, asyncio.create_task(feed.work(), name="feed"), owner)
        if shared.leaving is not None:
            shared.leaving.cancel()
            shared.leaving = None
            self._lingering.pop(key, None)
        return shared

    async def _recheck(self, feed: Any, viewer: Viewer, check: Callable[[Any], Awaitable[None]]) -> None:
        """Check the rights of viewers again and again, because the API server checks those of a watch only at its beginning."""
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
        if shared.leaving is not None:
            shared.leaving.cancel()
        if self._lingering.get(key) is shared:
            del self._lingering[key]
        with contextlib.suppress(KeyError):
            if self._shared[key] is shared:
                del self._shared[key]
