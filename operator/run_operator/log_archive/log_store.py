"""The index of kept RunLogs (metadata only) and their quotas: a Run, a namespace and the cluster each have a share."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from run_operator import fairness
from run_operator.api.constants import (
    ANNOTATION_LOG_SIZE,
    LABEL_ATTEMPT,
    LABEL_MANAGED_BY,
    LABEL_RUN_UID,
    MANAGED_BY,
)
from run_operator.api.raw import mapping, text
from run_operator.kube.client import Api
from run_operator.kube.errors import ConflictError, FencedError, KubeError, NotFoundError
from run_operator.kube.resource import RUN_LOGS
from run_operator.log_archive.limits import ArchiveLimits
from run_operator.log_archive.telemetry import ArchiveTelemetry


class Entry(NamedTuple):
    """The metadata of a RunLog. `size` is compressed bytes."""

    namespace: str
    name: str
    uid: str
    run_uid: str
    attempt: int
    size: int
    created: str

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> Entry:
        """Read an object's metadata; missing fields are empty."""
        labels = mapping(metadata.get("labels"))
        return cls(
            namespace=text(metadata.get("namespace")),
            name=text(metadata.get("name")),
            uid=text(metadata.get("uid")),
            run_uid=text(labels.get(LABEL_RUN_UID)),
            attempt=_number(labels.get(LABEL_ATTEMPT)),
            size=_number(mapping(metadata.get("annotations")).get(ANNOTATION_LOG_SIZE)),
            created=text(metadata.get("creationTimestamp")),
        )


def beyond(entries: Iterable[Entry], limit: int, most: int | None = None) -> list[Entry]:
    """The oldest entries to delete so that at most `limit` bytes and `most` objects are left."""
    left = sorted(entries, key=lambda entry: (entry.created, entry.attempt, entry.name))
    size, gone = sum(entry.size for entry in left), 0
    while gone < len(left) and (size > limit or (most is not None and len(left) - gone > most)):
        size -= left[gone].size
        gone += 1
    return left[:gone]


def _number(value: Any) -> int:
    found = text(value)
    return int(found) if found.isdecimal() and len(found) < 16 else 0  # noqa: PLR2004 - a petabyte


OURS: Final = f"{LABEL_MANAGED_BY}={MANAGED_BY}"
LOW: Final = 0.9
"""Fraction of a share that is left after a cleanup, so that not every new log needs a list."""

log = logging.getLogger(__name__)

Dropped = Callable[[str, str], None]
"""Called for each deleted log: uid of its Run, and the full share (`run`, `namespace` or `cluster`)."""


class LogStore:
    """Sizes may be too large after deletions by others, so the API server is listed before anything is deleted.

    Only deleted Runs are forgotten at once. `namespaces`: the served ones, or one None for all.
    """

    def __init__(
        self,
        api: Api,
        namespaces: Sequence[str | None],
        limits: ArchiveLimits,
        counters: ArchiveTelemetry,
        dropped: Dropped,
    ) -> None:
        self._api = api
        self._namespaces = namespaces
        self._limits = limits
        self._counters = counters
        self._dropped = dropped
        self._by_run: dict[str, dict[str, Entry]] = {}
        self._sizes: Counter[str] = Counter()
        self._total = 0
        self._turn = asyncio.Lock()

    async def load(self) -> None:
        """List the stored RunLogs. Raises the errors of `kube.errors`."""
        self._replace(list(self._all()), await self._listed(self._namespaces))

    @property
    def size(self) -> int:
        """Compressed bytes of all RunLogs."""
        return self._total

    def has(self, run_uid: str, name: str) -> bool:
        """Whether this RunLog is stored."""
        return name in self._by_run.get(run_uid, ())

    def put(self, entry: Entry) -> None:
        """Add a stored RunLog."""
        held = self._by_run.setdefault(entry.run_uid, {})
        if entry.name in held:
            self._count(held[entry.name], -1)
        held[entry.name] = entry
        self._count(entry, 1)

    def forget(self, run_uid: str) -> None:
        """Forget the RunLogs of a deleted Run."""
        for entry in list(self._by_run.get(run_uid, {}).values()):
            self.remove(entry)

    def remove(self, entry: Entry) -> None:
        """Remove a RunLog that is not stored."""
        held = self._by_run.get(entry.run_uid, {})
        if held.pop(entry.name, None) is None:
            return
        if not held:
            self._by_run.pop(entry.run_uid, None)
        self._count(entry, -1)

    async def reserve(self, entry: Entry) -> None:
        """Count a new RunLog and delete old ones that exceed the share of its Run, its namespace, or the cluster.

        Raises the errors of `kube.errors`; then the new one is not counted.
        """
        async with self._turn:  # two at once would use the same space
            await self._make_room(entry)
            self.put(entry)

    async def _make_room(self, entry: Entry) -> None:
        limits, mine = self._limits, self._by_run.get(entry.run_uid, {})
        size = sum(one.size for one in mine.values())
        if size + entry.size > limits.of_run or len(mine) >= limits.objects:
            self._replace(list(mine.values()), await self._listed([entry.namespace], entry.run_uid))
            mine = self._by_run.get(entry.run_uid, {})
            await self._delete("run", beyond(mine.values(), limits.of_run - entry.size, limits.objects - 1))
        if self._sizes[entry.namespace] + entry.size > limits.of_namespace:
            self._replace(self._of(entry.namespace), await self._listed([entry.namespace]))
            limit = int(limits.of_namespace * LOW) - entry.size
            if self._sizes[entry.namespace] + entry.size > limits.of_namespace:
                await self._delete("namespace", beyond(self._of(entry.namespace), limit))
        if self._total + entry.size > limits.of_cluster:
            await self.load()
            if self._total + entry.size > limits.of_cluster:
                greedy, rest = self._greedy()
                limit = max(0, int(limits.of_cluster * LOW) - entry.size - rest)
                await self._delete("cluster", beyond(greedy, limit))

    def _greedy(self) -> tuple[list[Entry], int]:
        """The RunLogs of namespaces that have at least an equal share of the cluster's space; the bytes of all others."""
        most = fairness.share(self._total, len(self._sizes))
        names = {namespace for namespace, size in self._sizes.items() if size >= most}
        rest = sum(size for namespace, size in self._sizes.items() if namespace not in names)
        return [entry for entry in self._all() if entry.namespace in names], rest

    async def _delete(self, share: str, entries: Iterable[Entry]) -> None:
        for entry in entries:
            try:
                await self._api.delete(RUN_LOGS, entry.namespace, entry.name, entry.uid)
            except (NotFoundError, ConflictError):
                log.debug("RunLog %s/%s is already deleted", entry.namespace, entry.name)
            except (KubeError, FencedError) as error:
                log.warning("cannot delete a RunLog that is over the limit: %s", error)
                continue
            else:
                self._counters.dropped(share)
                self._dropped(entry.run_uid, share)
            self.remove(entry)

    async def _listed(self, namespaces: Sequence[str | None], run_uid: str = "") -> list[Entry]:
        selector = OURS + (f",{LABEL_RUN_UID}={run_uid}" if run_uid else "")
        return [
            Entry.of(metadata)
            for namespace in namespaces
            async for metadata in self._api.list_metadata(RUN_LOGS, namespace=namespace, selector=selector)
        ]

    def _replace(self, old: Iterable[Entry], new: Iterable[Entry]) -> None:
        for entry in old:
            self.remove(entry)
        for entry in new:
            self.put(entry)

    def _count(self, entry: Entry, sign: int) -> None:
        self._sizes[entry.namespace] += sign * entry.size
        if not self._sizes[entry.namespace]:
            del self._sizes[entry.namespace]
        self._total += sign * entry.size

    def _of(self, namespace: str) -> list[Entry]:
        return [entry for entry in self._all() if entry.namespace == namespace]

    def _all(self) -> Iterable[Entry]:
        return (entry for held in self._by_run.values() for entry in held.values())
