"""A metric write from outside the pods of a Run, exactly once over several tries.

The commit carries a watermark of this call, and the API server refuses it if it does not follow the commit it was built
on. So the operator, other people and this program can write at the same time, and a lost answer is looked up. Pure: the
caller reads, writes and waits.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from run_operator.api.raw import JSON, mapping, number, stamp
from run_operator.api.run import Run
from run_operator.metrics.metric_set import MetricLimits
from run_operator.metrics.protocol import Batch, read
from run_operator.metrics.run_ledger import Commit, RunLedger
from run_operator.metrics.watermarks import MAX_WRITERS, Watermarks


class LostSightError(Exception):
    """Nobody can find out any more whether the values are stored. The text is the second half of a sentence."""


def checked(ops: Sequence[JSON]) -> Batch:
    """The operations, checked as the ingest checks those of pods. Raises RefusedBatchError."""
    return read(json.dumps({"writer": "client", "seq": 1, "ops": list(ops), "end": True}).encode())


class ExternalWrite:
    """`token`: a random name of the call."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._writer = f"client/{token}"
        self._commits = 0
        self._doubts: int | None = None

    @property
    def doubtful(self) -> bool:
        """Whether a patch was sent and its outcome is unknown."""
        return self._doubts is not None

    def doubt(self, raw: JSON) -> None:
        """Note that the patch built on this object was sent without an answer."""
        self._doubts = _attempt(raw)

    def landed(self, raw: JSON) -> bool:
        """Whether a patch without an answer was applied. Raises LostSightError if nobody can find out."""
        if self._doubts is None:
            return False
        record = Watermarks.restored(mapping(mapping(raw.get("status")).get("metricsIngest")))
        if record.writers.get(self._writer):
            return True
        if _attempt(raw) != self._doubts or len(record.writers) >= MAX_WRITERS:
            raise LostSightError(
                f"the API server did not answer, and attempt {_attempt(raw)} of the Run began meanwhile: "
                "the values may or may not be stored; look at run.metrics before you log them again"
            )
        return False

    def commit(self, raw: JSON, batch: Batch, now: float) -> tuple[Commit, Sequence[str]]:
        """The patch of `status` that adds the batch to this Run, and notes on values that are stored differently.

        `now`: seconds since the epoch. Raises RefusedBatchError.
        """
        run, status = Run.from_object(raw), mapping(raw.get("status"))
        limits = MetricLimits(run.policy.metrics.budget, run.policy.metrics.fail)
        ledger = RunLedger(run.uid, status)
        receipt = ledger.take(self._writer, batch, _attempt(raw), limits, 0.0, lambda _: False)
        where = mapping(status.get("metricsIngest")).get("fullResolution")
        extra = {"lastCommitTime": stamp(now)} | ({"fullResolution": where} if where else {})
        self._commits += 1
        return ledger.commit(f"client-{self._token}-{self._commits}", limits, extra), receipt.notes


def _attempt(raw: JSON) -> int:
    """The attempt of the stored metrics, else the attempt of the Run."""
    status = mapping(raw.get("status"))
    known = number(mapping(status.get("metricsIngest")).get("attempt"))
    return known or max(1, number(status.get("attempt")))
