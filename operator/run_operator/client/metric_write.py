"""`log_metric` from outside the pod: a MetricBatch, which the operator stores in the Run, each value exactly once.

The name of the batch is its watermark in the Run. So one whose answer got lost is created again, and counts once.
"""

from __future__ import annotations

import random
import secrets
import time
import warnings
from collections.abc import Sequence
from typing import Any, Final

from run_operator.api.raw import JSON
from run_operator.client.cluster import Cluster
from run_operator.client.errors import (
    BackendError,
    EntityAlreadyExistsError,
    EntityError,
    EntityNotExistsError,
    ForbiddenError,
    RunDeletedError,
    UnavailableError,
)
from run_operator.client.suspend import missing
from run_operator.kube.resource import METRIC_BATCHES, RUNS
from run_operator.metrics import outside_batch
from run_operator.metrics.protocol import RefusedBatchError

DEADLINE: Final = 30.0
"""Seconds in which a value has to get in."""
FIRST_PAUSE: Final = 0.02
LONGEST_PAUSE: Final = 0.5


def log(cluster: Cluster, name: str, ops: Sequence[JSON], uid: str = "") -> None:
    """Apply the operations (as in a batch of the ingest) to the metrics of a Run.

    Raises ValueError for what cannot be stored, EntityError for what has no room, ForbiddenError without the right to
    create metricbatches, UnavailableError when it does not get in within 30 s; a warning tells what was not stored as given.
    """
    try:
        batch = outside_batch.checked(ops)
    except RefusedBatchError as error:
        raise ValueError(str(error)) from error
    if batch.ops:
        _Call(cluster, name, uid, ops).run()


class _Call:
    """One call of `log_metric`, until its values are in."""

    def __init__(self, cluster: Cluster, name: str, uid: str, ops: Sequence[JSON]) -> None:
        self._cluster = cluster
        self._name = name
        self._uid = uid
        self._ops = ops
        self._until = time.monotonic() + DEADLINE

    def run(self) -> None:
        body = outside_batch.body(self._read(), self._ops, secrets.token_hex(8))
        self._create(body)
        answer = self._answer(body["metadata"]["name"])
        if why := outside_batch.refusal(answer):
            raise EntityError(f"run {self._name}: {why}")
        for note in outside_batch.notes(answer):
            warnings.warn(note, stacklevel=5)

    def _read(self) -> JSON:
        try:
            raw = self._cluster.get(RUNS, self._name)
        except EntityNotExistsError as error:
            raise missing(self._cluster, self._name, error) from error
        if self._uid and str(raw["metadata"]["uid"]) != self._uid:
            raise RunDeletedError(
                f"run {self._name} was deleted, and another Run has its name: call refresh() first"
            )
        return raw

    def _create(self, body: dict[str, Any]) -> None:
        """Until it is there: one that a lost answer has made already is ours, for its name is random."""
        pause = FIRST_PAUSE
        while True:
            try:
                self._cluster.create(METRIC_BATCHES, body)
            except EntityAlreadyExistsError:
                return
            except EntityNotExistsError as error:
                raise _no_kind(self._name, error) from error
            except ForbiddenError as error:
                raise _no_right(self._name, self._cluster.namespace, error) from error
            except UnavailableError as error:
                if time.monotonic() > self._until:
                    raise self._given_up(error) from error
                pause = _wait(pause)
            else:
                return

    def _answer(self, batch: str) -> JSON:
        """The operator's notes about the batch; empty when it was stored as given, and so deleted."""
        pause = FIRST_PAUSE
        while True:
            try:
                raw: JSON = self._cluster.get(METRIC_BATCHES, batch)
            except EntityNotExistsError:
                return {}
            except UnavailableError as error:
                raw, last = {}, error
            else:
                last = UnavailableError(
                    "the operator has not accepted them: is the operator running, and does it take metrics (--ingest-url)?"
                )
            if outside_batch.is_answered(raw):
                return raw
            if time.monotonic() > self._until:
                raise self._given_up(last)
            pause = _wait(pause)

    def _given_up(self, error: BackendError) -> BackendError:
        return UnavailableError(
            f"metrics of run {self._name} may or may not be stored: after {DEADLINE:g} s: {error}",
            status=error.status,
            reason=error.reason,
        )


def _wait(pause: float) -> float:
    """Returns the next pause, in seconds."""
    time.sleep(random.uniform(0.7, 1.0) * pause)  # noqa: S311 - no secret
    return min(LONGEST_PAUSE, pause * 1.5)


def _no_kind(name: str, error: BackendError) -> BackendError:
    return BackendError(
        f"metrics of run {name} cannot be logged from outside its pods: {error}. The cluster has no MetricBatches: its "
        "administrator applies the resources of this version: kubectl apply -k crds",
        status=error.status,
        reason=error.reason,
    )


def _no_right(name: str, namespace: str, error: ForbiddenError) -> ForbiddenError:
    return ForbiddenError(
        f"metrics of run {name} cannot be logged from outside its pods: {error}. {outside_batch.advice(namespace, str(error))}",
        status=error.status,
        reason=error.reason,
    )
