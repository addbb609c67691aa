"""At the start: an API server that does not answer is waited for, instead of ending.

A kubelet waits ever longer before it starts a process that ended again, up to five minutes.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, TypeVar

from run_operator.kube.backoff import Backoffs
from run_operator.kube.client import Api
from run_operator.kube.errors import ForbiddenError, ThrottledError, TransientError

TIMEOUT: Final = 120.0
"""Seconds. Then the process ends."""
LONGEST_DELAY: Final = 5.0

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")


async def first_answer(api: Api, stop: asyncio.Event, ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """Ask until the API server answers. Raises the errors of `kube.errors`.

    A denial counts when the API server is ready: one that has just started knows no roles yet.
    """
    until = time.monotonic() + TIMEOUT
    for delay in Backoffs(last=LONGEST_DELAY):
        try:
            return await ask()
        except (TransientError, ThrottledError, ForbiddenError) as error:
            denied = isinstance(error, ForbiddenError) and await api.ready()
            if denied or stop.is_set() or time.monotonic() + delay > until:
                raise
            log.warning("the operator cannot start yet: %s; it tries again in %.1f s", error, delay)
        with suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await stop.wait()
    raise AssertionError  # there is always a next delay
