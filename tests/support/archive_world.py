"""The archive on a store that is filled by hand, and an API server that can be made to misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Self

from prometheus_client import CollectorRegistry

from run_operator.api import runlog
from run_operator.api.run import Run
from run_operator.children import JobView, PodView
from run_operator.engine.store import Store
from run_operator.kube.errors import AlreadyExistsError, NotFoundError
from run_operator.kube.resource import Resource
from run_operator.log_archive.archiver import Archiver
from run_operator.log_archive.kubelet import KubeletLogs
from run_operator.log_archive.limits import ArchiveLimits
from run_operator.log_archive.log_store import LogStore
from run_operator.log_archive.telemetry import ArchiveTelemetry
from run_operator.log_archive.writer import LogWriter
from tests.support.builders import owned_by

LABELS = {
    "run-operator.io/run-uid": "r", "run-operator.io/attempt": "1", "batch.kubernetes.io/controller-uid": "uid-x"
}  # fmt: skip
RUNNING: dict[str, Any] = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
OVER: dict[str, Any] = {"terminated": {"exitCode": 143, "finishedAt": "2026-01-01T00:00:09Z"}}
QUICK = {"first_pause": 0.01, "last_pause": 0.05, "settle": 5.0, "linger": 0.05}


class Log:
    """What a kubelet has of one container: pieces that are there, and pieces to come."""

    def __init__(self, *pieces: bytes, open_: bool = False) -> None:
        self.pieces: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        for piece in pieces:
            self.pieces.put_nowait(piece)
        if not open_:
            self.pieces.put_nowait(None)


class FakeApi:
    def __init__(self) -> None:
        self.logs: dict[str, Log] = {}
        self.stored: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        self.deleted: list[str] = []
        self.faults: list[Exception] = []
        self.refusals: list[Exception] = []
        self.everything: Exception | None = None

    async def stream(
        self, resource: Resource, path: str, query: Mapping[str, str], *, deadline: float
    ) -> AsyncIterator[bytes]:
        pod = path.split("/")[-2]
        self.asked.append(f"{'follow' if 'follow' in query else 'read'} {pod}.{query['container']}")
        await asyncio.sleep(0)
        if self.everything is not None:
            raise self.everything
        if self.faults:
            raise self.faults.pop(0)
        log = self.logs.get(f"{pod}.{query['container']}")
        if log is None:
            raise NotFoundError("get", 404, "no such pod")
        while (piece := await log.pieces.get()) is not None:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    async def create(
        self, resource: Resource, namespace: str, body: Any, *, accept: str = ""
    ) -> dict[str, Any]:
        if self.refusals:
            raise self.refusals.pop(0)
        name = body["metadata"]["name"]
        if name in self.stored:
            raise AlreadyExistsError("create", 409, "there", "AlreadyExists")
        body["metadata"] |= {
            "uid": f"uid-{name}",
            "namespace": namespace,
            "creationTimestamp": f"{len(self.stored):09}",
        }
        self.stored[name] = body
        return {"metadata": body["metadata"]}

    async def delete(self, resource: Resource, namespace: str, name: str, uid: str) -> None:
        assert self.stored.pop(name)["metadata"]["uid"] == uid
        self.deleted.append(name)

    async def list_metadata(
        self, resource: Resource, *, namespace: str | None = None, selector: str = ""
    ) -> AsyncIterator[dict[str, Any]]:
        for body in list(self.stored.values()):
            yield body["metadata"]


class World:
    def __init__(self, **limits: Any) -> None:
        self.api = FakeApi()
        self.store = Store(lambda *_: None)
        self.registry = CollectorRegistry()
        self.said: list[str] = []
        self.dropped: list[str] = []
        self.begin = asyncio.Event()
        self.limits = ArchiveLimits(**(QUICK | limits))
        counters = ArchiveTelemetry(self.registry)
        api: Any = self.api
        logs_kept = LogStore(
            api, (None,), self.limits, counters, lambda uid, share: self.dropped.append(share)
        )
        writer = LogWriter(
            api, logs_kept, self.store, self.limits, counters,
            lambda run, reason, message: self.said.append(f"{reason} {message}"), time.time,
        )  # fmt: skip
        self.archiver = Archiver(
            KubeletLogs(api, self.limits), writer, self.store, self.limits, counters, time.monotonic
        )
        self.store.listener = self.archiver
        self.version = 1
        self.run()

    async def __aenter__(self) -> Self:
        self.working = asyncio.create_task(self.archiver.work(self.begin))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.working

    async def start(self) -> None:
        self.begin.set()
        await self.until(lambda: self.archiver._begun)

    def metadata(self, name: str, **more: Any) -> dict[str, Any]:
        self.version += 1
        return {
            "namespace": "ml", "name": name, "uid": f"uid-{name}", "resourceVersion": str(self.version), "labels": LABELS
        } | more  # fmt: skip

    def run(self, **more: Any) -> None:
        spec = {"kind": "container+job:run", "project": "p", "id": "x", "spec": {}}
        self.store.put_run(
            Run.from_object({"metadata": self.metadata("x", uid="r", **more), "spec": spec, "status": {}})
        )

    def job(self, *, suspend: bool) -> None:
        self.store.put_child(
            JobView.from_object(
                {
                    "metadata": self.metadata("x", ownerReferences=owned_by("Run", "r", "x")),
                    "spec": {"suspend": suspend},
                }
            )
        )

    def pod(self, name: str = "p", phase: str = "Running", *, going: bool = False, **states: Any) -> None:
        reported = [
            {"name": container, "state": state} for container, state in (states or {"main": RUNNING}).items()
        ]
        more = {"deletionTimestamp": "2026-01-01T00:00:30Z"} if going else {}
        raw = {
            "metadata": self.metadata(name, ownerReferences=owned_by("Job", "uid-x", "x"), **more),
            "spec": {"nodeName": "node"},
            "status": {"phase": phase, "containerStatuses": reported},
        }  # fmt: skip
        self.store.put_child(PodView.from_object(raw))

    def gone(self, name: str = "p") -> None:
        self.store.drop_child(f"uid-{name}")

    def count(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"run_operator_logs_{name}", labels) or 0.0

    async def until(self, true: Callable[[], Any]) -> None:
        async with asyncio.timeout(30):
            while not true():  # noqa: ASYNC110 - of a cluster that tells nobody
                await asyncio.sleep(0.002)

    async def kept(self, *names: str) -> list[runlog.RunLog]:
        await self.until(lambda: set(names) <= set(self.api.stored))
        await self.until(lambda: self.count("kept_total") >= len(names))
        return [runlog.from_object(self.api.stored[name]) for name in names]


def noise(size: int, seed: int) -> bytes:
    """Does not compress."""
    return random.Random(seed).randbytes(size)
