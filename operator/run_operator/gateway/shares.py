"""The places of the gateway, shared by tenants, with answers for those who ask for too many."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from run_operator.gateway.api_client import ApiClient
from run_operator.gateway.errors import Problem
from run_operator.http.places import Shares, TooManyWaitingError

__all__ = ["Shares", "TooManyWaitingError", "turn"]


@asynccontextmanager
async def turn(shares: Shares, caller: ApiClient, what: str = "lists") -> AsyncIterator[None]:
    """A place for a request of this caller. Raises Problem 429 when too many of its tenant's requests wait.

    `what`: lists, which logs are counted with, or requests.
    """
    try:
        async with shares.place(caller.identity.tenant):
            yield
    except TooManyWaitingError as error:
        raise Problem(429, f"too many {what} of one caller at the same time", 2.0, limit=what) from error
