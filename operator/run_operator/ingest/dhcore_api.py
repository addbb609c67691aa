"""The API of the DigitalHub SDK for pods of a Run: the part that a program needs for its own Run, and nothing of other Runs.

The token names the Run, and is good for that one only. A metric is answered when it is committed; the
SDK sends nothing again.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final
from urllib.parse import unquote

from run_operator.api.earlier_documents import of_today
from run_operator.api.exported import of_object
from run_operator.api.pod_contract import audience
from run_operator.api.raw import JSON, mapping, text
from run_operator.api.record_signer import RecordSigner
from run_operator.api.run import Run
from run_operator.children.cluster_view import ClusterView
from run_operator.http.places import Shares
from run_operator.http.rate_limit import Buckets, Clock
from run_operator.http.server import OK, Answer, DeniedError
from run_operator.ingest.auth import Caller, PodOwnership, TokenReviewer, run_uid
from run_operator.ingest.entity_api import PATH as ENTITY
from run_operator.ingest.entity_api import EntityApi
from run_operator.ingest.function_api import KINDS as ASKING
from run_operator.ingest.function_api import PATH as FUNCTION
from run_operator.ingest.function_api import FunctionApi
from run_operator.ingest.limits import IngestLimits
from run_operator.ingest.merged_run import merged
from run_operator.ingest.metrics_api import MetricsApi
from run_operator.ingest.open_attempt import check_sender
from run_operator.ingest.pod_places import place
from run_operator.ingest.result_api import ResultApi
from run_operator.ingest.secret_api import PATH as SECRETS
from run_operator.ingest.secret_api import secrets
from run_operator.ingest.sessions import OvertakenError, Session, Sessions
from run_operator.kube.client import Api
from run_operator.kube.errors import KubeError
from run_operator.kube.resource import RUNS
from run_operator.metrics import protocol as batches
from run_operator.metrics import status_fields
from run_operator.metrics.metric_set import MetricLimits
from run_operator.metrics.protocol import RefusedBatchError
from run_operator.metrics.sdk_put import Reading, Readings, meaning

FREE: Final = frozenset({"project", "name", "created", "updated", "created_by", "updated_by", "user"})
"""Metadata fields that the SDK sets itself."""
SAID: Final = ("labels", "description")


def project_entity(name: str) -> dict[str, Any]:
    """The document of a project, with its name only."""
    metadata = {"project": name, "name": name}
    return {
        "kind": "project", "id": name, "name": name, "key": f"store://{name}", "metadata": metadata, "spec": {},
        "status": {"state": "CREATED"}, "user": "", "project": name,
    }  # fmt: skip


def run_entity(raw: JSON, metrics: JSON | None = None) -> dict[str, Any]:
    """The document of a Run with its status in the cluster; `metrics`: newer ones than those of the status."""
    found = of_today(of_object(raw))
    created = text(mapping(raw.get("metadata")).get("creationTimestamp"))
    filled = {"project": found["project"], "name": found["name"], "created": created, "updated": created}
    found["metadata"] = {**filled, **found["metadata"]}
    found["status"] |= {"metrics": dict(metrics)} if metrics else {}
    return found


def changes(sent: JSON, stored: JSON) -> str:
    """The field of the stored document that a PUT would change; empty: none. Status and fields that the SDK adds do not count."""
    for part in ("spec", "metadata"):
        there, wanted = mapping(stored.get(part)), mapping(sent.get(part))
        for key, value in there.items():
            if key in wanted and wanted[key] != value and not (part == "metadata" and key in FREE):
                return f"{part}.{key}"
    for key in SAID:
        if mapping(sent.get("metadata")).get(key) and key not in mapping(stored.get("metadata")):
            return f"metadata.{key}"
    return ""


ROOT: Final = "/api/"
PROJECT: Final = re.compile(r"/api/v1/projects/([^/]+)")
RUN: Final = re.compile(r"/api/v1/-/([^/]+)/runs/([^/]+)(?:/(metrics)(?:/(.+))?)?")
"""A metric's name may hold slashes: the SDK writes it into the path as it is."""
AUTH: Final = "/api/auth"
NOTHING: Final[Mapping[str, str]] = {}
TRIES: Final = 5
"""Tries for one value, while another replica writes the same Run."""
ONLY: Final = (
    "a program in a pod can read its own Run and the objects that it names, log metrics, and create artifacts, data items and models; "
    "for anything else it needs another token"
)

Read = Callable[[str], Awaitable[bytes]]
"""Reads the body; it counts against the share of this namespace."""


class DhcoreApi:
    """`hurry` is called for sessions with a waiting client. `clock` is monotonic seconds."""

    def __init__(
        self,
        api: Api,
        directory: ClusterView,
        tokens: TokenReviewer,
        members: PodOwnership,
        ledgers: Sessions,
        service: MetricsApi,
        results: ResultApi,
        limits: IngestLimits,
        clock: Clock,
        hurry: Callable[[Session], None],
        ready: Callable[[], bool],
        signer: Callable[[], RecordSigner | None],
    ) -> None:
        self._api = api
        self._signer = signer
        self._directory = directory
        self._tokens = tokens
        self._members = members
        self._ledgers = ledgers
        self._service = service
        self._results = results
        self._limits = limits
        self._clock = clock
        self._hurry = hurry
        self._ready = ready
        self._readings = Readings()
        self._entities = EntityApi(api, limits.versions)
        self._places = Shares(limits.sdk_requests, limits.sdk_requests_each, limits.sdk_requests_waiting)
        self._functions = FunctionApi(api)
        self._pods = Buckets(limits.sdk_rate, limits.pod_burst, clock, limits.remembered)

    async def answer(
        self, method: str, path: str, token: str, source: str, read: Read, query: Mapping[str, str] = NOTHING
    ) -> Answer:
        """One request of the SDK from the address `source`. The body is read only when it is known who sends it."""
        try:
            return await self._answer(method, path, token, source, read, query)
        except DeniedError as error:
            return error.answer
        except RefusedBatchError as error:
            return Answer(error.status, {"error": str(error)})
        except KubeError as error:
            return DeniedError(503, f"the API server does not answer: {error.message}", retry_after=2).answer

    async def _answer(
        self, method: str, path: str, token: str, source: str, read: Read, query: Mapping[str, str]
    ) -> Answer:
        arrived = self._clock()
        run, caller, attempt = await self._caller(token, source)
        async with self._place(run, method, path):
            answer = await self._of_pod(run, caller, attempt, method, path, read, query, arrived)
        return replace(answer, tenant=run.namespace)

    @asynccontextmanager
    async def _place(self, run: Run, method: str, path: str) -> AsyncIterator[None]:
        """A place for this request: pods of a namespace share them. Metrics that are put wait for a commit, in no place."""
        match = RUN.fullmatch(path)
        if method == "PUT" and match is not None and match[3]:
            yield
            return
        async with place(self._places, run.namespace):
            yield

    async def _of_pod(
        self,
        run: Run,
        caller: Caller,
        attempt: int,
        method: str,
        path: str,
        read: Read,
        query: Mapping[str, str],
        arrived: float,
    ) -> Answer:
        if method == "GET" and path == AUTH:
            return Answer(OK, {})
        project = PROJECT.fullmatch(path)
        if project is not None and method == "GET":
            self._check(run, unquote(project[1]))
            return Answer(OK, project_entity(run.project))
        secret = SECRETS.fullmatch(path)
        if secret is not None and method == "GET":
            self._check(run, unquote(secret[1]))
            return secrets(await self._whole(run), secret[2], query)
        functions = FUNCTION.fullmatch(path)
        if functions is not None and method == "GET" and run.kind in ASKING:
            self._check(run, unquote(functions[1]))
            return Answer(OK, await self._functions.read(run, functions[2], query))
        if ENTITY.fullmatch(path):
            body = _json(await read(run.namespace)) if method in ("POST", "PUT") else None
            return await self._entities.answer(await self._whole(run), attempt, method, path, query, body)
        return await self._of_run(method, path, run, caller, attempt, read, arrived)

    async def _of_run(
        self, method: str, path: str, run: Run, caller: Caller, attempt: int, read: Read, arrived: float
    ) -> Answer:
        """The Run itself, and its metrics."""
        match = RUN.fullmatch(path)
        if match is None or method not in ("GET", "PUT"):
            raise DeniedError(403, f"{method} {path[:200]}: {ONLY}")
        self._check(run, unquote(match[1]), unquote(match[2]))
        name = unquote(match[4]) if match[4] else None
        if method == "GET":
            found = await (self._metrics(run, caller, name) if match[3] else self._run(run))
            return Answer(OK, found)
        if match[3] is None:
            return await self._saved(run, caller, attempt, await read(run.namespace))
        if name is None:
            raise DeniedError(405, "send one metric in each PUT request")
        return await self._put(run, caller, attempt, name, await read(run.namespace), arrived)

    async def _caller(self, token: str, source: str) -> tuple[Run, Caller, int]:
        check_sender(self._ready(), token)
        uid = run_uid(token)
        caller = await self._tokens.caller(token, audience(uid), source)
        run = self._directory.run_of(uid)
        if run is None:
            raise DeniedError(404, "No such EntityName: the Run of this token is gone")
        attempt = await self._members.attempt(run, caller)
        await self._paced(caller.uid)
        return run, caller, attempt

    async def _paced(self, uid: str) -> None:
        """Wait for the rate limit instead of answering 429, because the SDK does not retry."""
        left = self._limits.sdk_timeout
        while (wait := self._pods.take(uid)) > 0:
            left -= wait
            if left < 0:
                raise DeniedError(429, "this pod sends too many requests", retry_after=wait)
            await asyncio.sleep(wait)

    def _check(self, run: Run, project: str, run_id: str | None = None) -> None:
        if project != run.project or run_id not in (None, run.id):
            mine = f"the token belongs to run {run.id} of project {run.project}"
            raise DeniedError(403, f"{mine}, not of {run_id or 'project'} of {project}: {ONLY}")

    async def _run(self, run: Run) -> JSON:
        entry = self._ledgers.get(run.uid)
        newer = status_fields.values(entry.ledger.metric_set) if entry is not None else None
        return self._entity(await self._raw(run), newer)

    def _entity(self, raw: JSON, metrics: JSON | None = None) -> dict[str, Any]:
        return run_entity(merged(raw, self._signer()), metrics)

    async def _whole(self, run: Run) -> Run:
        """The Run with its document, which the store may not hold."""
        return run if run.is_whole else Run.from_object(await self._raw(run))

    async def _raw(self, run: Run) -> JSON:
        raw = await self._api.get(RUNS, run.namespace, run.name)
        if (raw.get("metadata") or {}).get("uid") != run.uid:
            raise DeniedError(
                404, f"No such EntityName: Run {run.name} was deleted, and another Run has its name"
            )
        return raw

    async def _saved(self, run: Run, caller: Caller, attempt: int, body: bytes) -> Answer:
        """Answer a PUT of the Run, which the SDK sends before its first metric, and the platform's own programs with their results.

        Raises DeniedError if it would change anything else.
        """
        sent, raw = _json(body), await self._raw(run)
        sent, stored = sent if isinstance(sent, dict) else {}, self._entity(raw)
        if changed := changes(sent, stored):
            raise DeniedError(403, f"{changed} of run {run.id} is not changed: {ONLY}")
        status = mapping(sent.get("status"))
        if status.get("metrics") == {}:
            self._readings.announced(caller.uid, self._clock())
        if await self._results.saved(run, attempt, status, stored["status"]):
            stored = self._entity(await self._raw(run))
        return Answer(OK, stored)

    async def _metrics(self, run: Run, caller: Caller, name: str | None) -> Any:
        entry = await self._ledgers.open(run)
        found = status_fields.values(entry.ledger.metric_set)
        self._readings.given(caller.uid, found, self._clock())
        if name is None:
            return found
        if name not in found:
            raise DeniedError(404, f"No such EntityName: run {run.id} has no metric {name[:128]!r}")
        return found[name]

    async def _put(
        self, run: Run, caller: Caller, attempt: int, name: str, body: bytes, arrived: float
    ) -> Answer:
        readings: list[Reading] = []
        for tried in range(TRIES):
            entry = await self._ledgers.open(run)
            run = self._service.check_open(run.key, run, attempt)
            readings = readings if tried else self._readings.of(caller.uid, arrived)
            self._taken(entry, run, caller, attempt, name, body, readings, arrived, is_first=not tried)
            try:
                await self._committed(entry)
            except OvertakenError:
                continue  # another replica wrote what we had not seen: what the value means is looked at again
            return Answer(OK, status_fields.values(entry.ledger.metric_set).get(name))
        raise DeniedError(
            503, f"metric {name[:128]!r} is not stored: other clients keep changing this Run", retry_after=2
        )

    def _taken(
        self,
        entry: Session,
        run: Run,
        caller: Caller,
        attempt: int,
        name: str,
        body: bytes,
        readings: list[Reading],
        arrived: float,
        *,
        is_first: bool,
    ) -> None:
        """Take the value. It is read from the body here, and nothing but the body is held while the request waits for the commit."""
        meant = meaning(
            name,
            _json(body),
            status_fields.values(entry.ledger.metric_set).get(name),
            readings,
            arrived,
        )
        if is_first:
            self._readings.answered(caller.uid, meant.answers, name, meant.base)
        if meant.op is not None:
            batch = batches.read(json.dumps({"ops": [meant.op]}).encode())
            limits = MetricLimits(run.policy.metrics.budget, run.policy.metrics.fail)
            self._service.take(entry, batch, caller, attempt, limits)

    async def _committed(self, entry: Session) -> None:
        try:
            await entry.brought_in(self._hurry, self._limits.sdk_timeout)
        except TimeoutError as error:
            said = "the metric is accepted but not stored yet, because the cluster is busy; the operator tries again"
            raise DeniedError(503, said, retry_after=5) from error


def _json(body: bytes) -> Any:
    try:
        return json.loads(body, parse_constant=lambda _: None)  # NaN and infinities, as everywhere
    except (ValueError, RecursionError) as error:
        raise DeniedError(400, "the body is not JSON") from error
