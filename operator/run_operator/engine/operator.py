"""The whole operator in one event loop: streams, store, queue and workers, and the supervision of all of them."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections import Counter
from collections.abc import Coroutine
from typing import Any, Final

from run_operator import __version__
from run_operator.api.conditions import state_of
from run_operator.api.policy import PolicyDefaults
from run_operator.api.record_signer import RecordSigner
from run_operator.api.run import Key
from run_operator.engine.api_server_wait import first_answer
from run_operator.engine.debug_pages import DebugPages
from run_operator.engine.event_recorder import EventRecorder
from run_operator.engine.executor import Executor
from run_operator.engine.ingest_service import IngestService
from run_operator.engine.installation import Installation, MissingParts
from run_operator.engine.leadership import Leadership, LeadershipLostError
from run_operator.engine.log_service import LogService, limits_of
from run_operator.engine.memory_ceiling import MemoryCeilings
from run_operator.engine.namespace_defaults import NamespaceDefaults
from run_operator.engine.pacing import Pacing
from run_operator.engine.queue import WorkQueue
from run_operator.engine.reconciler import Reconciler
from run_operator.engine.resync import Resync
from run_operator.engine.runtime_reports import RuntimeReports
from run_operator.engine.signing_key import signing_key
from run_operator.engine.store import Store
from run_operator.engine.streams import Streams, connections
from run_operator.engine.workers import Workers
from run_operator.http.probes import ProbeServer
from run_operator.ingest.limits import IngestLimits
from run_operator.kube import config
from run_operator.kube.client import Api
from run_operator.kube.errors import KubeError, NotFoundError
from run_operator.kube.fence import Unfenced
from run_operator.kube.resource import FUNCTIONS, RUN_LOGS, RUNS, TASKS
from run_operator.lifecycle.model import RunEvent
from run_operator.observability.health import Health
from run_operator.observability.telemetry import OperatorTelemetry, Readings
from run_operator.settings import Settings
from run_operator.workloads.types import Options

LIST_BACKOFF: Final = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds between attempts to list what the store is compared with at the start; the last one is repeated."""
DRAIN: Final = 10.0
"""Seconds the workers get to finish what they have begun."""
FLUSH: Final = 5.0
SPARE_CONNECTIONS: Final = 4
"""For the sweep, the recorder and a re-read beside the workers."""

log = logging.getLogger(__name__)


class Operator:
    """The operator. It runs once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._metrics = OperatorTelemetry()
        self._queue = WorkQueue(time.monotonic, workers=settings.workers)
        self._pacing = Pacing(time.monotonic)
        self._store = Store(self._wake)
        self._health = Health(time.monotonic, self._queue.stalled_for, settings.sweep_interval)
        self._stop = asyncio.Event()
        self._begin = asyncio.Event()
        self._failure: BaseException | None = None
        self._signer: RecordSigner | None = None

    async def run(self) -> None:
        """Work until SIGTERM or SIGINT.

        Raises NoClusterError, KubeError (no rights, no CRD), OSError (port), LeadershipLostError, or RewoundError (the
        store of the API server was restored from a backup).
        """
        settings = self._settings
        configuration = await config.load(settings.workers + SPARE_CONNECTIONS)
        agent = f"run-operator/{__version__}"
        leadership = Leadership(settings, configuration, self._stop.set)
        api = Api(configuration, leadership.fence, self._metrics.requested, agent)
        # Commits of metrics are guarded by their own test, and tokens can be asked about by anybody: no lease is needed.
        recorder = EventRecorder(api, time.monotonic, time.time, self._metrics.event_dropped)
        ingest = await config.load(IngestLimits().api_connections)
        unfenced = Api(ingest, Unfenced(), self._metrics.requested, agent)
        reporting = self._reporting(unfenced, recorder)
        keeping = await self._keeping(agent, recorder)
        runtimes = RuntimeReports(api)
        streams = await self._streams(agent, runtimes, reporting)
        self._metrics.attach(self._readings(recorder, streams))
        listen = settings.metrics_bind_address
        secret = settings.ingest_ca_secret if reporting is not None else ""
        served = next(iter(settings.namespaces), None)
        parts = Installation(
            unfenced, settings.pod_namespace, secret, logs=bool(settings.log_tail_bytes), served=served
        )
        self._metrics.registry.register(MissingParts(lambda: parts.missing))
        server = ProbeServer(
            self._metrics.text,
            lambda: self._health.unready() + parts.problems(),
            self._health.problems,
            parts.lines,
        )
        self._take_signals()
        beating = _task("loop-lag", self._health.beat())
        try:
            await server.listen(listen.host, listen.port)
            await first_answer(unfenced, self._stop, lambda: self._check_access(api))
            log.info(
                "serving %s on %s", ", ".join(settings.namespaces) or "all namespaces", configuration.host
            )
            if settings.namespaces and settings.shared_profiles_namespace not in settings.namespaces:
                log.warning(
                    "profiles of namespace %s are ignored: --namespace does not name it",
                    settings.shared_profiles_namespace,
                )
            if reporting is not None:
                await reporting.start()
            place = (settings.pod_namespace, settings.ingest_ca_secret)
            key = await first_answer(unfenced, self._stop, lambda: signing_key(unfenced, *place))
            self._signer = signer = RecordSigner(key)
            await self._run_parts(
                api, recorder, server, reporting, keeping, streams, runtimes, signer, parts, leadership
            )
            if leadership.lost:
                raise LeadershipLostError
            if self._failure is not None:
                raise self._failure
        finally:
            beating.cancel()
            await server.stop()
            await api.close()
            await unfenced.close()
            await streams.disconnect()
            for part in (reporting, keeping):
                if part is not None:
                    await part.close()

    def _wake(self, key: Key, urgent: bool) -> None:
        """Something about this Run changed; `urgent`: a person did it."""
        if urgent:
            self._pacing.changed(key.namespace)
        self._queue.add(key, urgent=urgent)

    async def _streams(
        self, agent: str, runtimes: RuntimeReports, reporting: IngestService | None
    ) -> Streams:
        namespaces = self._settings.namespaces
        configuration = await config.load(connections(namespaces))
        return Streams(
            configuration,
            agent,
            namespaces,
            self._store,
            self._metrics,
            self._stop,
            self._take_signals,
            runtimes.put,
            reporting.outside if reporting else None,
        )

    async def _keeping(self, agent: str, recorder: EventRecorder) -> LogService | None:
        if not self._settings.log_tail_bytes:
            return None
        configuration = await config.load(limits_of(self._settings).connections)
        return LogService(self._settings, configuration, agent, self._store, self._metrics, recorder)

    def _reporting(self, api: Api, recorder: EventRecorder) -> IngestService | None:
        if not self._settings.ingest_url:
            return None
        return IngestService(
            self._settings,
            api,
            self._store,
            self._metrics,
            self._queue.add,
            lambda: self._health.ready,
            lambda run, text: recorder.record(run, RunEvent("Warning", "PodFilesChanged", text)),
            lambda: self._signer,
        )

    def _reconciler(
        self, api: Api, recorder: EventRecorder, reporting: IngestService | None, signer: RecordSigner
    ) -> Reconciler:
        prepare = reporting.prepare if reporting else None
        executor = Executor(api, self._store, prepare, MemoryCeilings(api).of)
        options = Options(
            gpu_resource=self._settings.gpu_resource,
            default_user=self._settings.default_user,
            profiles_namespace=self._settings.shared_profiles_namespace,
            ingest_url=self._settings.ingest_url or None,
            python_images=dict(one.split("=", 1) for one in self._settings.python_images),
            pod_api_url=self._settings.pod_api_url or None,
            allowed_service_types=self._settings.allowed_service_types,
            allowed_priority_classes=self._settings.allowed_priority_classes,
            allowed_registries=self._settings.allowed_registries,
            protect_jobs=self._settings.protect_jobs,
            store_secret=self._settings.store_secret,
            requirements_secret=self._settings.requirements_secret,
            requirements_cache_claim=self._settings.requirements_cache_claim,
            building=self._settings.building,
            signer=signer,
            **({"module_config_map": reporting.module_config_map} if reporting else {}),
        )
        uncommitted = reporting.uncommitted if reporting else lambda _: False
        return Reconciler(
            self._store,
            executor,
            recorder,
            time.time,
            options,
            uncommitted,
            self._pacing,
            defaults=NamespaceDefaults(api, self._policy_defaults()).of,
            spent=self._queue.spent,
        )

    def _policy_defaults(self) -> PolicyDefaults:
        chosen = self._settings
        return PolicyDefaults(
            chosen.default_ttl_seconds or None, chosen.default_active_deadline_seconds or None
        )

    async def _run_parts(
        self,
        api: Api,
        recorder: EventRecorder,
        server: ProbeServer,
        reporting: IngestService | None,
        keeping: LogService | None,
        streams: Streams,
        runtimes: RuntimeReports,
        signer: RecordSigner,
        parts: Installation,
        leadership: Leadership,
    ) -> None:
        sweeper = Resync(api, self._store, self._settings.namespaces, time.monotonic)
        reconciler = self._reconciler(api, recorder, reporting, signer)
        workers = Workers(self._queue, reconciler, self._metrics, self._settings.workers)
        server.debug = DebugPages(reconciler, leadership, self._queue).lines
        # Tasks made before kopf starts are spared by it when it ends; so all of ours come first, each worker too.
        working = _task("workers", workers.work(self._begin))
        background = [
            _task("recorder", recorder.work()),
            _task("sweeps", self._sweep(sweeper, streams)),
            _task("beginning", self._begin_work(sweeper, streams, leadership)),
            _task("installation", parts.work()),
            _task("runtimes", runtimes.work(self._begin)),
        ]
        if reporting is not None:
            background.append(_task("metric-batches", reporting.outside.work(self._begin)))
        if keeping is not None:
            background.append(_task("logs", keeping.work(self._begin)))
        for part in (working, *background):
            part.add_done_callback(self._part_ended)
        stopping = asyncio.create_task(self._stop.wait(), name="stopping")
        watching = _task("watching", streams.work())
        try:
            await asyncio.wait((stopping, watching), return_when=asyncio.FIRST_COMPLETED)
        finally:
            log.info("stopping: finishing the work in progress")
            # In this order: the last decisions are made on a store that still hears, and kopf finds nothing to wait for.
            self._health.stopping = True
            self._queue.close()
            self._begin.set()
            await asyncio.gather(self._drain(working, recorder), _stopped(reporting))
            for task in (working, *background):
                task.cancel()
            await asyncio.gather(working, *background, return_exceptions=True)
            await leadership.release()
            await server.stop()
            self._stop.set()
            streams.close()
            await watching

    def _part_ended(self, part: asyncio.Task[None]) -> None:
        """A part that dies leaves the others at work without it: the process ends, and starts again as a whole."""
        if part.cancelled() or (error := part.exception()) is None:
            return
        log.error("%s has failed: the operator exits", part.get_name(), exc_info=error)
        self._failure = error
        self._stop.set()

    def _take_signals(self) -> None:
        """SIGTERM and SIGINT end the operator in order; a second one changes nothing."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)

    async def _begin_work(self, sweeper: Resync, streams: Streams, leadership: Leadership) -> None:
        """Begin only when the store is complete: a child not listed yet must not look like one that is missing.

        A replica that waits for the Lease is ready too: its store is warm, and its ingest takes metrics.
        """
        while not await self._synced(sweeper, streams):
            log.error(
                "the first lists are not complete after %g s: reopening the streams",
                self._settings.sync_deadline,
            )
            streams.close()
        self._health.ready = True
        log.info("ready: %s", self._store.sizes)
        self._health.standby = leadership.standby
        await leadership.wait()
        self._health.standby = False
        self._begin.set()

    async def _synced(self, sweeper: Resync, streams: Streams) -> bool:
        await streams.opened.wait()
        for delay in (*LIST_BACKOFF, *LIST_BACKOFF[-1:] * 20):
            try:
                return await sweeper.synced(self._settings.sync_deadline)
            except KubeError as error:
                log.warning("cannot list yet: %s; trying again in %g s", error, delay)
                await asyncio.sleep(delay)
        return False

    async def _sweep(self, sweeper: Resync, streams: Streams) -> None:
        while True:
            await asyncio.sleep(self._settings.sweep_interval)
            try:
                findings = await sweeper.sweep()
            except KubeError as error:
                log.warning("sweep failed: %s", error)
            else:
                self._metrics.swept(findings.ghosts)
                if findings.unseen:
                    log.error(
                        "%d objects were missing from the watch streams: reopening the streams",
                        findings.unseen,
                    )
                    streams.close()
            self._health.swept()

    async def _drain(self, working: asyncio.Task[None], recorder: EventRecorder) -> None:
        """Let the workers finish what they have begun, within DRAIN seconds."""
        try:
            async with asyncio.timeout(DRAIN):
                await asyncio.gather(working, return_exceptions=True)
            async with asyncio.timeout(FLUSH):
                await recorder.flush()
        except TimeoutError:
            log.warning("stopped with work in progress; the next start continues it")

    async def _check_access(self, api: Api) -> None:
        """Raise an error of one line when the CRD of Runs or the rights to it are missing. Other kinds may come later."""
        kept = (RUN_LOGS,) if self._settings.log_tail_bytes else ()
        for resource in (RUNS, FUNCTIONS, TASKS, *kept):
            for namespace in self._settings.namespaces or (None,):
                try:
                    async for _ in api.list_metadata(resource, namespace=namespace):
                        break
                except NotFoundError:
                    if resource == RUNS:
                        raise

    def _readings(self, recorder: EventRecorder, streams: Streams) -> Readings:
        return Readings(
            queue_depth=lambda: len(self._queue),
            queue_delayed=lambda: self._queue.delayed,
            queue_oldest_age=self._queue.oldest_age,
            processing=lambda: self._queue.processing,
            stored=lambda: self._store.sizes,
            runs_by_state=lambda: Counter(
                str(state_of(run.status.get("state"))) for run in self._store.runs()
            ),
            watch_age=lambda: streams.ages,
            events_queued=lambda: len(recorder),
            loop_lag=lambda: self._health.lag,
            leading=self._begin.is_set,
        )


async def _stopped(reporting: IngestService | None) -> None:
    if reporting is not None:
        await reporting.stop()


def _task(name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    return asyncio.create_task(work, name=name)
