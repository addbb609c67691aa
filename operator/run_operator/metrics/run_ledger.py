"""The metrics of one live Run: what was taken, what of it is in the cluster, and the commit that brings the rest there.

Exactly once rests on three rules:
1. a batch is taken only if its number follows the last one taken of its writer;
2. a commit carries the metrics together with the writers' numbers they contain, in one write;
3. a commit is refused by the API server unless it follows the very commit it was made from (`commit_id`).
So whatever is killed or repeated, the numbers in the cluster say exactly what the lists in the cluster contain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from run_operator.api.raw import JSON
from run_operator.api.run import MetricsState
from run_operator.metrics import status_fields
from run_operator.metrics.metric_set import MetricLimits, MetricSet, summary
from run_operator.metrics.protocol import Batch, ClosedError, GapError, RefusedBatchError
from run_operator.metrics.series import Series
from run_operator.metrics.status_fields import difference
from run_operator.metrics.watermarks import Watermarks

LEAST_BUDGET: Final = 1024
INFO_BYTES: Final = 250
"""Of one metric in `metricsInfo`, about."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a sender is told. Numbers are 0 for a batch without a writer."""

    accepted: int
    committed: int
    settled: bool
    """Whether everything of this writer is in the cluster."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Commit:
    """One JSON patch of a Run's status."""

    operations: list[dict[str, Any]]
    commit_id: str
    writers: Mapping[str, int]
    revision: int
    metrics: JSON
    """`status.metrics` once it has landed."""
    size: int
    """Bytes of all that the status then holds, about."""
    state: MetricsState
    """What the status says of metrics once it has landed."""


class RunLedger:
    """Built from the status of a Run. One event loop owns it; times are seconds of one clock."""

    def __init__(self, uid: str, status: JSON) -> None:
        self.uid = uid
        self._record = Watermarks.restored(_map(status.get("metricsIngest")))
        self._book = status_fields.restored(_map(status.get("metrics")), _map(status.get("metricsInfo")))
        self._book.refused = self._record.refused
        self._committed = dict(self._record.writers)
        self._there: JSON | None = None
        self._revision = 0
        self._changed_at: float | None = None
        self._squeeze = 1

    @property
    def commit_id(self) -> str | None:
        """Of the commit this ledger follows."""
        return self._record.commit_id

    @property
    def book(self) -> MetricSet:
        """The metrics as taken. To be read only."""
        return self._book

    @property
    def dirty_since(self) -> float | None:
        """When the oldest batch that is not in the cluster was taken; None: all of it is there."""
        return self._changed_at

    @property
    def revision(self) -> int:
        """Grows with every batch that is taken."""
        return self._revision

    @property
    def open_writers(self) -> int:
        """Writers of the current attempt that have not said goodbye."""
        return self._record.open_writers

    @property
    def ending(self) -> bool:
        """Whether every writer there is has said goodbye."""
        return bool(self._record.ended) and not self._record.open_writers

    @property
    def values(self) -> int:
        """How many values are held: a measure of the memory."""
        return sum(len(getattr(metric, "kept", ())) + 1 for metric in self._book.metrics.values())

    def accepted(self, writer: str | None) -> int:
        """The number of the last batch taken of this writer; 0: none."""
        return self._record.writers.get(writer, 0) if writer is not None else 0

    def take(
        self,
        writer: str | None,
        batch: Batch,
        attempt: int,
        limits: MetricLimits,
        now: float,
        gone: Callable[[str], bool],
    ) -> Receipt:
        """Take a batch of a pod of this attempt. `writer`: its name with the pod's uid before it.

        Raises RefusedBatchError; then nothing was taken.
        """
        if writer is None:
            notes = self._apply(batch, limits, now) if batch.ops else []
            return Receipt(0, 0, self._changed_at is None, tuple(notes))
        if batch.seq is None:
            return self._receipt(writer)
        if attempt < self._record.attempt:
            raise ClosedError(
                f"attempt {attempt} has ended; attempt {self._record.attempt} writes metrics now"
            )
        if self._record.begin(attempt):
            self._committed = {}
        last = self._record.writers.get(writer, 0)
        if batch.seq <= last:
            return self._receipt(writer)
        if batch.seq > last + 1:
            raise GapError(last + 1)
        notes = self._take_next(writer, batch, limits, now, gone)
        return self._receipt(writer, tuple(notes))

    def commit(self, commit_id: str, limits: MetricLimits, told: JSON) -> Commit:
        """The patch that brings everything taken so far into the cluster.

        `told`: further fields of `status.metricsIngest`.
        """
        budget = max(LEAST_BUDGET, limits.budget // self._squeeze)
        self._book.fit(budget)
        size = self._book.size
        ingest = {**self._record.told(), **told, "commitId": commit_id, "bytes": size, "budgetBytes": budget}
        metrics = status_fields.values(self._book)
        status = {
            "metricsInfo": status_fields.info(self._book),
            "metricsSummary": summary(self._book),
            "metricsIngest": ingest,
        }
        operations: list[dict[str, Any]] = [
            {"op": "test", "path": "/metadata/uid", "value": self.uid},
            self._test(),
            *difference(self._there, metrics),
        ]
        operations += [
            {"op": "add", "path": f"/status/{name}", "value": value} for name, value in status.items()
        ]
        writers = dict(self._record.writers)
        about = size + INFO_BYTES * len(self._book.metrics) + sum(len(name) + 8 for name in writers)
        return Commit(operations, commit_id, writers, self._revision, metrics, about, self._state(commit_id))

    def landed(self, commit: Commit, sent_at: float) -> None:
        """The commit is in the cluster; what was taken after it was made is not."""
        self._committed = dict(commit.writers)
        self._there = commit.metrics
        self._record.commit_id = commit.commit_id
        self._changed_at = None if self._revision == commit.revision else sent_at

    def too_large(self) -> bool:
        """The API server cannot hold the Run with its metrics: make do with half of the budget from now on.

        False when there is nothing left to save.
        """
        self._squeeze *= 2
        return self._squeeze <= 1024  # noqa: PLR2004 - 512 KiB over the least budget, and a bit

    def _take_next(
        self, writer: str, batch: Batch, limits: MetricLimits, now: float, gone: Callable[[str], bool]
    ) -> list[str]:
        known = writer in self._record.writers
        leaver = None if known else self._record.leaver(self._settled, gone)
        notes = self._apply(batch, limits, now)
        if leaver is not None:
            self._record.release(leaver)
        self._record.writers[writer] = batch.seq or 0
        self._record.ended.pop(writer, None)
        if batch.end:
            self._record.ended[writer] = None
        return notes

    def _apply(self, batch: Batch, limits: MetricLimits, now: float) -> list[str]:
        refused = self._book.refused
        try:
            notes = self._book.apply(batch, limits)
        except RefusedBatchError:
            if self._book.refused != refused:
                self._touch(now)  # that it was refused is news too
            raise
        self._touch(now)
        return notes

    def _touch(self, now: float) -> None:
        self._record.refused = self._book.refused
        self._revision += 1
        if self._changed_at is None:
            self._changed_at = now

    def _receipt(self, writer: str, notes: tuple[str, ...] = ()) -> Receipt:
        accepted, committed = self._record.writers.get(writer, 0), self._committed.get(writer, 0)
        return Receipt(accepted, committed, self._settled(writer) or not accepted, notes)

    def _state(self, commit_id: str) -> MetricsState:
        record = self._record
        thinned = any(isinstance(one, Series) and one.stride > 1 for one in self._book.metrics.values())
        return MetricsState(commit_id, record.open_writers, record.lost, record.refused, thinned)

    def _settled(self, writer: str) -> bool:
        return self._committed.get(writer) == self._record.writers.get(writer)

    def _test(self) -> dict[str, Any]:
        if self._record.commit_id is None:
            return {"op": "test", "path": "/status/metricsIngest", "value": None}
        return {"op": "test", "path": "/status/metricsIngest/commitId", "value": self._record.commit_id}


def _map(value: Any) -> JSON:
    return value if isinstance(value, Mapping) else {}
