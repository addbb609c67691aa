"""The HTTPS port that pods send their metrics to. Bounded in every direction: connections, time, bytes."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import ssl
from typing import Final

from aiohttp import web

from run_operator.ingest.answers import Answer, DeniedError
from run_operator.ingest.bounded import Bounded
from run_operator.ingest.counters import Counters
from run_operator.ingest.limits import Limits
from run_operator.ingest.sdk import ROOT, Sdk
from run_operator.ingest.service import Service
from run_operator.metrics.batch import MAX_BODY
from run_operator.resources.run import Key

PATH: Final = re.compile(r"/v1/namespaces/([^/]{1,253})/runs/([^/]{1,253})/metrics")
LINGER: Final = 1.0
"""Seconds spent on reading what is still sent by somebody who was refused."""
DRAIN: Final = 5.0
BUSY_RETRY: Final = 2.0

log = logging.getLogger(__name__)
_SILENT: Final = logging.Logger("silent", logging.CRITICAL)  # noqa: LOG001 - nobody else's
"""Whoever sends garbage could fill the log with it; what goes wrong on our side is told by `log`."""


class IngestServer:
    """`context` None: plain HTTP, for tests of the protocol alone."""

    def __init__(
        self, service: Service, sdk: Sdk, counters: Counters, limits: Limits, context: ssl.SSLContext | None
    ) -> None:
        self._service = service
        self._sdk = sdk
        self._counters = counters
        self._limits = limits
        self._context = context
        self._reading = 0
        self._server: asyncio.Server | None = None
        self._http: web.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port. Raises OSError when it is taken."""
        self._http = Bounded(
            self._handle,
            most=self._limits.connections,
            access_log=None,
            logger=_SILENT,
            keepalive_timeout=self._limits.idle,
            lingering_time=LINGER,
            auto_decompress=False,
        )
        self._server = await asyncio.get_running_loop().create_server(
            self._http,
            host,
            port,
            ssl=self._context,
            backlog=512,
            ssl_handshake_timeout=self._limits.handshake if self._context else None,
        )
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Take no more requests; those under way are answered, within bounds."""
        if self._server is not None:
            self._server.close()
        if self._http is not None:
            await self._http.shutdown(DRAIN)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        answer = await self._answered(request)
        self._counters.answered(answer.status)
        response = web.Response(
            status=answer.status,
            body=json.dumps(answer.body).encode(),
            content_type="application/json",
            headers=answer.headers,
        )
        if answer.status >= 400 and not request.content.at_eof():  # noqa: PLR2004 - an error
            response.force_close()  # what is left of the body is not worth reading
        return response

    async def _answered(self, request: web.BaseRequest) -> Answer:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        token = given.strip() if scheme.lower() == "bearer" else ""
        path = request.rel_url.raw_path
        try:
            if path.startswith(ROOT):
                most = self._limits.sdk_body
                return await self._sdk.answer(request.method, path, token, lambda: self._body(request, most))
            return await self._metrics(request, token)
        except Exception:
            # The one place that catches everything: a mistake about one request must not stop the others.
            log.exception("a request could not be handled", extra={"path": path[:300]})
            return Answer(500, {"error": "the operator could not handle this request; its log says why"})

    async def _metrics(self, request: web.BaseRequest, token: str) -> Answer:
        match = PATH.fullmatch(request.path)
        if match is None:
            return Answer(
                404, {"error": "metrics are sent to /v1/namespaces/{namespace}/runs/{name}/metrics"}
            )
        if request.method != "POST":
            return Answer(405, {"error": "metrics are sent by POST"}, {"Allow": "POST"})
        key = Key(match[1], match[2])
        return await self._service.post(key, token, lambda: self._body(request, MAX_BODY))

    async def _body(self, request: web.BaseRequest, most: int) -> bytes:
        """Raises DeniedError: 413 too long, 408 too slow, 503 too many at once."""
        length = request.content_length
        if length is not None and length > most:
            raise DeniedError(413, f"a body may have {most} bytes; send less at a time")
        reserved = most if length is None else length
        if self._reading + reserved > self._limits.bodies:
            raise DeniedError(503, "too many requests at once", retry_after=BUSY_RETRY)
        self._reading += reserved
        try:
            async with asyncio.timeout(self._limits.body):
                return await _read(request, most)
        except (ConnectionError, web.RequestPayloadError) as error:
            raise DeniedError(400, "the request was cut off") from error
        except TimeoutError as error:
            raise DeniedError(408, f"the body did not arrive within {self._limits.body:g} s") from error
        finally:
            self._reading -= reserved


async def _read(request: web.BaseRequest, most: int) -> bytes:
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > most:
            raise DeniedError(413, f"a body may have {most} bytes; send less at a time")
    return bytes(body)
