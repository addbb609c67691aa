"""The SDK's calls for metrics: read all, read one, and PUT, which may be an append. A PUT creates a MetricBatch, as the client does."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import time
from typing import Any, Final

from run_operator.api.raw import JSON, mapping
from run_operator.gateway.api_client import ApiClient
from run_operator.gateway.entities import Entities, Place
from run_operator.gateway.errors import Problem, bad, missing, of_kube
from run_operator.gateway.limits import GatewayLimits
from run_operator.kube.errors import (
    AlreadyExistsError,
    ForbiddenError,
    KubeError,
    NotFoundError,
    ThrottledError,
    TransientError,
)
from run_operator.kube.resource import METRIC_BATCHES
from run_operator.metrics import outside_batch
from run_operator.metrics.numbers import NotANumberError, numbers
from run_operator.metrics.protocol import RefusedBatchError
from run_operator.metrics.sdk_put import Readings, meaning

INVALID: Final = "Invalid metric value. Must be a list of floats or ints or a float or an int"
FIRST_PAUSE: Final = 0.02
LONGEST_PAUSE: Final = 0.5

Reader = tuple[str, str, str]
"""Uid of the Run, owner of the token, address."""
log = logging.getLogger(__name__)


class RunMetrics:
    """The earlier reads of a sender decide whether its PUT appends or overwrites; the operator stores the values."""

    def __init__(self, entities: Entities, limits: GatewayLimits) -> None:
        self._entities = entities
        self._limits = limits
        self._readings = Readings()

    async def all(self, caller: ApiClient, place: Place, run_id: str) -> JSON:
        """Name to number or list."""
        raw = await self._entities.raw(caller, place, run_id)
        found = mapping(mapping(raw.get("status")).get("metrics"))
        self._readings.given(_reader(raw, caller), found, time.monotonic())
        return found

    async def one(self, caller: ApiClient, place: Place, run_id: str, key: str) -> Any:
        """A number or a list. Raises Problem 404."""
        found = await self.all(caller, place, run_id)
        if key not in found:
            raise missing(f"metric {key[:128]!r} of {place.of(run_id)}")
        return found[key]

    def announced(self, caller: ApiClient, raw_uid: str) -> None:
        """Note that the SDK has read no metrics of this Run, and will write the first ones."""
        self._readings.announced((raw_uid, caller.identity.owner, caller.identity.address), time.monotonic())

    async def put(
        self, caller: ApiClient, place: Place, run_id: str, key: str, value: Any, arrived: float
    ) -> Any:
        """Write a metric; returns its stored value. `arrived`: monotonic seconds. Raises Problem."""
        wanted = _checked(value)
        raw = await self._entities.raw(caller, place, run_id)
        reader = _reader(raw, caller)
        readings = self._readings.of(reader, arrived)
        meant = meaning(key, wanted, _stored(raw, key), readings, arrived)
        self._readings.answered(reader, meant.answers, key, meant.base)
        if meant.op is None:
            return _stored(raw, key)
        await _Write(caller, place, run_id, key, self._limits.retry_timeout).run(raw, meant.op)
        return _stored(await self._entities.raw(caller, place, run_id), key)


class _Write:
    """One value on its way into the Run: a MetricBatch, created with the caller's rights."""

    def __init__(self, caller: ApiClient, place: Place, run_id: str, key: str, within: float) -> None:
        self._caller = caller
        self._place = place
        self._what = place.of(run_id)
        self._key = key
        self._until = time.monotonic() + within

    async def run(self, raw: JSON, op: JSON) -> None:
        """Create the MetricBatch and wait until the operator has stored it. Raises Problem."""
        try:
            outside_batch.checked([op])
        except RefusedBatchError as error:
            raise bad(f"metric {self._key[:128]!r} of {self._what}: {error}") from error
        body = outside_batch.body(raw, [op], secrets.token_hex(8))
        await self._create(body)
        answer = await self._answer(body["metadata"]["name"])
        if why := outside_batch.refusal(answer):
            raise bad(f"metric {self._key[:128]!r} of {self._what}: {why}")
        for note in outside_batch.notes(answer):
            log.info("metrics of %s: %s", self._what, note)

    async def _create(self, body: JSON) -> None:
        try:
            await self._caller.create(METRIC_BATCHES, self._place.namespace, body)
        except NotFoundError as error:
            raise Problem(
                503, f"{self._not_stored}: the cluster has no MetricBatches: {error.message}"
            ) from error
        except ForbiddenError as error:
            raise _no_right(self._place, self._what, error) from error
        except AlreadyExistsError:
            return  # a lost answer: its name is random
        except KubeError as error:
            if not isinstance(error, TransientError):
                raise of_kube(error, self._not_stored) from error
            raise self._given_up(error.message) from error

    async def _answer(self, batch: str) -> JSON:
        """The operator's answer in the batch; empty if the values are stored unchanged, and the batch is gone."""
        pause = FIRST_PAUSE
        while True:
            last = "the operator has not accepted it: is the operator running, and does it take metrics (--ingest-url)?"
            try:
                raw = await self._caller.get(METRIC_BATCHES, self._place.namespace, batch)
            except NotFoundError:
                return {}
            except (TransientError, ThrottledError) as error:
                raw, last = {}, error.message
            except KubeError as error:
                raise of_kube(error, f"metrics of {self._what} may or may not be stored") from error
            if outside_batch.is_answered(raw):
                return raw
            if time.monotonic() > self._until:
                raise self._given_up(last)
            await asyncio.sleep(random.uniform(0.7, 1.0) * pause)  # noqa: S311 - no secret
            pause = min(LONGEST_PAUSE, pause * 1.5)

    @property
    def _not_stored(self) -> str:
        return f"metrics of {self._what} are not stored"

    def _given_up(self, why: str) -> Problem:
        return Problem(503, f"metrics of {self._what} may or may not be stored: {why}", 2.0)


def _stored(raw: JSON, key: str) -> Any:
    return mapping(mapping(raw.get("status")).get("metrics")).get(key)


def _reader(raw: JSON, caller: ApiClient) -> Reader:
    return str(raw["metadata"]["uid"]), caller.identity.owner, caller.identity.address


def _checked(value: Any) -> Any:
    try:
        found = numbers(value if isinstance(value, list) else [value])
    except NotANumberError as error:
        raise bad(f"{INVALID}: {error}") from error
    return found if isinstance(value, list) else found[0]


def _no_right(place: Place, what: str, error: ForbiddenError) -> Problem:
    advice = outside_batch.advice(place.namespace, error.message)
    return Problem(
        403, f"metrics of {what} cannot be logged from outside its pods: {error.message}. {advice}"
    )
