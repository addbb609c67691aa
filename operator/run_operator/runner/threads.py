"""Threads that call the handler of a served function."""

from __future__ import annotations

import asyncio
import queue
import threading
from typing import Any, Callable


class Threads:
    """So many calls at once; further ones wait for their turn.

    Not the standard library's executor: that waits at the end of the program for a handler that never returns.
    """

    def __init__(self, number: int) -> None:
        self._calls: queue.SimpleQueue[tuple[asyncio.Future[Any], Callable[[], Any]]] = queue.SimpleQueue()
        for i in range(number):
            threading.Thread(target=self._work, name=f"handler-{i}", daemon=True).start()

    def call(self, function: Callable[[], Any]) -> asyncio.Future[Any]:
        """What the function returns or raises, once a thread has called it."""
        future = asyncio.get_running_loop().create_future()
        self._calls.put((future, function))
        return future

    def _work(self) -> None:
        while True:
            future, function = self._calls.get()
            if future.cancelled():  # whoever asked is gone
                continue
            try:
                answer = (future.set_result, function())
            except BaseException as error:  # noqa: BLE001 - whatever it is belongs to whoever asked
                answer = (future.set_exception, _carried(error))
            _tell(future, *answer)


def _carried(error: BaseException) -> BaseException:
    """A future cannot carry StopIteration, and sys.exit in a handler is no end of the server."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    made = RuntimeError(f"{type(error).__name__}: {error}")
    made.__traceback__ = error.__traceback__
    return made


def _tell(future: asyncio.Future[Any], settle: Callable[[Any], None], value: Any) -> None:
    def settled() -> None:
        if not future.done():
            settle(value)

    try:
        future.get_loop().call_soon_threadsafe(settled)
    except RuntimeError:
        return  # the loop has ended, and nobody waits any more
