"""Results of a function, from its pod into the status of its Run: once, bounded, and of the attempt under way.

One patch tests the version of the Run that was checked: so results of an attempt that has ended meanwhile, or
of a Run that is over, never get in.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from run_operator.api.raw import JSON, mapping, stamp
from run_operator.api.results import InvalidResultsError, Results
from run_operator.api.run import Key, Run
from run_operator.children.cluster_view import ClusterView
from run_operator.http.rate_limit import Buckets, Clock
from run_operator.http.server import OK, Answer, DeniedError
from run_operator.ingest.auth import PodOwnership, TokenReviewer
from run_operator.ingest.built_image import put_into_function
from run_operator.ingest.limits import IngestLimits
from run_operator.ingest.open_attempt import check_open, check_sender, sender
from run_operator.kube.client import Api
from run_operator.kube.errors import InvalidError, KubeError, NotFoundError, TooLargeError
from run_operator.kube.media_types import METADATA
from run_operator.kube.resource import RUNS

TRIES: Final = 5
"""Tries of one patch, while the same Run is changed."""
RETRY: Final = 2.0
SAVED: Final = ("results", "outputs")


class ResultApi:
    """`clock` is monotonic seconds, `wall` seconds since the epoch."""

    def __init__(
        self,
        api: Api,
        directory: ClusterView,
        tokens: TokenReviewer,
        members: PodOwnership,
        limits: IngestLimits,
        clock: Clock,
        wall: Clock,
        ready: Callable[[], bool],
    ) -> None:
        self._api = api
        self._directory = directory
        self._tokens = tokens
        self._members = members
        self._wall = wall
        self._ready = ready
        self._pods = Buckets(limits.pod_rate, limits.pod_burst, clock, limits.remembered)

    async def put(self, key: Key, token: str, source: str, read: Callable[[str], Awaitable[bytes]]) -> Answer:
        """Store the results of one attempt. The body is read only when it is known who sends it."""
        try:
            return await self._put(key, token, source, read)
        except DeniedError as error:
            return error.answer
        except KubeError as error:
            return DeniedError(
                503, f"the API server does not answer: {error.message}", retry_after=RETRY
            ).answer

    async def _put(
        self, key: Key, token: str, source: str, read: Callable[[str], Awaitable[bytes]]
    ) -> Answer:
        check_sender(self._ready(), token)
        run, caller = await sender(self._directory, self._tokens, key, token, source)
        if wait := self._pods.take(caller.uid):
            raise DeniedError(429, "this pod sends too many requests", retry_after=wait)
        attempt = await self._members.attempt(run, caller)
        await self._store(run, attempt, _results(await read(run.namespace)))
        return Answer(OK, {})

    async def saved(self, run: Run, attempt: int, sent: JSON, stored: JSON) -> bool:
        """Store what the program saved with the status of its Run; whether there was anything new.

        So do the platform's own programs (dbt and others). Raises DeniedError or the errors of `kube.errors`.
        """
        found = {name: mapping(sent.get(name)) or mapping(stored.get(name)) for name in SAVED}
        if all(found[name] == mapping(stored.get(name)) for name in SAVED):
            return False
        await self._store(run, attempt, _checked(found))
        return True

    async def _store(self, run: Run, attempt: int, results: Results) -> None:
        for _ in range(TRIES):
            if (now := await self._stored(run, attempt, results)) is not None:
                await put_into_function(self._api, now, results)
                return
        raise DeniedError(503, "other clients keep changing this Run", retry_after=RETRY)

    async def _stored(self, run: Run, attempt: int, results: Results) -> Run | None:
        """Send one patch; the Run as it was found. None: it has changed meanwhile.

        Raises DeniedError or the errors of `kube.errors`.
        """
        try:
            raw = await self._api.get(RUNS, run.namespace, run.name)
        except NotFoundError as error:
            raise DeniedError(404, f"the Run {run.name} no longer exists") from error
        now = Run.from_object(raw)
        check_open(run, now, attempt, "results")
        fields = results.status_fields(attempt, stamp(self._wall()))
        if all(mapping(raw.get("status")).get(name) == fields[name] for name in SAVED):
            return now  # sent again because its answer was lost
        try:
            answer = await self._api.json_patch(
                RUNS, run.namespace, run.name, _operations(now, fields), subresource="status", accept=METADATA
            )
        except TooLargeError as error:
            raise DeniedError(422, f"the Run is too large to store them: {error}") from error
        except InvalidError:
            return None
        version = str(mapping(answer.get("metadata")).get("resourceVersion", ""))
        self._directory.advance(now, replace(now, resource_version=version))
        return now


def _results(body: bytes) -> Results:
    try:
        return _checked(json.loads(body, parse_constant=_refuse))
    except (ValueError, RecursionError) as error:
        raise DeniedError(400, "the body is not JSON") from error


def _checked(value: Any) -> Results:
    try:
        return Results.read(value)
    except InvalidResultsError as error:
        raise DeniedError(422, str(error)) from error


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _operations(now: Run, fields: Mapping[str, Any]) -> list[JSON]:
    version = {"op": "test", "path": "/metadata/resourceVersion", "value": now.resource_version}
    return [version, *({"op": "add", "path": f"/status/{name}", "value": fields[name]} for name in fields)]
