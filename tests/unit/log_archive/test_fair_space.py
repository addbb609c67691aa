"""The cluster's space for logs: who fills it loses its own logs, and nobody else's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from prometheus_client import CollectorRegistry

from run_operator.log_archive.limits import ArchiveLimits
from run_operator.log_archive.log_store import Entry, LogStore
from run_operator.log_archive.telemetry import ArchiveTelemetry


class Api:
    """Holds RunLogs as metadata."""

    def __init__(self) -> None:
        self.stored: dict[str, dict[str, Any]] = {}
        self.deleted: list[str] = []

    def add(self, namespace: str, name: str, size: int, created: str) -> Entry:
        metadata = {
            "namespace": namespace, "name": name, "uid": name, "creationTimestamp": created,
            "labels": {"run-operator.io/run-uid": f"run-of-{name}", "run-operator.io/attempt": "1"},
            "annotations": {"run-operator.io/log-size": str(size)},
        }  # fmt: skip
        self.stored[name] = metadata
        return Entry.of(metadata)

    async def list_metadata(self, *_: Any, **__: Any) -> AsyncIterator[dict[str, Any]]:
        for metadata in list(self.stored.values()):
            yield metadata

    async def delete(self, _: Any, namespace: str, name: str, uid: str) -> None:
        self.deleted.append(name)
        del self.stored[name]


async def test_a_namespace_that_fills_the_space_loses_its_own_logs_however_old_those_of_others_are():
    api: Any = Api()
    limits = ArchiveLimits(of_cluster=1000, of_namespace=10_000)
    store = LogStore(api, (None,), limits, ArchiveTelemetry(CollectorRegistry()), lambda *_: None)
    for number in range(3):
        api.add("quiet", f"old-{number}", 50, "2020-01-01T00:00:00Z")
    for number in range(8):
        api.add("flood", f"new-{number}", 100, f"2026-01-01T00:00:0{number}Z")
    await store.load()
    await store.reserve(Entry("flood", "one-more", "", "run", 1, 100, "2026-01-02T00:00:00Z"))
    assert api.deleted
    assert all(name.startswith("new-") for name in api.deleted)
