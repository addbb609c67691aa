"""One request for metrics, from the token to the answer; of HTTP it knows statuses and headers only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from run_operator.api.run import Key, Run
from run_operator.children.cluster_view import ClusterView
from run_operator.http.rate_limit import Buckets, Clock
from run_operator.http.server import ACCEPTED, OK, Answer, DeniedError
from run_operator.ingest.auth import Caller, PodOwnership, TokenReviewer
from run_operator.ingest.limits import IngestLimits
from run_operator.ingest.open_attempt import check_open, check_sender, sender
from run_operator.ingest.sessions import Session, Sessions
from run_operator.ingest.telemetry import IngestTelemetry
from run_operator.metrics import protocol as batches
from run_operator.metrics.metric_set import MetricLimits
from run_operator.metrics.protocol import Batch, CrowdedError, RefusedBatchError
from run_operator.metrics.run_ledger import Receipt

CROWDED_RETRY = 30.0


class MetricsApi:
    """`changed` is called for each session that has something to commit. `clock` is monotonic seconds."""

    def __init__(
        self,
        directory: ClusterView,
        tokens: TokenReviewer,
        members: PodOwnership,
        ledgers: Sessions,
        counters: IngestTelemetry,
        limits: IngestLimits,
        clock: Clock,
        changed: Callable[[Session], None],
        ready: Callable[[], bool],
    ) -> None:
        self._directory = directory
        self._tokens = tokens
        self._members = members
        self._ledgers = ledgers
        self._counters = counters
        self._clock = clock
        self._changed = changed
        self._ready = ready
        self._pods = Buckets(limits.pod_rate, limits.pod_burst, clock, limits.remembered)
        self._runs = Buckets(limits.run_rate, limits.run_burst, clock, limits.remembered)

    async def post(
        self, key: Key, token: str, source: str, read: Callable[[str], Awaitable[bytes]]
    ) -> Answer:
        """Take one batch, sent from the address `source`. The body is read only when it is known who sends it."""
        try:
            return await self._post(key, token, source, read)
        except DeniedError as error:
            return error.answer
        except CrowdedError as error:
            return DeniedError(error.status, str(error), retry_after=CROWDED_RETRY).answer
        except RefusedBatchError as error:
            return Answer(error.status, {"error": str(error), **error.more})

    async def _post(
        self, key: Key, token: str, source: str, read: Callable[[str], Awaitable[bytes]]
    ) -> Answer:
        check_sender(self._ready(), token)
        run, caller = await sender(self._directory, self._tokens, key, token, source)
        self._throttle(self._pods, caller.uid, "this pod sends")
        self._throttle(self._runs, run.uid, "the pods of this Run send")
        attempt = await self._members.attempt(run, caller)
        self.check_open(key, run, attempt)
        batch = batches.read(await read(run.namespace))
        if batch.attempt is not None and batch.attempt != attempt:
            raise DeniedError(
                410, f"attempt {batch.attempt} is not the attempt of pod {caller.pod}, which is {attempt}"
            )
        entry = await self._ledgers.open(run)
        run = self.check_open(key, run, attempt)  # things may have changed while we waited
        return self.take(
            entry, batch, caller, attempt, MetricLimits(run.policy.metrics.budget, run.policy.metrics.fail)
        )

    def take(
        self, entry: Session, batch: Batch, caller: Caller, attempt: int, limits: MetricLimits
    ) -> Answer:
        """Take the batch whole or not at all. Nothing is awaited here."""
        writer = None if batch.writer is None else f"{caller.uid}/{batch.writer}"
        known = entry.ledger.accepted(writer)
        try:
            receipt = entry.ledger.take(writer, batch, attempt, limits, self._clock(), self._gone)
        except RefusedBatchError as error:
            if batch.seq is not None and "expected" not in error.more:
                error.more = {**error.more, "expected": known + 1}
            raise
        finally:
            if entry.ledger.dirty_since is not None:
                self._changed(entry)
        if receipt.accepted > known or writer is None:
            self._counters.taken(batch.values)
        return _answer(receipt, named=writer is not None)

    def _run(self, key: Key) -> Run:
        run = self._directory.run(key)
        if run is None:
            raise DeniedError(404, f"there is no Run {key.name} in namespace {key.namespace}")
        return run

    def check_open(self, key: Key, before: Run, attempt: int) -> Run:
        """The present Run, if it is still the same one and takes metrics of this attempt. Raises DeniedError."""
        run = self._run(key)
        check_open(before, run, attempt, "metrics")
        return run

    def _throttle(self, buckets: Buckets, uid: str, who: str) -> None:
        wait = buckets.take(uid)
        if wait:
            raise DeniedError(
                429, f"{who} too many requests: put more values into each request", retry_after=wait
            )

    def _gone(self, writer: str) -> bool:
        return self._members.gone(writer.partition("/")[0])


def _answer(receipt: Receipt, *, named: bool) -> Answer:
    status = OK if receipt.settled else ACCEPTED
    numbers = {"committed": receipt.committed, "accepted": receipt.accepted} if named else {}
    return Answer(status, {**numbers, "notes": list(receipt.notes)})
