"""Threads that call the handler of a served function."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections import deque
from typing import Any, Callable


class Threads:
    """So many calls at once; further ones wait for their turn.

    Not the standard library's executor: that waits at the end of the program for a handler that never returns, and
    wakes the event loop for each call, where one time is enough for all that have ended meanwhile.
    """

    def __init__(self, number: int) -> None:
        self._calls: queue.SimpleQueue[tuple[asyncio.Future[Any], Callable[[], Any]]] = queue.SimpleQueue()
        self._ended: deque[tuple[asyncio.Future[Any], Any, BaseException | None]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken = False
        for i in range(number):
            threading.Thread(target=self._work, name=f"handler-{i}", daemon=True).start()

    def call(self, function: Callable[[], Any]) -> asyncio.Future[Any]:
        """Call the function in a thread; returns its result or raises its exception. For one event loop alone."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        future = self._loop.create_future()
        self._calls.put((future, function))
        return future

    def _work(self) -> None:
        while True:
            future, function = self._calls.get()
            if future.cancelled():  # the client is gone
                continue
            try:
                self._ended.append((future, function(), None))
            except BaseException as error:  # noqa: BLE001 - every error is the caller's
                self._ended.append((future, None, _carried(error)))
            if not self._woken:
                self._woken = True
                self._wake()

    def _wake(self) -> None:
        try:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._settle)
        except RuntimeError:
            return  # the loop has ended, and nobody waits any more

    def _settle(self) -> None:
        """In the event loop. The flag first: what ends from now on wakes it again."""
        self._woken = False
        while self._ended:
            future, returned, error = self._ended.popleft()
            if future.done():
                continue
            if error is None:
                future.set_result(returned)
            else:
                future.set_exception(error)


def _carried(error: BaseException) -> BaseException:
    """A future cannot carry StopIteration, and sys.exit in a handler is not an end of the server."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    made = RuntimeError(f"{type(error).__name__}: {error}")
    made.__traceback__ = error.__traceback__
    return made
