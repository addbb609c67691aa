"""Concurrent calls for the same key share one request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Requests in progress by key. A caller may be cancelled; the request continues for the others."""

    def __init__(self) -> None:
        self._under_way: dict[Hashable, asyncio.Task[T]] = {}

    def __contains__(self, name: Hashable) -> bool:
        return name in self._under_way

    async def ask(self, name: Hashable, question: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The result of the request for this key, which starts unless it is in progress. Raises the request's errors."""
        task = self._under_way.get(name)
        if task is None:
            task = asyncio.create_task(question())
            self._under_way[name] = task
            task.add_done_callback(lambda done: self._answered(name, done))
        return await asyncio.shield(task)

    def _answered(self, name: Hashable, task: asyncio.Task[T]) -> None:
        self._under_way.pop(name, None)
        if not task.cancelled():
            task.exception()  # nobody may be waiting any more for why it failed
