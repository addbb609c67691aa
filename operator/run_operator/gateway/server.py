"""The ports: HTTPS for everybody, HTTP on the loopback for `kubectl port-forward`. Bounded in every direction."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol
from urllib.parse import unquote

from aiohttp import web

from run_operator.gateway import access_log
from run_operator.gateway.api_client import ApiClient, Identity, identity
from run_operator.gateway.api_level import HEADER, LEVEL, level_for
from run_operator.gateway.authentication import Authentication
from run_operator.gateway.encoding import encoded
from run_operator.gateway.errors import Problem, bad
from run_operator.gateway.file_store import OPENID, TOKEN_PATH, openid_configuration, subject
from run_operator.gateway.limits import GatewayLimits
from run_operator.gateway.request_places import RequestPlaces
from run_operator.gateway.routes import OPEN, Request, Routes, configuration, parts_of
from run_operator.gateway.telemetry import Asked, GatewayTelemetry
from run_operator.gateway.warnings import not_used_of, warning_header
from run_operator.http.rate_limit import Buckets
from run_operator.http.server import Bodies, BodyError, ByteBudget, OverBudgetError, Ports, send
from run_operator.kube.client import Api

DRAIN: Final = 10.0
STRANGERS: Final = "strangers"
"""The tenant that pays for bodies that are read before the caller is known."""
ERROR: Final = 400
PAGE: Final = "ui"
"""The first part of the paths of the page."""

log = logging.getLogger(__name__)


class Page(Protocol):
    """The handler of paths below `/ui`: see `run_operator.web.site`."""

    async def handle(
        self, request: web.BaseRequest, enter: Callable[[web.BaseRequest], Awaitable[ApiClient]]
    ) -> web.StreamResponse:
        """Answer a request. `enter` returns the caller; it raises Problem 401."""

    async def close(self) -> None:
        """End its streams."""


class GatewayServer:
    """Any number of ports with common bounds. `page`: the page of Runs; None: there is none."""

    def __init__(
        self,
        api: Api,
        routes: Routes,
        limits: GatewayLimits,
        counters: GatewayTelemetry,
        page: Page | None = None,
    ) -> None:
        self._page = page
        self._api = api
        self._routes = routes
        self._limits = limits
        self._counters = counters
        self._authentication = Authentication(limits.remembered)
        self._callers = Buckets(limits.rate, limits.burst, time.monotonic, limits.remembered)
        self._strangers = Buckets(limits.rate, limits.burst, time.monotonic, limits.remembered)
        self._places = RequestPlaces(limits)
        self._bodies = Bodies(limits)
        self._answers = ByteBudget(limits.answers, limits.answers_each)
        self._ports = Ports(self._handle, limits, lambda: counters.refused("connections"))

    async def listen(self, host: str, port: int, context: ssl.SSLContext | None) -> int:
        """Returns the port. Raises OSError when it is taken."""
        return await self._ports.listen(host, port, context)

    async def stop(self) -> None:
        """Take no more requests; those under way are answered, within bounds."""
        if self._page is not None:
            await self._page.close()
        await self._ports.close(DRAIN)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        parts = parts_of(request.raw_path)
        if self._page is not None and parts[0] == PAGE:
            return await self._of_page(request, parts, self._page)
        with self._counters.request(_method(request), parts) as asked:
            asked.code, content, headers = await self._answered(request, asked)
        access_log.note(request, parts, asked)
        response = _response(request, asked.code, content, headers)
        try:
            with self._answers.hold(len(content), asked.tenant):
                await send(request, response, self._limits.answer_time)
        except OverBudgetError as error:
            self._counters.refused("answers")
            refusal = encoded(_error_body(503, f"{error}, and their answers are still being read"))
            return _response(request, 503, refusal, {"Retry-After": "2"})
        return response

    async def _of_page(
        self, request: web.BaseRequest, parts: tuple[str, ...], page: Page
    ) -> web.StreamResponse:
        """Answer a request of the page, which sends streams and files itself. Authentication and rates are the same."""
        with self._counters.request(_method(request), parts) as asked:
            if "Authorization" not in request.headers:
                await self._pace(Identity("", "", "", request.remote or ""))
            response = await page.handle(request, lambda one: self._enter(one, asked))
            asked.code = response.status
        access_log.note(request, parts, asked)
        return response

    async def _enter(self, request: web.BaseRequest, asked: Asked) -> ApiClient:
        """The authenticated caller. Raises Problem."""
        who = identity(request.headers, request.remote or "")
        await self._pace(who)
        caller = ApiClient(self._api, who, self._limits.retry_timeout)
        asked.user = await self._authentication.user(caller)
        asked.tenant = who.tenant
        return caller

    async def _answered(self, request: web.BaseRequest, asked: Asked) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers: the body as it is sent, so that nothing else is held while the caller reads it."""
        try:
            async with asyncio.timeout(self._limits.request):
                content = encoded(await self._asked(request, asked))
                return 200, content, warning_header(asked.warnings)
        except Problem as problem:
            if problem.limit:
                self._counters.refused(problem.limit)
            wait = problem.retry_after
            headers = {} if wait is None else {"Retry-After": str(max(1, math.ceil(wait)))}
            return problem.status, encoded(_error_body(problem.status, str(problem))), headers
        except TimeoutError:
            self._counters.refused("request")
            late = f"not done within {self._limits.request:g} s; try again"
            return 504, encoded(_error_body(504, late)), {}
        except Exception:
            # The one place that catches everything: a mistake about one request must not stop the others.
            log.exception("a request could not be answered: %s", request.method)
            ours = "the gateway could not answer this request; its log says why"
            return 500, encoded(_error_body(500, ours)), {}

    async def _asked(self, request: web.BaseRequest, asked: Asked) -> Any:
        level_for(request.headers)
        if request.path in OPEN:
            return configuration()
        if openid := OPENID.fullmatch(request.path):
            return await self._openid(request, asked, *openid.groups())
        arrived = time.monotonic()
        caller = await self._enter(request, asked)
        method, parts, parameters = _method(request), parts_of(request.raw_path), dict(request.query)
        async with self._places.hold(method, parts, caller):
            body = await self._body(request, caller.identity)
            asked.warnings = not_used_of(method, parts, body)
            return await self._routes.answer(Request(method, parts, parameters, body, caller, arrived))

    async def _openid(
        self, request: web.BaseRequest, asked: Asked, issuer: str, project: str | None, what: str
    ) -> Any:
        """The OpenID configuration, and the token exchange, whose token is in a form."""
        if what != TOKEN_PATH:
            return openid_configuration(f"{request.scheme}://{request.host}{issuer}")
        if request.method != "POST":
            raise Problem(405, "exchange a token with POST")
        address = request.remote or ""
        await self._pace(Identity("", "", "", address))  # as anybody's: the token comes with the body
        form = await self._bytes(request, self._limits.form, STRANGERS)
        who = identity({"Authorization": f"Bearer {subject(form)}"}, address)
        caller = ApiClient(self._api, who, self._limits.retry_timeout)
        asked.user = await self._authentication.user(caller)
        return await self._routes.exchange(caller, unquote(project or ""))

    async def _pace(self, who: Identity) -> None:
        """Slow down a caller that is too fast, because the SDK would not try again.

        An authenticated caller has a rate of its own; unknown callers at one address share one, so that behind a
        proxy nobody is slowed down by strangers.
        """
        until = time.monotonic() + self._limits.slowest
        known = self._authentication.is_known(who.digest)
        buckets, name = (self._callers, who.digest) if known else (self._strangers, who.address)
        while wait := buckets.take(name):
            if time.monotonic() + wait > until:
                raise Problem(
                    429, "too many requests of one token or address at the same time", wait, limit="rate"
                )
            await asyncio.sleep(wait)

    async def _body(self, request: web.BaseRequest, who: Identity) -> Any:
        """The JSON that was sent, or None. Raises Problem."""
        if request.content_length == 0 or (request.content_length is None and not request.can_read_body):
            return None
        return _decoded(await self._bytes(request, self._limits.body, who.tenant))

    async def _bytes(self, request: web.BaseRequest, most: int, sender: str) -> bytes:
        try:
            return await self._bodies.read(request, most, sender)
        except BodyError as error:
            raise Problem(error.status, str(error), error.retry_after, limit=error.limit) from error


def _response(request: web.BaseRequest, status: int, body: bytes, headers: Mapping[str, str]) -> web.Response:
    response = web.Response(
        status=status, body=body, content_type="application/json", headers=_level(request) | dict(headers)
    )
    if status >= ERROR and not request.content.at_eof():
        response.force_close()  # what is left of the body is not worth reading
    return response


def _method(request: web.BaseRequest) -> str:
    """HEAD is a GET whose answer has no body; aiohttp leaves it out."""
    return "GET" if request.method == "HEAD" else request.method


def _level(request: web.BaseRequest) -> dict[str, str]:
    """The header with the API level; after a request for an unknown level, with the gateway's own."""
    try:
        level = level_for(request.headers)
    except Problem:
        level = LEVEL
    return {} if level is None else {HEADER: str(level)}


def _decoded(body: bytes) -> Any:
    """Decoded JSON, with None for the NaN and Infinity that Python writes. Raises Problem."""
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
    """A whole number of bounded length, because thousands of digits take seconds to read."""
    return int(digits) if len(digits) <= 20 else float(digits)  # noqa: PLR2004 - an int64 has at most 20


def _error_body(status: int, message: str) -> dict[str, Any]:
    return {"status": status, "message": message}
