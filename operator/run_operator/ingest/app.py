"""The ingest as a whole: everything between a pod's request and the Run's status.

It needs a connection to the API server and a directory of Runs and pods, but no other part of the operator: it can run
in the operator's process or in one of its own, once or many times.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry

from run_operator.api.record_signer import RecordSigner
from run_operator.api.run import Key, Run
from run_operator.children.cluster_view import ClusterView
from run_operator.ingest.auth import PodOwnership, TokenReviewer
from run_operator.ingest.committer import Committer
from run_operator.ingest.dhcore_api import DhcoreApi
from run_operator.ingest.limits import IngestLimits, Pace
from run_operator.ingest.metrics_api import MetricsApi
from run_operator.ingest.outside_writes import OutsideWrites
from run_operator.ingest.result_api import ResultApi
from run_operator.ingest.server import IngestServer
from run_operator.ingest.sessions import Sessions
from run_operator.ingest.signatures import Signatures
from run_operator.ingest.telemetry import IngestTelemetry
from run_operator.kube.client import Api
from run_operator.metrics.metric_set import last
from run_operator.pki.rotation import CertificateRotation

TIDY: Final = 15.0
FLUSH: Final = 10.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The address of the ingest for pods."""

    url: str
    """`https://host:port`, without a path, as pods see it."""
    listen: str
    port: int
    namespace: str
    """The operator's own namespace, which has the Secret of the authority."""
    secret: str = "run-operator-ingest-ca"  # noqa: S105 - a name
    """Name of that Secret."""
    more_hosts: tuple[str, ...] = ()
    """Names and addresses by which pods of an earlier version know the ingest."""

    @property
    def hosts(self) -> tuple[str, ...]:
        """Names and addresses in the certificate."""
        return (urlsplit(self.url).hostname or "localhost", *self.more_hosts)


class Ingest:
    """The ingest; it is started once and stopped once.

    `settled` is called for each ending Run whose metrics are all in the cluster, `where` returns where a Run keeps every
    value, `ready` whether the directory is complete, `signer` the operator's signature once it is known.
    """

    def __init__(
        self,
        api: Api,
        directory: ClusterView,
        endpoint: Endpoint,
        registry: CollectorRegistry,
        settled: Callable[[Key], None],
        where: Callable[[Run], str],
        ready: Callable[[], bool],
        signer: Callable[[], RecordSigner | None],
        limits: IngestLimits | None = None,
        pace: Pace | None = None,
    ) -> None:
        limits, clock, counters = limits or IngestLimits(), time.monotonic, IngestTelemetry(registry)
        me = secrets.token_hex(6)
        self._endpoint = endpoint
        ledgers = self._ledgers = Sessions(api, directory, limits, clock, time.time, where)
        committer = self._committer = Committer(
            api, directory, ledgers, counters, pace or Pace(), clock, time.time, me, settled, where
        )
        self.certificates = CertificateRotation(
            api, endpoint.namespace, endpoint.secret, endpoint.hosts, lambda: dt.datetime.now(dt.UTC)
        )
        tokens, members = (
            TokenReviewer(api, Signatures(api, clock), limits, clock, time.time),
            PodOwnership(api, directory, limits, clock),
        )
        service = MetricsApi(
            directory, tokens, members, ledgers, counters, limits, clock, committer.changed, ready
        )
        results = ResultApi(api, directory, tokens, members, limits, clock, time.time, ready)
        sdk = DhcoreApi(
            api,
            directory,
            tokens,
            members,
            ledgers,
            service,
            results,
            limits,
            clock,
            committer.hurry,
            ready,
            signer,
        )
        self.outside: Final = OutsideWrites(
            api, directory, ledgers, counters, limits, clock, committer.hurry, members.gone
        )
        """Takes metrics that people log from outside of pods; only in the leading replica."""
        self._server = IngestServer(service, results, sdk, counters, limits, self.certificates.context)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Make or read the certificate and listen. Raises the errors of `kube.errors`, or OSError."""
        await self.certificates.refresh()
        port = await self._server.start(self._endpoint.listen, self._endpoint.port)
        log.info("the ingest listens on port %d, as %s", port, self._endpoint.url)
        work = (self._committer.work(), self.certificates.keep_fresh(), self._tidy())
        self._tasks = [asyncio.create_task(one) for one in work]

    async def stop(self) -> None:
        """Take no more requests, and commit the values that were taken, within a deadline."""
        await self._server.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FLUSH):
                await self._committer.flush()
        await self._committer.close()

    def uncommitted(self, run: Run) -> bool:
        """Whether values of this Run were taken that are not committed yet. The question makes the commit sooner."""
        entry = self._ledgers.get(run.uid)
        if entry is None or entry.ledger.dirty_since is None:
            return False
        self._committer.changed(entry)
        return True

    def freshness(self) -> float:
        """Age of the oldest batch that is not committed, in seconds."""
        return self._committer.freshness()

    def held(self) -> tuple[int, int]:
        """Runs and values in memory."""
        return len(self._ledgers), self._ledgers.values

    def last_values(self, most: int) -> Iterator[tuple[Key, str, float]]:
        """Run, metric and last value, for Runs in memory; at most so many."""
        left = most
        for entry in self._ledgers:
            for name, metric in entry.ledger.metric_set.metrics.items():
                value = last(metric)
                if value is not None and left > 0:
                    left -= 1
                    yield entry.key, name, value

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(TIDY)
            self._ledgers.tidy()
