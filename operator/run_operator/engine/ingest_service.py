"""Metrics of Runs in the operator: the ingest beside the engine, over the engine's store."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

import run_operator
from run_operator.api.conditions import FINAL, State, state_of
from run_operator.api.pod_contract import MODULE_KEY, RUNNER_KEY, SITE_KEY
from run_operator.api.record_signer import RecordSigner
from run_operator.api.run import Key, Run
from run_operator.engine.ingest_address import check_ingest_address
from run_operator.engine.store import Store
from run_operator.ingest.app import Endpoint, Ingest
from run_operator.ingest.configmap import PodFiles
from run_operator.ingest.limits import Pace
from run_operator.ingest.outside_writes import OutsideWrites
from run_operator.kube.client import Api
from run_operator.kube.errors import KubeError
from run_operator.observability.telemetry import OperatorTelemetry
from run_operator.pki.gateway_secret import GatewaySecret
from run_operator.runner.bundle import bundle
from run_operator.settings import Settings
from run_operator.workloads.fields import WorkloadError
from run_operator.workloads.metrics_injection import spool_location

WARNED: Final = 20
"""Runs of a namespace that get the same Event."""
AGAIN: Final = 10.0
"""Seconds between two tries of an ingest that cannot start."""
MODULES: Final = Path(run_operator.__file__).parent / "client" / "pod"

log = logging.getLogger(__name__)


class IngestService:
    """It is started before the engine and stopped with it. `settled` is called for Runs whose end does not have to wait any more.

    `warn` is called for the live Runs of a namespace when somebody changed the ConfigMaps of their pods.
    """

    def __init__(
        self,
        settings: Settings,
        api: Api,
        store: Store,
        metrics: OperatorTelemetry,
        settled: Callable[[Key], None],
        ready: Callable[[], bool],
        warn: Callable[[Run, str], None],
        signer: Callable[[], RecordSigner | None],
    ) -> None:
        endpoint = Endpoint(
            settings.ingest_url,
            settings.ingest_bind_address.host,
            settings.ingest_bind_address.port,
            settings.pod_namespace,
            settings.ingest_ca_secret,
            settings.ingest_hosts,
        )
        pace = Pace(bytes_per_second=settings.ingest_bytes_per_second, interval=settings.ingest_interval)
        self._api = api
        self._url, self._pod_namespace = settings.ingest_url, settings.pod_namespace
        self._warn = warn
        self._store = store
        self._ingest = Ingest(
            api, store, endpoint, metrics.registry, settled, _where, ready, signer, pace=pace
        )
        certificates = self._ingest.certificates
        self._files = PodFiles(
            api,
            {key: (MODULES / key).read_bytes() for key in (MODULE_KEY, SITE_KEY)} | {RUNNER_KEY: bundle()},
            lambda: certificates.bundle,
            self._changed,
            time.monotonic,
        )
        self._gateway = (
            GatewaySecret(
                api,
                settings.pod_namespace,
                settings.gateway_tls_secret,
                settings.gateway_service,
                certificates,
                lambda: dt.datetime.now(dt.UTC),
            )
            if settings.gateway_tls_secret
            else None
        )
        self._keeping: list[asyncio.Task[object]] = []
        metrics.registry.register(_Gauges(self._ingest, settings.export_run_metrics))

    async def start(self) -> None:
        """Open the port. Raises OSError when it is taken. Without its certificate the ingest starts later, and Runs go on."""
        if not await self._listens():
            self._keeping.append(asyncio.create_task(self._listen_later(), name="ingest"))
        address = check_ingest_address(self._url, self._pod_namespace)
        self._keeping.append(asyncio.create_task(address, name="ingest-address"))
        self._keeping.append(asyncio.create_task(self._files.keep(self._namespaces), name="pod-files"))
        if self._gateway is not None:
            self._keeping.append(asyncio.create_task(self._gateway.keep(), name="gateway-certificate"))

    async def _listens(self) -> bool:
        try:
            await self._ingest.start()
        except KubeError as error:
            log.warning("the operator accepts no metrics until the certificate authority exists: %s", error)
            return False
        return True

    async def _listen_later(self) -> None:
        while True:
            await asyncio.sleep(AGAIN)
            if await self._listens():
                return

    async def stop(self) -> None:
        """Commit the values that were taken, within a deadline."""
        for task in self._keeping:
            task.cancel()
        await asyncio.gather(*self._keeping, return_exceptions=True)
        await self._ingest.stop()

    async def close(self) -> None:
        """Close the connections to the API server."""
        await self._api.close()

    async def prepare(self, namespace: str) -> None:
        """Create or check the ConfigMaps that pods of this namespace mount."""
        await self._files.ensure(namespace)

    @property
    def module_config_map(self) -> str:
        """The ConfigMap with the code that pods mount."""
        return self._files.module

    @property
    def outside(self) -> OutsideWrites:
        """The receiver of MetricBatches."""
        return self._ingest.outside

    def uncommitted(self, run: Run) -> bool:
        """Whether metrics of this Run are still to be written to its status; from then on they are written sooner."""
        return self._ingest.uncommitted(run)

    def _changed(self, namespace: str, text: str) -> None:
        log.warning("namespace %s: %s", namespace, text)
        live = (run for run in self._store.runs() if run.namespace == namespace and not _at_rest(run))
        for run in list(itertools.islice(live, WARNED)):
            self._warn(run, text)

    def _namespaces(self) -> Iterable[str]:
        """Namespaces with Runs that have pods, or may have some soon."""
        return {
            run.namespace for run in self._store.runs() if run.status.get("attempt") and not _at_rest(run)
        }


def _where(run: Run) -> str:
    try:
        return spool_location(run)
    except WorkloadError:
        return ""


def _at_rest(run: Run) -> bool:
    return run.deleting or state_of(run.status.get("state")) in FINAL | {State.STOPPED}


class _Gauges(Collector):
    def __init__(self, ingest: Ingest, exported: int) -> None:
        self._ingest = ingest
        self._exported = exported

    def collect(self) -> Iterable[GaugeMetricFamily]:
        runs, values = self._ingest.held()
        yield _gauge("run_operator_ingest_held_runs", "Runs that have metrics in memory.", runs)
        yield _gauge("run_operator_ingest_held_values", "Metric values in memory, for all Runs.", values)
        yield _gauge(
            "run_operator_ingest_freshness_seconds",
            "Age of the oldest metric values that are not yet stored in the cluster.",
            self._ingest.freshness(),
        )
        if self._exported:
            family = GaugeMetricFamily(
                "run_operator_run_metric",
                "The last value of a metric that a Run logged.",
                labels=["namespace", "run", "metric"],
            )
            for key, name, value in self._ingest.last_values(self._exported):
                family.add_metric([key.namespace, key.name, name], value)
            yield family


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)
