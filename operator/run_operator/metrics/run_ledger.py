"""The metrics of one live Run: what was accepted, what is committed, and the next commit.

Every value is stored exactly once, by three rules:
1. a batch is accepted only if its number follows the writer's last accepted number;
2. a commit writes the metrics and the writers' numbers that they contain in one write;
3. the API server refuses a commit that does not follow the commit it was built on (`commit_id`).
So the numbers in the cluster always match the lists in the cluster, after any crash or repetition.
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
"""Approximate size of one entry in `metricsInfo`."""
SAMPLE_BYTES: Final = 14
"""The same of one sample of when values came in."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to a sender. Numbers are 0 for a batch without a writer."""

    accepted: int
    committed: int
    settled: bool
    """Whether all batches of this writer are committed."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Commit:
    """One JSON patch of a Run's status."""

    operations: list[dict[str, Any]]
    commit_id: str
    writers: Mapping[str, int]
    revision: int
    metrics: JSON
    """`status.metrics` after the commit."""
    size: int
    """Approximate bytes of the status after the commit."""
    state: MetricsState
    """The Run's view of its metrics after the commit."""


class RunLedger:
    """Built from the status of a Run. One event loop owns it; times are seconds of one clock, which began at `epoch`."""

    def __init__(self, uid: str, status: JSON, epoch: float = 0.0) -> None:
        self.uid = uid
        self._epoch = epoch
        self._watermarks = Watermarks.restored(_map(status.get("metricsIngest")))
        self._metrics = status_fields.restored(_map(status.get("metrics")), _map(status.get("metricsInfo")))
        self._metrics.refused = self._watermarks.refused
        self._committed = dict(self._watermarks.writers)
        self._stored: JSON | None = None
        self._revision = 0
        self._changed_at: float | None = None
        self._squeeze = 1

    @property
    def commit_id(self) -> str | None:
        """The id of the commit that this ledger follows."""
        return self._watermarks.commit_id

    @property
    def metric_set(self) -> MetricSet:
        """All accepted metrics; read only."""
        return self._metrics

    @property
    def dirty_since(self) -> float | None:
        """When the oldest uncommitted batch was accepted; None if all are committed."""
        return self._changed_at

    @property
    def revision(self) -> int:
        """Grows with every accepted batch."""
        return self._revision

    @property
    def attempt(self) -> int:
        """The attempt that the writers belong to; 0 before the first."""
        return self._watermarks.attempt

    @property
    def open_writers(self) -> int:
        """Number of writers of the current attempt that have not ended."""
        return self._watermarks.open_writers

    @property
    def ending(self) -> bool:
        """Whether every writer has ended."""
        return bool(self._watermarks.ended) and not self._watermarks.open_writers

    @property
    def values(self) -> int:
        """Number of values held: a measure of memory."""
        return sum(
            len(getattr(metric, "kept", ())) + len(getattr(metric, "arrivals", ())) + 1
            for metric in self._metrics.metrics.values()
        )

    def accepted(self, writer: str | None) -> int:
        """The number of the writer's last accepted batch; 0 if there is none."""
        return self._watermarks.writers.get(writer, 0) if writer is not None else 0

    def take(
        self,
        writer: str | None,
        batch: Batch,
        attempt: int,
        limits: MetricLimits,
        now: float,
        gone: Callable[[str], bool],
    ) -> Receipt:
        """Accept a batch from a pod of this attempt. `writer`: `<pod uid>/<writer name>`.

        Raises RefusedBatchError; then nothing was accepted.
        """
        if writer is None:
            notes = self._apply(batch, limits, now) if batch.ops else []
            return Receipt(0, 0, self._changed_at is None, tuple(notes))
        if batch.seq is None:
            return self._receipt(writer)
        if attempt < self._watermarks.attempt:
            raise ClosedError(
                f"attempt {attempt} has ended; attempt {self._watermarks.attempt} writes metrics now"
            )
        if self._watermarks.begin(attempt):
            self._committed = {}
        last = self._watermarks.writers.get(writer, 0)
        if batch.seq <= last:
            return self._receipt(writer)
        if batch.seq > last + 1:
            raise GapError(last + 1)
        notes = self._take_next(writer, batch, limits, now, gone)
        return self._receipt(writer, tuple(notes))

    def commit(self, commit_id: str, limits: MetricLimits, extra: JSON) -> Commit:
        """The patch that commits everything accepted so far.

        `extra`: further fields of `status.metricsIngest`.
        """
        budget = max(LEAST_BUDGET, limits.budget // self._squeeze)
        self._metrics.fit(budget)
        size = self._metrics.size
        samples = self._metrics.fit_arrivals(budget)
        ingest = {
            **self._watermarks.to_status(),
            **extra,
            "commitId": commit_id,
            "bytes": size,
            "budgetBytes": budget,
        }
        metrics = status_fields.values(self._metrics)
        status = {
            "metricsInfo": status_fields.info(self._metrics),
            "metricsSummary": summary(self._metrics),
            "metricsIngest": ingest,
        }
        operations: list[dict[str, Any]] = [
            {"op": "test", "path": "/metadata/uid", "value": self.uid},
            self._test(),
            *difference(self._stored, metrics),
        ]
        operations += [
            {"op": "add", "path": f"/status/{name}", "value": value} for name, value in status.items()
        ]
        writers = dict(self._watermarks.writers)
        info = INFO_BYTES * len(self._metrics.metrics) + SAMPLE_BYTES * samples
        about = size + info + sum(len(name) + 8 for name in writers)
        return Commit(operations, commit_id, writers, self._revision, metrics, about, self._state(commit_id))

    def landed(self, commit: Commit, sent_at: float) -> None:
        """Note that the commit was stored; batches accepted after it was built are still uncommitted."""
        self._committed = dict(commit.writers)
        self._stored = commit.metrics
        self._watermarks.commit_id = commit.commit_id
        self._changed_at = None if self._revision == commit.revision else sent_at

    def too_large(self) -> bool:
        """The Run with its metrics exceeds the API server's limit: halve the budget.

        Returns False when halving again would not help.
        """
        self._squeeze *= 2
        return self._squeeze <= 1024  # noqa: PLR2004 - 512 KiB over the least budget, and a bit

    def _take_next(
        self, writer: str, batch: Batch, limits: MetricLimits, now: float, gone: Callable[[str], bool]
    ) -> list[str]:
        known = writer in self._watermarks.writers
        leaver = None if known else self._watermarks.leaver(self._settled, gone)
        notes = self._apply(batch, limits, now)
        if leaver is not None:
            self._watermarks.release(leaver)
        self._watermarks.writers[writer] = batch.seq or 0
        self._watermarks.ended.pop(writer, None)
        if batch.end:
            self._watermarks.ended[writer] = None
        return notes

    def _apply(self, batch: Batch, limits: MetricLimits, now: float) -> list[str]:
        refused = self._metrics.refused
        try:
            notes = self._metrics.apply(batch, limits, self._epoch + now)
        except RefusedBatchError:
            if self._metrics.refused != refused:
                self._touch(now)  # the count of refused values is stored too
            raise
        self._touch(now)
        return notes

    def _touch(self, now: float) -> None:
        self._watermarks.refused = self._metrics.refused
        self._revision += 1
        if self._changed_at is None:
            self._changed_at = now

    def _receipt(self, writer: str, notes: tuple[str, ...] = ()) -> Receipt:
        accepted, committed = self._watermarks.writers.get(writer, 0), self._committed.get(writer, 0)
        return Receipt(accepted, committed, self._settled(writer) or not accepted, notes)

    def _state(self, commit_id: str) -> MetricsState:
        record = self._watermarks
        thinned = any(isinstance(one, Series) and one.stride > 1 for one in self._metrics.metrics.values())
        return MetricsState(commit_id, record.open_writers, record.lost, record.refused, thinned)

    def _settled(self, writer: str) -> bool:
        return self._committed.get(writer) == self._watermarks.writers.get(writer)

    def _test(self) -> dict[str, Any]:
        if self._watermarks.commit_id is None:
            return {"op": "test", "path": "/status/metricsIngest", "value": None}
        return {"op": "test", "path": "/status/metricsIngest/commitId", "value": self._watermarks.commit_id}


def _map(value: Any) -> JSON:
    return value if isinstance(value, Mapping) else {}
