"""MetricBatches, from the watch stream into the Runs' metrics: taken, committed, deleted. Namespaces take turns.

A batch that cannot be stored is answered in its status, which is kept for a minute. Every other one is tried again; the
watermark in the Run keeps a batch from being counted twice, however often it is tried.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from run_operator.api.raw import JSON, number, printable
from run_operator.api.run import Run
from run_operator.children.cluster_view import ClusterView
from run_operator.fairness import RoundRobin
from run_operator.http.rate_limit import Clock
from run_operator.http.server import DeniedError
from run_operator.ingest.limits import IngestLimits
from run_operator.ingest.sessions import OvertakenError, Session, Sessions
from run_operator.ingest.telemetry import IngestTelemetry
from run_operator.kube.client import Api
from run_operator.kube.errors import ConflictError, FencedError, KubeError, NotFoundError
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
UNAVAILABLE: Final = 500
MAX_MESSAGE: Final = 1024
LOST: Final = (
    "attempt {attempt} of the Run began meanwhile: the values may or may not be stored; look at its metrics before you "
    "log them again"
)

log = logging.getLogger(__name__)


class Place(NamedTuple):
    """Namespace, name and uid of a batch."""

    namespace: str
    name: str
    uid: str


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
        self._waiting: RoundRobin[Place] = RoundRobin()
        self._known: dict[str, Place] = {}
        self._busy: set[str] = set()
        self._working: Counter[str] = Counter()
        self._tries: Counter[str] = Counter()
        self._news = asyncio.Event()

    def put(self, raw: JSON) -> None:
        """A batch appeared or changed."""
        metadata = raw["metadata"]
        place = Place(metadata["namespace"], metadata["name"], metadata["uid"])
        self._known[place.uid] = place
        if outside_batch.is_answered(raw):
            self._add_later(place, KEPT)
        else:
            self._add(place)

    def drop(self, uid: str) -> None:
        """A batch is gone."""
        place = self._known.pop(uid, None)
        if place is not None:
            self._waiting.discard(place.namespace, place)
        self._tries.pop(uid, None)

    async def work(self, begin: asyncio.Event) -> None:
        """Work from `begin` on, until cancelled."""
        await begin.wait()
        async with asyncio.TaskGroup() as group:
            for number_ in range(self._limits.outside_workers):
                group.create_task(self._worker(), name=f"metric-batch-{number_}")

    async def _worker(self) -> None:
        while True:
            place = await self._next()
            self._busy.add(place.uid)
            self._working[place.namespace] += 1
            try:
                await self._one(place)
            finally:
                self._busy.discard(place.uid)
                self._working[place.namespace] -= 1
                self._news.set()

    async def _next(self) -> Place:
        """The next batch. Namespaces take turns; none has more than three quarters of the workers."""
        most = max(1, self._limits.outside_workers * 3 // 4)
        while True:
            place = self._waiting.pop(skipped=lambda namespace: self._working[str(namespace)] >= most)
            if place is None:
                self._news.clear()
                await self._news.wait()
            elif place.uid not in self._busy:
                return place

    async def _one(self, place: Place) -> None:
        try:
            await self._handled(place)
        except (NotFoundError, ConflictError):
            return  # somebody else was faster
        except (KubeError, FencedError, DeniedError) as error:
            self._again(place, str(error))
        except Exception:
            # The one place that catches everything: a mistake with one batch must not stop the others.
            log.exception("metric batch %s/%s failed", place.namespace, place.name)
            self._again(place, "a mistake of the operator")

    async def _handled(self, place: Place) -> None:
        raw = await self._api.get(METRIC_BATCHES, place.namespace, place.name)
        if raw["metadata"]["uid"] != place.uid:
            return
        notes: Sequence[str] = ()
        if not outside_batch.is_answered(raw):
            try:
                notes = await self._stored(outside_batch.from_object(raw))
            except (RefusedBatchError, DeniedError) as error:
                await self._answer(place, outside_batch.REFUSED, self._final_word(place, error))
                return
        if notes:
            await self._answer(place, outside_batch.STORED, "some values are stored differently", notes)
        else:
            await self._api.delete(METRIC_BATCHES, place.namespace, place.name, place.uid)

    def _final_word(self, place: Place, error: RefusedBatchError | DeniedError) -> str:
        """The answer to a refused batch. Raises the error again where another try may help."""
        if error.status < UNAVAILABLE:
            return str(error)
        if self._tries[place.uid] < TRIES:
            raise error
        return f"given up after {TRIES} tries; the values may or may not be stored: {error}"

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
        raise DeniedError(503, "others keep writing to this Run")

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
            return run
        try:
            found = await self._api.get_metadata(RUNS, batch.run.namespace, batch.run.name)
        except NotFoundError as error:
            missing = f"there is no Run {batch.run.name} in namespace {batch.run.namespace}"
            raise DeniedError(404, missing) from error
        if batch.uid not in ("", found.get("uid")):
            raise DeniedError(404, f"Run {batch.run.name} was deleted; another one has its name now")
        raise DeniedError(503, "the operator has not seen this Run yet")

    async def _answer(self, place: Place, state: str, message: str, notes: Sequence[str] = ()) -> None:
        status: dict[str, object] = {"state": state, "message": printable(message)[:MAX_MESSAGE]}
        if notes:
            status["notes"] = [printable(one)[:MAX_MESSAGE] for one in notes]
        body = {"metadata": {"uid": place.uid}, "status": status}
        await self._api.patch(METRIC_BATCHES, place.namespace, place.name, body, "status")

    def _again(self, place: Place, why: str) -> None:
        self._tries[place.uid] += 1
        delay = min(LONGEST_PAUSE, FIRST_PAUSE * 1.5 ** self._tries[place.uid])
        log.debug("metric batch %s/%s waits: %s", place.namespace, place.name, why)
        self._add_later(place, delay)

    def _add_later(self, place: Place, delay: float) -> None:
        asyncio.get_running_loop().call_later(delay, self._add, place)

    def _add(self, place: Place) -> None:
        if place.uid in self._known:
            self._waiting.add(place.namespace, place)
            self._news.set()
