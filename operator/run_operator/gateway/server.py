"""The ports: HTTPS for everybody, HTTP on the loopback for `kubectl port-forward`. Bounded in every direction."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import ssl
import time
from typing import Any, Final

from aiohttp import web

from run_operator.gateway.caller import Caller
from run_operator.gateway.counters import Counters
from run_operator.gateway.identity import Identity, identity
from run_operator.gateway.limits import Limits
from run_operator.gateway.problems import Problem, bad
from run_operator.gateway.routes import API_LEVEL, OPEN, Request, Routes, configuration, parts_of
from run_operator.ingest.bounded import Bounded
from run_operator.ingest.throttle import Buckets
from run_operator.kube.client import Api

LINGER: Final = 1.0
DRAIN: Final = 10.0
ERROR: Final = 400

log = logging.getLogger(__name__)
_SILENT: Final = logging.Logger("silent", logging.CRITICAL)  # noqa: LOG001 - nobody else's
"""Whoever sends garbage could fill the log with it; what goes wrong on our side is told by `log`."""


class GatewayServer:
    """Any number of ports, one set of bounds."""

    def __init__(self, api: Api, routes: Routes, limits: Limits, counters: Counters) -> None:
        self._api = api
        self._routes = routes
        self._limits = limits
        self._counters = counters
        self._reading = 0
        self._buckets = Buckets(limits.rate, limits.burst, time.monotonic, 2 * limits.remembered)
        self._ports: list[tuple[asyncio.Server, web.Server]] = []

    async def listen(self, host: str, port: int, context: ssl.SSLContext | None) -> int:
        """Returns the port. Raises OSError when it is taken."""
        http = Bounded(
            self._handle,
            most=self._limits.connections,
            refused=lambda: self._counters.refused("connections"),
            access_log=None,
            logger=_SILENT,
            keepalive_timeout=self._limits.idle,
            lingering_time=LINGER,
            auto_decompress=False,
            max_field_size=self._limits.header,
        )
        handshake = self._limits.handshake if context else None
        server = await asyncio.get_running_loop().create_server(
            http, host, port, ssl=context, backlog=256, ssl_handshake_timeout=handshake
        )
        self._ports.append((server, http))
        return int(server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Take no more requests; those under way are answered, within bounds."""
        for server, _ in self._ports:
            server.close()
        await asyncio.gather(*(http.shutdown(DRAIN) for _, http in self._ports))

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        with self._counters.request(request.method, parts_of(request.raw_path)) as asked:
            status, body, headers = await self._answered(request)
            asked.code = status
        response = web.Response(
            status=status,
            body=json.dumps(body).encode(),
            content_type="application/json",
            headers={"X-Api-Level": str(API_LEVEL), **headers},
        )
        if status >= ERROR and not request.content.at_eof():
            response.force_close()  # what is left of the body is not worth reading
        return response

    async def _answered(self, request: web.BaseRequest) -> tuple[int, Any, dict[str, str]]:
        try:
            async with asyncio.timeout(self._limits.request):
                return 200, await self._asked(request), {}
        except Problem as problem:
            if problem.limit:
                self._counters.refused(problem.limit)
            wait = problem.retry_after
            headers = {} if wait is None else {"Retry-After": str(max(1, math.ceil(wait)))}
            return problem.status, _told(problem.status, str(problem)), headers
        except TimeoutError:
            self._counters.refused("request")
            return 504, _told(504, f"not done within {self._limits.request:g} s; try again"), {}
        except Exception:
            # The one place that catches everything: a mistake about one request must not stop the others.
            log.exception("a request could not be answered: %s", request.method)
            return 500, _told(500, "the gateway could not answer this request; its log says why"), {}

    async def _asked(self, request: web.BaseRequest) -> Any:
        if request.path in OPEN:
            return configuration()
        arrived = time.monotonic()
        who = identity(request.headers, request.remote or "")
        await self._pace(who)
        body = await self._body(request)
        caller = Caller(self._api, who, self._limits.patience)
        asked = Request(
            request.method, parts_of(request.raw_path), dict(request.query), body, caller, arrived
        )
        return await self._routes.answer(asked)

    async def _pace(self, who: Identity) -> None:
        """Slow down whoever is too fast: the SDK would not try again."""
        until = time.monotonic() + self._limits.slowest
        for name in (who.digest, who.address):
            while wait := self._buckets.take(name):
                if time.monotonic() + wait > until:
                    raise Problem(
                        429, "too many requests of one token or address at once", wait, limit="rate"
                    )
                await asyncio.sleep(wait)

    async def _body(self, request: web.BaseRequest) -> Any:
        """The JSON that was sent, or None. Raises Problem."""
        length = request.content_length
        if length == 0 or (length is None and not request.can_read_body):
            return None
        if length is not None and length > self._limits.body:
            raise self._too_long()
        reserved = self._limits.body if length is None else length
        if self._reading + reserved > self._limits.bodies:
            raise Problem(503, "too many requests at once", 2.0, limit="bodies")
        self._reading += reserved
        try:
            async with asyncio.timeout(self._limits.body_time):
                return _decoded(await self._read(request))
        except (ConnectionError, web.RequestPayloadError) as error:
            raise bad("the request was cut off") from error
        except TimeoutError as error:
            told = f"the body did not arrive within {self._limits.body_time:g} s"
            raise Problem(408, told, limit="body_time") from error
        finally:
            self._reading -= reserved

    async def _read(self, request: web.BaseRequest) -> bytes:
        body = bytearray()
        async for chunk in request.content.iter_any():
            body += chunk
            if len(body) > self._limits.body:
                raise self._too_long()
        return bytes(body)

    def _too_long(self) -> Problem:
        return Problem(413, f"a body may have {self._limits.body} bytes", limit="body")


def _decoded(body: bytes) -> Any:
    """JSON, with null for the NaN and Infinity that Python writes. Raises Problem."""
    if not body:
        return None
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_not_finite, parse_int=_integer)
    except RecursionError as error:
        raise bad("the body is nested too deeply") from error
    except ValueError as error:
        raise bad(f"the body is not JSON: {str(error)[:200]}") from error


def _not_finite(_: str) -> None:
    return None


def _integer(digits: str) -> int | float:
    """A number with thousands of digits costs seconds to read."""
    return int(digits) if len(digits) <= 20 else float(digits)  # noqa: PLR2004 - an int64 has at most 20


def _told(status: int, message: str) -> dict[str, Any]:
    return {"status": status, "message": message}
