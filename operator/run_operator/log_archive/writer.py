"""Writes a log as a RunLog: compressed, within the shares, once."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from run_operator.api import runlog
from run_operator.api.raw import stamp
from run_operator.api.run import Run
from run_operator.api.runlog import RunLog
from run_operator.children import PodView
from run_operator.children.cluster_view import ClusterView
from run_operator.kube.client import Api
from run_operator.kube.errors import (
    AlreadyExistsError,
    FencedError,
    KubeError,
    NotFoundError,
    ThrottledError,
    TransientError,
)
from run_operator.kube.media_types import METADATA
from run_operator.kube.resource import RUN_LOGS
from run_operator.log_archive.limits import ArchiveLimits
from run_operator.log_archive.log_store import Entry, LogStore
from run_operator.log_archive.tail import Tail, last
from run_operator.log_archive.telemetry import ArchiveTelemetry
from run_operator.workloads.metadata import owner, pod_labels

PAUSES: Final = (0.5, 2.0, 5.0)
"""Seconds between tries to write."""
MAX_REPORTED: Final = 20_000
SILENT: Final = "addressless"
"""No Event for a fake node: nothing ran there."""

Say = Callable[[Run, str, str], None]
"""Writes a Warning Event for a Run: reason and message."""

log = logging.getLogger(__name__)


class LostError(Exception):
    """A log cannot be kept. `reason` is a label value of the counter."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class LogWriter:
    """`wall` returns epoch seconds."""

    def __init__(
        self,
        api: Api,
        store: LogStore,
        cluster: ClusterView,
        limits: ArchiveLimits,
        counters: ArchiveTelemetry,
        say: Say,
        wall: Callable[[], float],
    ) -> None:
        self._api = api
        self.store = store
        self._cluster = cluster
        self._limits = limits
        self._counters = counters
        self._say = say
        self._wall = wall
        self._reported: OrderedDict[str, None] = OrderedDict()

    async def keep(self, pod: PodView, container: str, tail: Tail) -> None:
        """Store a log unless it is empty or its Run is gone. Raises LostError."""
        run = self._cluster.owner(pod)
        text = tail.text()
        if run is None or run.deleting or not text:
            return
        text, stored = await asyncio.to_thread(_fitting, text)
        entry = Entry(
            pod.namespace, runlog.name_of(pod.name, container), "", run.uid, pod.attempt, len(stored),
            stamp(self._wall()),
        )  # fmt: skip
        body = runlog.body(
            _runlog(run, pod, container, tail, text), stored, pod_labels(run, pod.attempt), owner(run)
        )
        try:
            await self._stored(entry, body)
        except (KubeError, FencedError) as error:
            self.store.remove(entry)
            if isinstance(error, NotFoundError) and self._cluster.run_of(run.uid) is None:
                return
            raise LostError("refused", f"the API server refuses it: {error}") from error
        self._counters.kept(len(stored))

    def lost(self, pod: PodView, error: LostError) -> None:
        """Count a lost log, and write one Event a Run."""
        self._counters.lost(error.reason)
        log.debug("the log of pod %s/%s is not stored: %s", pod.namespace, pod.name, error)
        run = self._cluster.owner(pod)
        if run is None or run.deleting or error.reason == SILENT or not self._first(run.uid):
            return
        self._say(
            run, "LogsNotKept", f"a log of attempt {pod.attempt} (pod {pod.name}) is not stored: {error}"
        )

    def _first(self, run_uid: str) -> bool:
        if run_uid in self._reported:
            return False
        self._reported[run_uid] = None
        if len(self._reported) > MAX_REPORTED:
            self._reported.popitem(last=False)
        return True

    async def _stored(self, entry: Entry, body: dict[str, object]) -> None:
        for pause in (*PAUSES, None):
            try:
                await self.store.reserve(entry)
                made = await self._api.create(RUN_LOGS, entry.namespace, body, accept=METADATA)
            except AlreadyExistsError:
                return  # ours: the name is made of the pod and the container
            except (TransientError, ThrottledError) as error:
                if pause is None:
                    raise
                await asyncio.sleep(max(pause, getattr(error, "retry_after", 0.0)))
            else:
                self.store.put(Entry.of(made.get("metadata") or {}))
                return


def _fitting(text: bytes) -> tuple[bytes, bytes]:
    """The end of the text that fits one object, and its compressed bytes."""
    stored = runlog.packed(text)
    while len(stored) > runlog.MAX_STORED:
        text = last(text, int(len(text) * 0.9 * runlog.MAX_STORED / len(stored)))
        stored = runlog.packed(text)
    return text, stored


def _runlog(run: Run, pod: PodView, container: str, tail: Tail, text: bytes) -> RunLog:
    view = next((c for c in pod.facts.containers if c.name == container), None)
    return RunLog(
        run=run.name,
        attempt=pod.attempt,
        pod=pod.name,
        pod_uid=pod.uid,
        container=container,
        data=text,
        truncated=len(text) < tail.bytes,
        lines=tail.lines,
        bytes=tail.bytes,
        init=view.init if view else False,
        node=pod.facts.node,
        restarts=view.restarts if view else 0,
        start_time=view.started_at if view else "",
        end_time=view.finished_at if view else "",
        exit_code=view.exit_code if view else None,
    )
