"""Places for requests that are neither lists nor logs: each may hold a large document, and waits for the API server.

Metrics that are logged wait for the operator, so they have places of their own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from run_operator.gateway.api_client import ApiClient
from run_operator.gateway.limits import GatewayLimits
from run_operator.gateway.shares import Shares, turn


class RequestPlaces:
    """One object for a process."""

    def __init__(self, limits: GatewayLimits) -> None:
        self._requests = Shares(limits.requests, limits.requests_each, limits.requests_waiting)
        self._metrics = Shares(limits.requests, limits.requests_each, limits.requests_waiting)

    @asynccontextmanager
    async def hold(self, method: str, parts: tuple[str, ...], caller: ApiClient) -> AsyncIterator[None]:
        """A place for this request, where it needs one here. Raises Problem 429."""
        match method, parts:
            case "GET", ("api", "v1", "-", _, _):
                yield  # a list has its own
            case "GET", ("api", "v1", "-", _, "runs", _, "logs"):
                yield
            case "PUT", ("api", "v1", "-", _, _, _, "metrics", _):
                async with turn(self._metrics, caller, "requests"):
                    yield
            case _:
                async with turn(self._requests, caller, "requests"):
                    yield
