"""The last question to the fence, when the bytes of a write go out.

A write may wait for a connection, or be frozen with its process. By then it may be forbidden, although it was allowed when it began.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

import aiohttp

from run_operator.kube.errors import FencedError
from run_operator.kube.fence import Fence

_FENCE: Final[ContextVar[Fence | None]] = ContextVar("fence", default=None)
"""The fence of the write that this task sends. aiohttp writes a body in a task of its own, which has the variables of its maker."""


@contextmanager
def fenced(fence: Fence) -> Iterator[None]:
    """Requests in this block are writes behind this fence."""
    before = _FENCE.set(fence)
    try:
        yield
    finally:
        _FENCE.reset(before)


def asked_when_sent() -> aiohttp.TraceConfig:
    """For a session: a write whose fence has closed sends nothing. Its caller gets aiohttp's ClientConnectionError.

    aiohttp keeps the headers back until the first bytes of the body, and asks just before these.
    """
    config = aiohttp.TraceConfig()
    config.on_request_chunk_sent.append(_ask)
    return config


async def _ask(*_: Any) -> None:
    fence = _FENCE.get()
    if fence is not None and fence.allowance() <= 0:
        raise FencedError("this replica is no longer the leader; the request was not sent")
