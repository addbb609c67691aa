"""Many who ask the same at a time are one question."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Questions under way, by name. Whoever asks may give up; the question goes on for the others."""

    def __init__(self) -> None:
        self._under_way: dict[Hashable, asyncio.Task[T]] = {}

    def __contains__(self, name: Hashable) -> bool:
        return name in self._under_way

    async def ask(self, name: Hashable, question: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The answer to the question of this name, which is asked unless it is under way. Raises what it raises."""
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
