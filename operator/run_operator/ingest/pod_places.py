"""Places for requests of pods: the pods of a namespace share them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from run_operator.http.places import Shares, TooManyWaitingError
from run_operator.http.server import DeniedError


@asynccontextmanager
async def place(shares: Shares, namespace: str) -> AsyncIterator[None]:
    """Wait for a place of this namespace, and hold it. Raises DeniedError: 429 when too many wait already."""
    try:
        async with shares.place(namespace):
            yield
    except TooManyWaitingError as error:
        raise DeniedError(429, "the pods of this namespace send too many requests", retry_after=2) from error
