"""Logs of ended pods in the operator: the archive beside the engine, over the engine's store."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from kubernetes.aio.client import Configuration

from run_operator.api.run import Run
from run_operator.engine.event_recorder import EventRecorder
from run_operator.engine.store import Store
from run_operator.kube.client import Api
from run_operator.kube.fence import Unfenced
from run_operator.lifecycle.model import RunEvent
from run_operator.log_archive.archiver import Archiver
from run_operator.log_archive.kubelet import KubeletLogs
from run_operator.log_archive.limits import ArchiveLimits
from run_operator.log_archive.log_store import LogStore
from run_operator.log_archive.telemetry import ArchiveTelemetry
from run_operator.log_archive.writer import LogWriter
from run_operator.observability.telemetry import OperatorTelemetry
from run_operator.settings import Settings

BUFFER: Final = 65_536
"""Bytes of a log that a connection buffers: there may be many connections."""


class LogService:
    """`configuration` has connections of its own, so that followed logs do not use up those of other parts."""

    def __init__(
        self,
        settings: Settings,
        configuration: Configuration,
        agent: str,
        store: Store,
        metrics: OperatorTelemetry,
        recorder: EventRecorder,
    ) -> None:
        limits = limits_of(settings)
        given = configuration.client_session_kwargs or {}
        configuration.client_session_kwargs = {**given, "read_bufsize": BUFFER}
        counters = ArchiveTelemetry(metrics.registry)
        self._api = Api(configuration, Unfenced(), metrics.requested, agent)
        self._store = store
        self._recorder = recorder
        log_store = LogStore(self._api, settings.namespaces or (None,), limits, counters, self._dropped)
        writer = LogWriter(self._api, log_store, store, limits, counters, self._warn, time.time)
        self._archiver = Archiver(
            KubeletLogs(self._api, limits), writer, store, limits, counters, time.monotonic
        )
        store.listener = self._archiver

    async def work(self, begin: asyncio.Event) -> None:
        """Work from `begin` on, until cancelled."""
        await self._archiver.work(begin)

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    def _warn(self, run: Run, reason: str, message: str) -> None:
        self._recorder.record(run, RunEvent("Warning", reason, message))

    def _dropped(self, run_uid: str, share: str) -> None:
        run = self._store.run_of(run_uid)
        if run is not None:
            message = f"older logs of this Run were deleted: the log limit of the {share} is reached"
            self._recorder.record(run, RunEvent("Normal", "LogsDropped", message))


def limits_of(settings: Settings) -> ArchiveLimits:
    """The limits that the settings name."""
    return ArchiveLimits(
        tail=settings.log_tail_bytes,
        of_run=settings.log_run_bytes,
        of_namespace=settings.log_namespace_bytes,
        of_cluster=settings.log_total_bytes,
    )
