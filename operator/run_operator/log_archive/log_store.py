"""What is kept already: known by metadata alone, and made room on before more is put there."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

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
    """A RunLog, without what is in it. `size` in bytes, compressed."""

    namespace: str
    name: str
    uid: str
    run_uid: str
    attempt: int
    size: int
    created: str

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> Entry:
        """From an object's metadata; whatever is missing is empty."""
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
    """What has to go so that the rest has at most `limit` bytes and `most` objects: the oldest, by attempt within a Run."""
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
"""Of a namespace's or the cluster's share: down to this at a time, so that not every log costs a list."""

log = logging.getLogger(__name__)

Dropped = Callable[[str, str], None]
"""Told of what had to go: the uid of its Run, and whose share was used up (`run`, `namespace`, `cluster`)."""


class LogStore:
    """Sizes may be too large by what others deleted, so the API server is asked before anything goes.

    Only a Run that is gone is forgotten at once. `namespaces`: those served, or one None for all.
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
        """Learn what is there. Raises the errors of `kube.errors`."""
        self._replace(list(self._all()), await self._listed(self._namespaces))

    @property
    def size(self) -> int:
        """Compressed bytes in all."""
        return self._total

    def has(self, run_uid: str, name: str) -> bool:
        """Whether this object is there."""
        return name in self._by_run.get(run_uid, ())

    def put(self, entry: Entry) -> None:
        """It is there."""
        held = self._by_run.setdefault(entry.run_uid, {})
        if entry.name in held:
            self._count(held[entry.name], -1)
        held[entry.name] = entry
        self._count(entry, 1)

    def forget(self, run_uid: str) -> None:
        """The Run is gone, and what was kept of it goes too."""
        for entry in list(self._by_run.get(run_uid, {}).values()):
            self.remove(entry)

    def remove(self, entry: Entry) -> None:
        """It is not there (any more)."""
        held = self._by_run.get(entry.run_uid, {})
        if held.pop(entry.name, None) is None:
            return
        if not held:
            self._by_run.pop(entry.run_uid, None)
        self._count(entry, -1)

    async def reserve(self, entry: Entry) -> None:
        """Count it in, and delete what it leaves no room for: of its Run, its namespace, the cluster, in this order.

        Raises the errors of `kube.errors`; then it is not counted.
        """
        async with self._turn:  # two at a time would both find room
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
                await self._delete("cluster", beyond(self._all(), int(limits.of_cluster * LOW) - entry.size))

    async def _delete(self, share: str, entries: Iterable[Entry]) -> None:
        for entry in entries:
            try:
                await self._api.delete(RUN_LOGS, entry.namespace, entry.name, entry.uid)
            except (NotFoundError, ConflictError):
                log.debug("RunLog %s/%s is gone already", entry.namespace, entry.name)
            except (KubeError, FencedError) as error:
                log.warning("a RunLog that is too much is not deleted: %s", error)
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
