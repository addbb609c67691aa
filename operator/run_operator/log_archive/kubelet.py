"""Reads the log of one container through the API server, and remembers nodes that do not answer."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from contextlib import aclosing
from typing import Final

from run_operator.kube.client import Api
from run_operator.kube.errors import KubeError, TransientError
from run_operator.kube.resource import PODS
from run_operator.log_archive.limits import ArchiveLimits
from run_operator.log_archive.tail import Tail

CHUNK: Final = 65_536


class KubeletLogs:
    """The source of logs."""

    def __init__(self, api: Api, limits: ArchiveLimits) -> None:
        self._api = api
        self._limits = limits

    async def read(self, namespace: str, pod: str, container: str, into: Tail) -> None:
        """Read the existing log. Raises the errors of `kube.errors`."""
        await self._read(namespace, pod, container, into, {}, self._limits.read_seconds)

    async def follow(self, namespace: str, pod: str, container: str, into: Tail, seconds: float) -> None:
        """Read the log until the container ends. Raises the errors of `kube.errors`."""
        await self._read(namespace, pod, container, into, {"follow": "true"}, seconds)

    async def _read(
        self, namespace: str, pod: str, container: str, into: Tail, how: dict[str, str], seconds: float
    ) -> None:
        # One line a kept byte, because lines may be empty. The node searches them from the end.
        query = {"container": container, "tailLines": str(self._limits.tail), **how}
        pieces = self._api.stream(PODS, PODS.path(namespace, pod, "log"), query, deadline=seconds)
        async with aclosing(pieces):
            async for piece in pieces:
                for at in range(0, len(piece), CHUNK):
                    into.add(piece[at : at + CHUNK])
                if into.bytes >= self._limits.most_read:
                    return


MOST: Final = 10_000
FAKE: Final = "no preferred addresses found"
"""The API server's error for a node without an address: a fake node, where nothing writes."""


class _Node:
    __slots__ = ("failures", "until", "why")

    def __init__(self) -> None:
        self.failures = 0
        self.until = 0.0
        self.why = ""


class Nodes:
    """Backoff for each node that does not serve logs. `clock` is monotonic seconds."""

    def __init__(self, limits: ArchiveLimits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._failing: OrderedDict[str, _Node] = OrderedDict()

    def wait(self, name: str) -> float:
        """Seconds until the node may be asked again; 0: now."""
        node = self._failing.get(name)
        return 0.0 if node is None else max(0.0, node.until - self._clock())

    def hopeless(self, name: str) -> str:
        """Why logs of this node are given up without a request; empty while it may answer."""
        node = self._failing.get(name)
        return (
            node.why if node and node.failures >= self._limits.max_node_failures and self.wait(name) else ""
        )

    def answered(self, name: str) -> None:
        """Note that the node served a log."""
        self._failing.pop(name, None)

    @staticmethod
    def fake(why: str) -> bool:
        """Whether the error is that of a fake node."""
        return FAKE in why

    def failed(self, name: str, error: KubeError) -> None:
        """Note that the node did not serve a log. Failures during its backoff belong together and count once."""
        if self.wait(name) or not isinstance(error, TransientError):
            return
        node = self._failing.setdefault(name, _Node())
        node.failures = self._limits.max_node_failures if self.fake(error.message) else node.failures + 1
        pause = self._limits.first_pause * 2.0 ** min(node.failures - 1, 16)
        longest = self._limits.last_pause
        node.until = self._clock() + (longest if self.fake(error.message) else min(longest, pause))
        node.why = error.message
        self._failing.move_to_end(name)
        if len(self._failing) > MOST:
            self._failing.popitem(last=False)
