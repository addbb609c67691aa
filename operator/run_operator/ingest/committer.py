"""Commits of metrics: one patch for each Run, which tests the Run's version, at a pace that etcd can bear.

The pace is bounded in bytes of rewritten objects a second, in patches a second, and to one commit of a Run in an interval.
No answer of the API server but success is believed: a patch that timed out may land later, so the Run is read and
compared.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from run_operator.api import conditions
from run_operator.api.raw import stamp
from run_operator.api.run import Key, Run
from run_operator.children.cluster_view import ClusterView
from run_operator.http.rate_limit import Bucket, Clock
from run_operator.ingest.commit_queue import CommitQueue
from run_operator.ingest.limits import Pace
from run_operator.ingest.sessions import Session, Sessions, rest_bytes
from run_operator.ingest.telemetry import IngestTelemetry
from run_operator.kube.client import Api
from run_operator.kube.errors import (
    FencedError,
    InvalidError,
    KubeError,
    NotFoundError,
    ThrottledError,
    TooLargeError,
)
from run_operator.kube.media_types import METADATA
from run_operator.kube.resource import RUNS
from run_operator.metrics.metric_set import MetricLimits
from run_operator.metrics.run_ledger import Commit


def receiving(run: Run, now: float) -> Run:
    """The Run with the condition that metrics come in, which the first commit writes.

    A Run that has ended keeps its conditions: its metrics come from outside of its pods.
    """
    known: list[Any] = list(run.status.get("conditions", ()))
    if conditions.find(known, conditions.METRICS_COMPLETE) is not None or _is_over(run):
        return run
    updated = conditions.with_condition(
        known,
        conditions.METRICS_COMPLETE,
        status=None,
        reason=conditions.RECEIVING,
        message="the program may log more",
        now=now,
        generation=run.generation,
    )
    return run.with_status({**run.status, "conditions": updated})


def _is_over(run: Run) -> bool:
    return conditions.state_of(run.status.get("state")) in conditions.FINAL


def operations(before: Run, after: Run, commit: Commit) -> list[dict[str, Any]]:
    """The JSON patch from `before` to `after`, which the API server refuses if the Run has another version."""
    version = {"op": "test", "path": "/metadata/resourceVersion", "value": before.resource_version}
    updated = [{"op": "add", "path": "/status/conditions", "value": after.status["conditions"]}]
    return [version, *commit.operations, *(updated if after is not before else ())]


AT_ONCE: Final = 3
"""Tries of one commit in a row, when others keep writing to the same Run."""

log = logging.getLogger(__name__)


class Committer:
    """All commits of this replica.

    `name`: unique among replicas and restarts. `settled` is called for each Run whose metrics are all in the cluster and
    that is about to end. `where`: what `metricsIngest.fullResolution` says. `wall` is seconds since the epoch.
    """

    def __init__(
        self,
        api: Api,
        directory: ClusterView,
        ledgers: Sessions,
        counters: IngestTelemetry,
        pace: Pace,
        clock: Clock,
        wall: Clock,
        name: str,
        settled: Callable[[Key], None],
        where: Callable[[Run], str],
    ) -> None:
        self._api = api
        self._directory = directory
        self._ledgers = ledgers
        self._counters = counters
        self._pace = pace
        self._clock = clock
        self._wall = wall
        self._name = name
        self._settled = settled
        self._where = where
        self._numbers = itertools.count(1)
        self._bytes = Bucket(pace.bytes_per_second, pace.bytes_per_second, clock)
        self._patches = Bucket(pace.commits_per_second, pace.commits_per_second, clock)
        self._turns = CommitQueue(directory, pace, clock)
        self._news = asyncio.Event()
        self._under_way: set[asyncio.Task[None]] = set()
        self._pause = 0.0

    def changed(self, entry: Session) -> None:
        """The entry has something to commit. It is called with every batch, and cheap."""
        if self._turns.add(entry):
            self._news.set()

    def hurry(self, entry: Session) -> None:
        """The same, sooner, because somebody waits."""
        self._turns.hurry(entry)
        self._news.set()

    def freshness(self) -> float:
        """Age of the oldest batch that is not committed, in seconds; 0: all are committed."""
        now, since = self._clock(), [entry.ledger.dirty_since for entry in self._turns.waiting]
        return now - min((at for at in since if at is not None), default=now)

    async def work(self) -> None:
        """Commit until cancelled. Costs nothing while nothing is logged."""
        while True:
            self._news.clear()
            wait = self._begin_due()
            try:
                async with asyncio.timeout(wait):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def flush(self) -> None:
        """Commit everything before the operator ends, without intervals."""
        while self._under_way:
            await asyncio.wait(self._under_way)
        for entry in self._turns.waiting:
            entry.committing = True
            await self._commit(entry)

    async def close(self) -> None:
        """Give up what is under way."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _begin_due(self) -> float | None:
        """Begin the commits that are due; returns the seconds until the next one; None: there is none."""
        while len(self._under_way) < self._pace.at_once:
            paused = max(self._pause - self._clock(), self._patches.wait(), self._bytes.wait(1.0))
            if paused > 0:
                return paused
            entry, wait = self._turns.next()
            if entry is None:
                return wait
            entry.committing = True
            self._patches.take()
            self._spend(entry, entry.rest_bytes)
            task = asyncio.create_task(self._commit(entry), name=f"commit-{entry.key}")
            self._under_way.add(task)
            task.add_done_callback(self._ended)
        return None

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._news.set()

    async def _commit(self, entry: Session) -> None:
        """One commit, with a bounded number of tries. Never raises an error of the cluster."""
        self._turns.begun(entry)
        try:
            for _ in range(AT_ONCE):
                again = await self._try(entry)
                if again is None:
                    return
                self._spend(entry, entry.rest_bytes)
            self._failed(entry, f"other clients keep changing it: {again}")
        except NotFoundError:
            self._forget(entry)
        except ThrottledError as error:
            self._pause = self._clock() + error.retry_after
        except (KubeError, FencedError) as error:
            self._failed(entry, str(error))
        finally:
            entry.committing = False
            self._turns.again(entry)

    async def _try(self, entry: Session) -> KubeError | None:
        """One patch; returns a reason to try again at once, or nothing. Raises the errors of `kube.errors`."""
        run = self._directory.run(entry.key)
        if run is None or run.uid != entry.ledger.uid:
            self._forget(entry)
            return None
        sent_at, since = self._clock(), entry.ledger.dirty_since
        commit = self._made(entry, run)
        size = entry.rest_bytes + commit.size
        self._spend(entry, commit.size)
        prepared = receiving(run, self._wall())
        patch = operations(run, prepared, commit)
        try:
            answer = await self._api.json_patch(
                RUNS, run.namespace, run.name, patch, subresource="status", accept=METADATA
            )
        except TooLargeError as error:
            self._too_large(entry, error)
            return None
        except InvalidError as error:
            entry.doubt(commit)
            return error if await self._look(entry, run) else None
        except (NotFoundError, ThrottledError, FencedError):
            raise
        except KubeError as error:
            entry.doubt(commit)
            await self._after_failure(entry, run, error)
            return None
        self._landed(entry, commit, sent_at, "landed")
        self._counters.landed(size, self._clock() - (sent_at if since is None else since))
        version = str((answer.get("metadata") or {}).get("resourceVersion", ""))
        after = replace(prepared, resource_version=version, metrics=commit.state)
        self._directory.advance(run, after)
        self._tell(entry, run)
        return None

    def _spend(self, entry: Session, size: int) -> None:
        """Charge the known size when its turn comes, and the rest when it is sent."""
        self._bytes.take(size)
        self._turns.charge(entry, size)

    def _made(self, entry: Session, run: Run) -> Commit:
        where = self._where(run) if run.is_whole else entry.where
        updated: Mapping[str, Any] = {"lastCommitTime": stamp(self._wall()), "fullResolution": where}
        limits = MetricLimits(run.policy.metrics.budget, run.policy.metrics.fail)
        return entry.ledger.commit(f"{self._name}-{next(self._numbers)}", limits, updated)

    async def _after_failure(self, entry: Session, run: Run, error: KubeError) -> None:
        """After any answer but success: read what is in the cluster. Raises if that fails."""
        if not await self._look(entry, run):
            return
        raise error

    def _too_large(self, entry: Session, error: TooLargeError) -> None:
        """The patch was too large: try with fewer values."""
        if entry.ledger.too_large():
            log.warning("%s is too large: its metrics get half of their budget", entry.key)
        else:
            self._failed(entry, f"the Run is too large for the cluster even without metrics: {error}")

    async def _look(self, entry: Session, run: Run) -> bool:
        """Compare the Run in the cluster with the commit; True: the commit is not in it."""
        raw = await self._api.get(RUNS, run.namespace, run.name)
        found = Run.from_object(raw)
        if found.uid != entry.ledger.uid:
            self._forget(entry)
            return False
        entry.rest_bytes = rest_bytes(raw)
        self._directory.put_run(found)
        there = found.metrics.commit_id or None
        if there is not None and there in entry.doubts:
            self._landed(entry, entry.doubts[there], self._clock(), "found")
            self._tell(entry, found)
            return False
        if there != entry.ledger.commit_id:
            log.info("%s: another replica wrote its metrics; this replica continues from them", entry.key)
            self._counters.committed("overtaken")
            self._ledgers.reload(entry, raw)
            self._turns.remove(entry)
            return False
        self._counters.committed("repeated")
        return True

    def _landed(self, entry: Session, commit: Commit, sent_at: float, how: str) -> None:
        entry.ledger.landed(commit, sent_at)
        entry.doubts.clear()
        entry.landed(commit.revision)
        entry.failures, entry.not_before, entry.committed_at = 0, 0.0, self._clock()
        self._counters.committed(how)
        if entry.ledger.dirty_since is None:
            self._turns.remove(entry)

    def _tell(self, entry: Session, run: Run) -> None:
        """Notify the lifecycle, which may wait for this."""
        if entry.ledger.dirty_since is None and self._turns.ending(entry):
            self._settled(run.key)

    def _failed(self, entry: Session, why: str) -> None:
        delay = min(self._pace.last_backoff, self._pace.first_backoff * 2.0 ** min(entry.failures, 10))
        entry.failures += 1
        entry.not_before = self._clock() + delay
        self._counters.committed("failed")
        log.warning(
            "metrics of %s are not stored yet: %s; the operator tries again in %.0f s", entry.key, why, delay
        )

    def _forget(self, entry: Session) -> None:
        """Drop everything about a Run that is gone."""
        self._turns.remove(entry)
        self._ledgers.drop(entry)
        self._counters.committed("given_up")
