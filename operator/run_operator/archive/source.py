"""Reading the log of one container, by way of the API server, within bounds."""

from __future__ import annotations

from contextlib import aclosing
from typing import Final

from run_operator.archive.limits import Limits
from run_operator.archive.tail import Tail
from run_operator.kube.client import Api
from run_operator.kube.resource import PODS

CHUNK: Final = 65_536


class Source:
    """Where logs come from."""

    def __init__(self, api: Api, limits: Limits) -> None:
        self._api = api
        self._limits = limits

    async def read(self, namespace: str, pod: str, container: str, into: Tail) -> None:
        """What there is. Raises the errors of `kube.errors`."""
        await self._read(namespace, pod, container, into, {}, self._limits.read_seconds)

    async def follow(self, namespace: str, pod: str, container: str, into: Tail, seconds: float) -> None:
        """What there is and what comes, until the container ends. Raises the errors of `kube.errors`."""
        await self._read(namespace, pod, container, into, {"follow": "true"}, seconds)

    async def _read(
        self, namespace: str, pod: str, container: str, into: Tail, how: dict[str, str], seconds: float
    ) -> None:
        # As many lines as there are bytes to be kept, for a line may be empty. The node looks for them from the end.
        query = {"container": container, "tailLines": str(self._limits.tail), **how}
        pieces = self._api.stream(PODS, PODS.path(namespace, pod, "log"), query, deadline=seconds)
        async with aclosing(pieces):
            async for piece in pieces:
                for at in range(0, len(piece), CHUNK):
                    into.add(piece[at : at + CHUNK])
                if into.bytes >= self._limits.most_read:
                    return
