"""`log_metric` from outside the pod: one guarded write with the caller's own rights, each value exactly once.

The same pure ledger as the operator's folds the values in; the patch carries them together with a watermark of this call,
and the API server refuses it unless it follows the very commit it was made from. So the operator, other people and this
program can write at the same time, and an answer that got lost is looked up instead of guessed.
"""

from __future__ import annotations

import random
import secrets
import time
import warnings
from collections.abc import Sequence
from typing import Final

from run_operator.api.raw import JSON
from run_operator.client.cluster import Cluster
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
from run_operator.client.suspend import missing
from run_operator.kube.resource import RUNS
from run_operator.metrics.external_write import ExternalWrite, LostSightError, checked
from run_operator.metrics.protocol import Batch, RefusedBatchError
from run_operator.metrics.run_ledger import Commit

DEADLINE: Final = 30.0
"""Seconds in which a value has to get in."""
LONGEST_PAUSE: Final = 2.0


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
        self._call = ExternalWrite(secrets.token_hex(8))

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
                    self._call.doubt(raw)
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
        try:
            return self._call.landed(raw)
        except LostSightError as error:
            raise UnavailableError(f"metrics of run {self._name}: {error}") from error

    def _made(self, raw: JSON) -> tuple[Commit, Sequence[str]]:
        try:
            return self._call.commit(raw, self._batch, time.time())
        except RefusedBatchError as error:
            raise EntityError(f"run {self._name}: {error}") from error

    def _given_up(self, error: BackendError) -> BackendError:
        fate = "may or may not be stored" if self._call.doubtful else "are not stored"
        return UnavailableError(
            f"metrics of run {self._name} {fate}: after {DEADLINE:g} s: {error}",
            status=error.status,
            reason=error.reason,
        )


def _batch(ops: Sequence[JSON]) -> Batch:
    """Checked as the ingest checks it."""
    try:
        return checked(ops)
    except RefusedBatchError as error:
        raise ValueError(str(error)) from error


def _no_right(name: str, namespace: str, error: ForbiddenError) -> ForbiddenError:
    return ForbiddenError(
        f"metrics of run {name} cannot be logged from outside its pods: {error}. The administrator of the cluster can allow it: "
        f"kubectl create rolebinding log-metrics -n {namespace} --clusterrole=run-operator-log-metrics --user=...",
        status=error.status,
        reason=error.reason,
    )
