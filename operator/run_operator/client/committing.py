"""`log_metric` from outside the pod: one guarded write with the caller's own rights, each value exactly once.

The same pure ledger as the operator's folds the values in; the patch carries them together with a watermark of this call,
and the API server refuses it unless it follows the very commit it was made from. So the operator, other people and this
program can write at the same time, and an answer that got lost is looked up instead of guessed.
"""

from __future__ import annotations

import json
import random
import secrets
import time
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Final

from run_operator.client.errors import (
    BackendError,
    BadRequestError,
    ConflictError,
    EntityError,
    EntityNotExistsError,
    ForbiddenError,
    RunDeletedError,
    UnavailableError,
)
from run_operator.client.kube import Cluster
from run_operator.client.wishes import missing
from run_operator.kube.resource import RUNS
from run_operator.metrics.batch import Batch, read
from run_operator.metrics.book import Limits
from run_operator.metrics.errors import RefusedBatchError
from run_operator.metrics.ledger import Commit, Ledger
from run_operator.metrics.record import MAX_WRITERS, Record
from run_operator.resources.raw import mapping, number
from run_operator.resources.run import Run
from run_operator.resources.times import stamp

DEADLINE: Final = 30.0
"""Seconds in which a value has to get in."""
LONGEST_PAUSE: Final = 2.0

JSON = Mapping[str, Any]


def log(cluster: Cluster, name: str, ops: Sequence[JSON], uid: str = "") -> None:
    """Apply the operations (as in a batch of the ingest) to the metrics of a Run.

    Raises ValueError for what cannot be stored, EntityError for what has no room, ForbiddenError without the right to
    patch runs/status, UnavailableError when it does not get in within 30 s; a warning tells what was not stored as given.
    """
    batch = _batch(ops)
    if batch.ops:
        _Call(cluster, name, uid, batch).run()


class _Call:
    """One call of `log_metric`, until its values are in."""

    def __init__(self, cluster: Cluster, name: str, uid: str, batch: Batch) -> None:
        self._cluster = cluster
        self._name = name
        self._uid = uid
        self._batch = batch
        self._writer = f"client/{secrets.token_hex(8)}"
        self._doubts: int | None = None
        """The attempt for which a patch was sent whose fate is not known."""

    def run(self) -> None:
        until, pause = time.monotonic() + DEADLINE, 0.02
        while True:
            raw = self._read()
            if self._landed(raw):
                return
            commit, notes = self._made(raw)
            try:
                self._cluster.json_patch(RUNS, self._name, commit.operations, subresource="status")
            except ForbiddenError as error:
                raise _no_right(self._name, self._cluster.namespace, error) from error
            except (BadRequestError, ConflictError, UnavailableError) as error:
                if isinstance(error, UnavailableError):
                    self._doubts = self._attempt(raw)
                if time.monotonic() > until:
                    raise self._given_up(error) from error
            else:
                for note in notes:
                    warnings.warn(note, stacklevel=5)
                return
            time.sleep(random.uniform(0.2, 1.0) * pause)  # noqa: S311 - so that two who collide do not do so again
            pause = min(LONGEST_PAUSE, pause * 1.7)

    def _read(self) -> JSON:
        try:
            raw = self._cluster.get(RUNS, self._name)
        except EntityNotExistsError as error:
            raise missing(self._cluster, self._name, error) from error
        uid = str(raw["metadata"]["uid"])
        if self._uid and uid != self._uid:
            raise RunDeletedError(
                f"run {self._name} was deleted; another one has its name now: refresh() first"
            )
        self._uid = uid
        return raw

    def _landed(self, raw: JSON) -> bool:
        """Whether a patch that seemed to fail did not. Raises UnavailableError if that can no longer be told."""
        if self._doubts is None:
            return False
        record = Record.restored(mapping(mapping(raw.get("status")).get("metricsIngest")))
        if record.writers.get(self._writer):
            return True
        if self._attempt(raw) != self._doubts or len(record.writers) >= MAX_WRITERS:
            raise UnavailableError(
                f"the API server did not answer, and attempt {self._attempt(raw)} of run {self._name} began meanwhile: "
                "the values may or may not be stored; look at run.metrics before you log them again"
            )
        return False

    def _made(self, raw: JSON) -> tuple[Commit, Sequence[str]]:
        run, status = Run.from_object(raw), mapping(raw.get("status"))
        limits = Limits(run.policy.metrics.budget, run.policy.metrics.fail)
        ledger = Ledger(self._uid, status)
        try:
            receipt = ledger.take(self._writer, self._batch, self._attempt(raw), limits, 0.0, lambda _: False)
        except RefusedBatchError as error:
            raise EntityError(f"run {self._name}: {error}") from error
        where = mapping(status.get("metricsIngest")).get("fullResolution")
        told = {"lastCommitTime": stamp(time.time())} | ({"fullResolution": where} if where else {})
        return ledger.commit(f"client-{secrets.token_hex(8)}", limits, told), receipt.notes

    def _attempt(self, raw: JSON) -> int:
        """That of the metrics there are: which attempt's pods may still write is for them to say."""
        status = mapping(raw.get("status"))
        known = number(mapping(status.get("metricsIngest")).get("attempt"))
        return known or max(1, number(status.get("attempt")))

    def _given_up(self, error: BackendError) -> BackendError:
        fate = "may or may not be stored" if self._doubts is not None else "are not stored"
        return UnavailableError(
            f"metrics of run {self._name} {fate}: after {DEADLINE:g} s: {error}",
            status=error.status,
            reason=error.reason,
        )


def _batch(ops: Sequence[JSON]) -> Batch:
    """Checked as the ingest checks it."""
    body = json.dumps({"writer": "client", "seq": 1, "ops": list(ops), "end": True}).encode()
    try:
        return read(body)
    except RefusedBatchError as error:
        raise ValueError(str(error)) from error


def _no_right(name: str, namespace: str, error: ForbiddenError) -> ForbiddenError:
    return ForbiddenError(
        f"metrics of run {name} cannot be logged from outside its pods: {error}. Whoever runs the cluster can allow it: "
        f"kubectl create rolebinding log-metrics -n {namespace} --clusterrole=run-operator-log-metrics --user=...",
        status=error.status,
        reason=error.reason,
    )
