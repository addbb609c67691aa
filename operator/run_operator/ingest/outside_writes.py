"""MetricBatches, from the watch stream into the Runs' metrics: taken, committed, deleted. Namespaces take turns.

A batch that cannot be stored is answered in its status, which is kept for a minute. Every other one is tried again; the
watermark in the Run keeps a batch from being counted twice, however often it is tried.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from run_operator.api.raw import JSON, number, printable
from run_operator.api.run import Run
from run_operator.children.cluster_view import ClusterView
from run_operator.http.rate_limit import Clock
from run_operator.http.server import DeniedError
from run_operator.ingest.batch_queue import BatchQueue, Place
from run_operator.ingest.limits import IngestLimits
from run_operator.ingest.open_attempt import managed_elsewhere
from run_operator.ingest.sessions import OvertakenError, Session, Sessions
from run_operator.ingest.telemetry import IngestTelemetry
from run_operator.kube.client import Api
from run_operator.kube.errors import ConflictError, FencedError, KubeError, NotFoundError
from run_operator.kube.media_types import METADATA_LIST
from run_operator.kube.resource import METRIC_BATCHES, RUNS
from run_operator.metrics import outside_batch
from run_operator.metrics.metric_set import MetricLimits
from run_operator.metrics.outside_batch import OutsideBatch
from run_operator.metrics.protocol import RefusedBatchError

KEPT: Final = 60.0
"""Seconds for which an answer is kept."""
FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0
TRIES: Final = 30
"""Tries of one batch: about ten minutes."""
AT_ONCE: Final = 5
"""Tries in a row where another replica writes the same Run."""
LOOK: Final = 1.0
"""Seconds between two looks for batches that there was no room for."""
PAGE, PAGES = 500, 20
"""Objects of a page, and pages of a namespace that are read for one look."""
UNAVAILABLE: Final = 500
MAX_MESSAGE: Final = 1024
LOST: Final = (
    "attempt {attempt} of the Run has begun since: the values may or may not be stored; look at its metrics before you "
    "log them again"
)

log = logging.getLogger(__name__)


class OutsideWrites:
    """The receiver of MetricBatches, and its workers.

    `hurry` is called for sessions that somebody waits for; `gone` tells whether the pod of a uid is gone.
    """

    def __init__(
        self,
        api: Api,
        directory: ClusterView,
        ledgers: Sessions,
        counters: IngestTelemetry,
        limits: IngestLimits,
        clock: Clock,
        hurry: Callable[[Session], None],
        gone: Callable[[str], bool],
    ) -> None:
        self._api = api
        self._directory = directory
        self._ledgers = ledgers
        self._counters = counters
        self._limits = limits
        self._clock = clock
        self._hurry = hurry
        self._gone = gone
        self._queue = BatchQueue(limits.outside_workers)

    @property
    def held(self) -> int:
        """How many batches are known here; the cluster may hold more."""
        return len(self._queue)

    def put(self, raw: JSON) -> None:
        """A batch appeared, or was answered, or somebody edits it without end."""
        place = _place(raw["metadata"])
        if raw["metadata"].get("deletionTimestamp"):
            self._queue.drop(place.uid)  # somebody's finalizer may hold it without end
        elif outside_batch.is_answered(raw):
            self._queue.add(place, KEPT, answered=True)
        else:
            self._queue.add(place)

    def drop(self, uid: str) -> None:
        """A batch is gone."""
        self._queue.drop(uid)

    async def work(self, begin: asyncio.Event) -> None:
        """Work from `begin` on, until cancelled."""
        await begin.wait()
        async with asyncio.TaskGroup() as group:
            for number_ in range(self._limits.outside_workers):
                group.create_task(self._worker(), name=f"metric-batch-{number_}")
            group.create_task(self._look_for_more(), name="metric-batches-left")

    async def _worker(self) -> None:
        while True:
            place = await self._queue.take()
            again_after: float | None = None
            try:
                again_after = await self._one(place)
            finally:
                self._queue.give_back(place, again_after)

    async def _look_for_more(self) -> None:
        """Namespaces that have more batches than are known are looked through when there is room."""
        while True:
            await asyncio.sleep(LOOK)
            if (namespace := self._queue.lacking()) is None:
                continue
            try:
                await self._look(namespace)
            except KubeError as error:
                log.warning(
                    "the operator lists the MetricBatches of namespace %s again: %s", namespace, error
                )
                self._queue.incomplete(namespace)

    async def _look(self, namespace: str) -> None:
        pages = 0
        async for page in self._api.pages(
            METRIC_BATCHES, namespace=namespace, page_size=PAGE, accept=METADATA_LIST
        ):
            for one in page.get("items") or ():
                if not one["metadata"].get("deletionTimestamp"):
                    self._queue.add(_place(one["metadata"]))
            pages += 1
            if self._queue.lacks(namespace):
                return  # there is no more room
            if pages == PAGES:
                self._queue.incomplete(namespace)
                return

    async def _one(self, place: Place) -> float | None:
        """Seconds until it is to be looked at again; None: it is done with."""
        try:
            return await self._handled(place)
        except (NotFoundError, ConflictError):
            return None  # somebody else was faster
        except (KubeError, FencedError, DeniedError) as error:
            return self._again(place, str(error))
        except Exception:
            # The one place that catches everything: a mistake with one batch must not stop the others.
            log.exception("metric batch %s/%s failed", place.namespace, place.name)
            return self._again(place, "an error in the operator")

    async def _handled(self, place: Place) -> float | None:
        raw = await self._api.get(METRIC_BATCHES, place.namespace, place.name)
        metadata = raw["metadata"]
        if metadata["uid"] != place.uid or metadata.get("deletionTimestamp"):
            return None
        notes: Sequence[str] = ()
        if outside_batch.is_answered(raw):
            if not self._queue.answered(place):
                return KEPT
        else:
            try:
                notes = await self._stored(outside_batch.from_object(raw))
            except (RefusedBatchError, DeniedError) as error:
                return await self._answer(place, outside_batch.REFUSED, self._final_word(place, error))
        if notes:
            return await self._answer(
                place, outside_batch.STORED, "some values were not stored as they were sent", notes
            )
        await self._api.delete(METRIC_BATCHES, place.namespace, place.name, place.uid)
        return None

    def _final_word(self, place: Place, error: RefusedBatchError | DeniedError) -> str:
        """The answer to a refused batch. Raises the error again where another try may help."""
        if error.status < UNAVAILABLE:
            return str(error)
        if self._queue.tries(place) < TRIES:
            raise error
        return f"the operator gave up after {TRIES} tries; the values may or may not be stored: {error}"

    async def _stored(self, batch: OutsideBatch) -> Sequence[str]:
        """Commit the values; returns notes. Raises DeniedError (5xx: later), RefusedBatchError or KubeError."""
        run = await self._run(batch)
        for _ in range(AT_ONCE):
            entry = await self._ledgers.open(run)
            notes = self._take(entry, run, batch)
            try:
                await entry.brought_in(self._hurry, self._limits.sdk_timeout)
            except OvertakenError:
                continue  # another replica wrote: what was taken here is forgotten, or is in what it wrote
            except TimeoutError as error:
                raise DeniedError(503, "the cluster is busy") from error
            return notes
        raise DeniedError(503, "other clients keep changing this Run")

    def _take(self, entry: Session, run: Run, batch: OutsideBatch) -> Sequence[str]:
        """Take the batch whole or not at all. Nothing is awaited here."""
        ledger = entry.ledger
        known = ledger.accepted(batch.writer)
        attempt = ledger.attempt or max(1, number(run.status.get("attempt")))
        if not known and 0 < batch.attempt < ledger.attempt:
            raise DeniedError(410, LOST.format(attempt=ledger.attempt))
        limits = MetricLimits(run.policy.metrics.budget, run.policy.metrics.fail)
        receipt = ledger.take(
            batch.writer,
            batch.batch,
            attempt,
            limits,
            self._clock(),
            lambda writer: self._gone(writer.partition("/")[0]),
        )
        if not known:
            self._counters.taken(batch.batch.values)
        return receipt.notes

    async def _run(self, batch: OutsideBatch) -> Run:
        """The Run of the batch. Raises DeniedError: 5xx if the stream of Runs is late."""
        run = self._directory.run(batch.run)
        if run is not None and batch.uid in ("", run.uid):
            if not run.is_ours:
                raise DeniedError(410, managed_elsewhere(run, "metrics"))
            return run
        try:
            found = await self._api.get_metadata(RUNS, batch.run.namespace, batch.run.name)
        except NotFoundError as error:
            missing = f"there is no Run {batch.run.name} in namespace {batch.run.namespace}"
            raise DeniedError(404, missing) from error
        if batch.uid not in ("", found.get("uid")):
            raise DeniedError(404, f"Run {batch.run.name} was deleted, and another Run has its name")
        raise DeniedError(503, "the operator has not seen this Run yet")

    async def _answer(self, place: Place, state: str, message: str, notes: Sequence[str] = ()) -> float:
        """Write the answer; returns how many seconds it is kept."""
        status: dict[str, object] = {"state": state, "message": printable(message)[:MAX_MESSAGE]}
        if notes:
            status["notes"] = [printable(one)[:MAX_MESSAGE] for one in notes]
        body = {"metadata": {"uid": place.uid}, "status": status}
        await self._api.patch(METRIC_BATCHES, place.namespace, place.name, body, "status")
        self._queue.answered(place)
        return KEPT

    def _again(self, place: Place, why: str) -> float:
        log.debug("metric batch %s/%s waits: %s", place.namespace, place.name, why)
        return float(min(LONGEST_PAUSE, FIRST_PAUSE * 1.5 ** self._queue.failed(place)))


def _place(metadata: JSON) -> Place:
    return Place(metadata["namespace"], metadata["name"], metadata["uid"])
