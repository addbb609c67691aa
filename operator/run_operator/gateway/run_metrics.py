"""Metrics by the SDK's way: all of them, one, and a PUT that may be an append. Written as `log_metric` of the client."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from run_operator.api.raw import JSON, mapping
from run_operator.gateway.api_client import ApiClient
from run_operator.gateway.entities import Entities, Place
from run_operator.gateway.errors import Problem, bad, missing, of_kube
from run_operator.gateway.limits import GatewayLimits
from run_operator.kube.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    KubeError,
    NotFoundError,
    ThrottledError,
    TransientError,
    UnauthorizedError,
)
from run_operator.kube.resource import RUNS
from run_operator.metrics.external_write import ExternalWrite, LostSightError, checked
from run_operator.metrics.numbers import NotANumberError, numbers
from run_operator.metrics.protocol import RefusedBatchError
from run_operator.metrics.sdk_put import Meaning, Reading, Readings, meaning

INVALID: Final = "Invalid metric value. Must be a list of floats or ints or a float or an int"
FIRST_PAUSE: Final = 0.02
LONGEST_PAUSE: Final = 2.0

Reader = tuple[str, str, str]
"""Uid of the Run, whose token, address."""
log = logging.getLogger(__name__)


class RunMetrics:
    """One writer a Run at a time; other replicas, the operator and other programs write too."""

    def __init__(self, entities: Entities, limits: GatewayLimits) -> None:
        self._entities = entities
        self._limits = limits
        self._readings = Readings()
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}

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
        """The SDK has seen no metrics of this Run and will write the first."""
        self._readings.announced((raw_uid, caller.identity.owner, caller.identity.address), time.monotonic())

    async def put(
        self, caller: ApiClient, place: Place, run_id: str, key: str, value: Any, arrived: float
    ) -> Any:
        """What is stored of the metric from now on. `arrived`: when the request did, monotonic. Raises Problem."""
        wanted = _checked(value)
        async with self._alone(f"{place.namespace}/{run_id}"):
            raw = await self._entities.raw(caller, place, run_id)
            reader = _reader(raw, caller)
            write = _Write(caller, place, run_id, key, wanted, arrived, self._readings.of(reader, arrived))
            meant = write.meaning(raw)
            self._readings.answered(reader, meant.answers, key, meant.base)
            return await write.run(
                raw, lambda: self._entities.raw(caller, place, run_id), self._limits.retry_timeout
            )

    @asynccontextmanager
    async def _alone(self, name: str) -> AsyncIterator[None]:
        """One at a time for each Run: it saves them the API server's refusals."""
        lock, users = self._locks.get(name, (asyncio.Lock(), 0))
        self._locks[name] = lock, users + 1
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks[name]
            if users == 1:
                del self._locks[name]
            else:
                self._locks[name] = lock, users - 1


class _Write:
    """One value on its way into the status. Its meaning is decided again for each version of the Run."""

    def __init__(
        self,
        caller: ApiClient,
        place: Place,
        run_id: str,
        key: str,
        value: Any,
        arrived: float,
        readings: list[Reading],
    ) -> None:
        self._caller = caller
        self._place = place
        self._what = place.of(run_id)
        self._key = key
        self._value = value
        self._arrived = arrived
        self._readings = readings
        self._call = ExternalWrite(secrets.token_hex(8))

    def meaning(self, raw: JSON) -> Meaning:
        """What is to be done with the metrics as they are."""
        return meaning(self._key, self._value, self._stored(raw), self._readings, self._arrived)

    async def run(self, raw: JSON, again: Callable[[], Awaitable[JSON]], within: float) -> Any:
        """Try until it is stored; returns the stored value. `again` reads the Run. Raises Problem."""
        until, pause = time.monotonic() + within, FIRST_PAUSE
        while not self._landed(raw):
            meant = self.meaning(raw)
            if meant.op is None:
                break
            try:
                return await self._send(raw, meant.op)
            except (InvalidError, TransientError, ThrottledError) as error:
                if isinstance(error, TransientError):
                    self._call.doubt(raw)
                if time.monotonic() > until:
                    raise self._given_up(error) from error
            await asyncio.sleep(random.uniform(0.2, 1.0) * pause)  # noqa: S311 - so that two who collide part
            pause = min(LONGEST_PAUSE, pause * 1.7)
            raw = await again()
        return self._stored(raw)

    async def _send(self, raw: JSON, op: JSON) -> Any:
        try:
            commit, notes = self._call.commit(raw, checked([op]), time.time())
            name = str(raw["metadata"]["name"])
            await self._caller.status_patch(RUNS, self._place.namespace, name, commit.operations)
        except RefusedBatchError as error:
            raise bad(f"metric {self._key[:128]!r} of {self._what}: {error}") from error
        except ForbiddenError as error:
            raise _no_right(self._place, self._what, error) from error
        except (UnauthorizedError, NotFoundError, ConflictError) as error:
            raise of_kube(error, f"metrics of {self._what} are not stored") from error
        for note in notes:
            log.info("metrics of %s: %s", self._what, note)
        written = next(item for item in commit.operations if item["path"] == "/status/metrics")
        return mapping(written["value"]).get(self._key)

    def _landed(self, raw: JSON) -> bool:
        try:
            return self._call.landed(raw)
        except LostSightError as error:
            raise Problem(503, f"metrics of {self._what}: {error}") from error

    def _stored(self, raw: JSON) -> Any:
        return mapping(mapping(raw.get("status")).get("metrics")).get(self._key)

    def _given_up(self, error: KubeError) -> Problem:
        fate = "may or may not be stored" if self._call.doubtful else "are not stored"
        return Problem(503, f"metrics of {self._what} {fate}: {error.message}", 2.0)


def _reader(raw: JSON, caller: ApiClient) -> Reader:
    return str(raw["metadata"]["uid"]), caller.identity.owner, caller.identity.address


def _checked(value: Any) -> Any:
    try:
        found = numbers(value if isinstance(value, list) else [value])
    except NotANumberError as error:
        raise bad(f"{INVALID}: {error}") from error
    return found if isinstance(value, list) else found[0]


def _no_right(place: Place, what: str, error: ForbiddenError) -> Problem:
    return Problem(
        403,
        f"metrics of {what} cannot be logged from outside its pods: {error.message}. The administrator of the cluster "
        f"can allow it: kubectl create rolebinding log-metrics -n {place.namespace} "
        "--clusterrole=run-operator-log-metrics --user=...",
    )
