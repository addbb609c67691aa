"""The HTTPS port for metrics of pods, with bounds on connections, time and bytes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import ssl
import time
from typing import Final

from aiohttp import web

from run_operator.api.results import MAX_BYTES as MAX_RESULTS
from run_operator.api.run import Key
from run_operator.http.server import (
    Answer,
    Bodies,
    BodyError,
    ByteBudget,
    DeniedError,
    OverBudgetError,
    Ports,
    send,
)
from run_operator.ingest.dhcore_api import ROOT, DhcoreApi
from run_operator.ingest.limits import IngestLimits
from run_operator.ingest.metrics_api import MetricsApi
from run_operator.ingest.result_api import ResultApi
from run_operator.ingest.telemetry import IngestTelemetry
from run_operator.metrics.protocol import MAX_BODY

PATH: Final = re.compile(r"/v1/namespaces/([^/]{1,253})/runs/([^/]{1,253})/(metrics|result)")
DRAIN: Final = 5.0
BUSY: Final = 503
PAUSE: Final = 0.1
"""Seconds until a body that there was no room for is tried again."""

log = logging.getLogger(__name__)


class IngestServer:
    """`context` None: plain HTTP, for tests of the protocol alone."""

    def __init__(
        self,
        service: MetricsApi,
        results: ResultApi,
        sdk: DhcoreApi,
        counters: IngestTelemetry,
        limits: IngestLimits,
        context: ssl.SSLContext | None,
    ) -> None:
        self._service = service
        self._results = results
        self._sdk = sdk
        self._counters = counters
        self._limits = limits
        self._context = context
        self._bodies = Bodies(limits)
        self._answers = ByteBudget(limits.answers, limits.answers_each)
        self._ports = Ports(self._handle, limits)

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port. Raises OSError when it is taken."""
        return await self._ports.listen(host, port, self._context)

    async def stop(self) -> None:
        """Take no more requests; those under way are answered, within bounds."""
        await self._ports.close(DRAIN)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        answer = await self._answered(request)
        self._counters.answered(answer.status)
        response = _response(answer)
        if answer.status >= 400 and not request.content.at_eof():  # noqa: PLR2004 - an error
            response.force_close()  # what is left of the body is not worth reading
        try:
            with self._answers.hold(response.content_length or 0, answer.tenant):
                del answer  # only its bytes are held while the pod reads them
                await send(request, response, self._limits.answer_time)
        except OverBudgetError as error:
            return _response(
                DeniedError(503, f"{error}, and their answers are still being read", retry_after=2).answer
            )
        return response

    async def _answered(self, request: web.BaseRequest) -> Answer:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        token = given.strip() if scheme.lower() == "bearer" else ""
        path = request.rel_url.raw_path
        try:
            if path.startswith(ROOT):
                most = self._limits.sdk_body
                source, query = request.remote or "", dict(request.query)
                method = "GET" if request.method == "HEAD" else request.method
                with contextlib.ExitStack() as held:  # a metric that is put waits for its commit
                    read = lambda tenant: self._held_body(request, most, tenant, held)  # noqa: E731
                    return await self._sdk.answer(method, path, token, source, read, query)
            return await self._metrics(request, token)
        except Exception:
            # The one place that catches everything: a mistake about one request must not stop the others.
            log.exception("a request could not be handled", extra={"path": path[:300]})
            return Answer(500, {"error": "the operator could not handle this request; its log says why"})

    async def _metrics(self, request: web.BaseRequest, token: str) -> Answer:
        match = PATH.fullmatch(request.path)
        if match is None:
            return Answer(404, {"error": "send metrics to /v1/namespaces/{namespace}/runs/{name}/metrics"})
        key = Key(match[1], match[2])
        if match[3] == "result":
            if request.method != "PUT":
                return Answer(405, {"error": "send results with PUT"}, {"Allow": "PUT"})
            return await self._results.put(
                key, token, request.remote or "", lambda tenant: self._body(request, 2 * MAX_RESULTS, tenant)
            )
        if request.method != "POST":
            return Answer(405, {"error": "send metrics with POST"}, {"Allow": "POST"})
        return await self._service.post(
            key, token, request.remote or "", lambda tenant: self._body(request, MAX_BODY, tenant)
        )

    async def _held_body(
        self, request: web.BaseRequest, most: int, tenant: str, held: contextlib.ExitStack
    ) -> bytes:
        """The body, once there is room for it, because the SDK sends nothing again. Raises DeniedError."""
        until = time.monotonic() + self._limits.sdk_timeout
        while True:
            try:
                return await self._body(request, most, tenant, held)
            except DeniedError as error:
                if error.status != BUSY or time.monotonic() > until:
                    raise
            await asyncio.sleep(PAUSE)

    async def _body(
        self, request: web.BaseRequest, most: int, tenant: str, held: contextlib.ExitStack | None = None
    ) -> bytes:
        """The body. Raises DeniedError, see `Bodies.read`."""
        try:
            return await self._bodies.read(request, most, tenant, held)
        except BodyError as error:
            raise DeniedError(error.status, str(error), retry_after=error.retry_after) from error


def _response(answer: Answer) -> web.Response:
    return web.Response(
        status=answer.status,
        body=json.dumps(answer.body).encode(),
        content_type="application/json",
        headers=answer.headers,
    )
