"""The page and its API under one prefix: `/ui/`. The gateway and `runctl ui` serve the same object."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from run_operator.gateway.api_client import ApiClient
from run_operator.gateway.encoding import encoded
from run_operator.gateway.errors import Problem
from run_operator.http.server import ByteBudget, OverBudgetError, send
from run_operator.web.errors import RefusedError, not_found, of_problem
from run_operator.web.headers import NO_STORE, content_policy, headers
from run_operator.web.limits import WebLimits
from run_operator.web.static_files import INDEX, StaticFile, load
from run_operator.web.ui_routes import Session, UiRequest, UiRoutes

PREFIX: Final = "ui"
NAVIGATIONS: Final = ("same-origin", "none")
"""Values of Sec-Fetch-Site that a request to the API may have."""
READING: Final = ("GET", "HEAD")

Enter = Callable[[web.BaseRequest], Awaitable[ApiClient]]
"""The caller of a request, with its own rights. Raises Problem 401."""

log = logging.getLogger(__name__)


class Site:
    """The page and its API; `close` ends its streams."""

    def __init__(
        self, session: Session, limits: WebLimits, files: dict[str, StaticFile] | None = None
    ) -> None:
        self._limits = limits
        self._session = session
        self._routes = UiRoutes(session, limits)
        self._files = load() if files is None else files
        self._answers = ByteBudget(limits.answers, limits.answers_each)

    async def close(self) -> None:
        """End all streams because the server stops; the pages open them again at another replica."""
        await self._routes.close()

    async def handle(self, request: web.BaseRequest, enter: Enter) -> web.StreamResponse:
        """Answer a request below the prefix; the answer is sent when this returns."""
        oidc = self._session.oidc
        common = headers(content_policy(() if oidc is None else oidc.origins))
        try:
            return await self._answered(request, enter, common)
        except RefusedError as error:
            return await self._refused(request, error, common)
        except Problem as problem:
            return await self._refused(request, of_problem(problem), common)
        except TimeoutError:
            late = f"not done within {self._limits.request:g} s; try again"
            return await self._refused(request, RefusedError(504, "Timeout", late), common)
        except ConnectionError:
            raise
        except Exception:
            # The one place that catches everything: a mistake about one request must not stop the others.
            log.exception("a request of the page could not be answered: %s", request.method)
            wrong = "the server could not answer this request; its log says why"
            return await self._refused(request, RefusedError(500, "InternalError", wrong), common)

    async def _answered(
        self, request: web.BaseRequest, enter: Enter, common: dict[str, str]
    ) -> web.StreamResponse:
        if len(request.raw_path) > self._limits.query:
            raise RefusedError(414, "TooLong", f"an address has at most {self._limits.query} bytes")
        path = request.raw_path.partition("?")[0]
        if path == f"/{PREFIX}":
            return await self._send(
                request, web.Response(status=308, headers=common | {"Location": f"{PREFIX}/"})
            )
        rest = path.removeprefix(f"/{PREFIX}/")
        if not rest.startswith("api/"):
            return await self._static(request, rest, common)
        _check_origin(request)
        asked = UiRequest.of(request, rest.removeprefix("api/"), common | NO_STORE)
        if stream := self._routes.stream(asked):
            return await stream(await enter(request))
        async with asyncio.timeout(self._limits.request):
            status, content = await self._routes.answer(asked, enter)
        return await self._json(request, status, content, asked.headers, asked.viewer)

    async def _static(
        self, request: web.BaseRequest, name: str, common: dict[str, str]
    ) -> web.StreamResponse:
        file = self._files.get(name or INDEX)
        if file is None:
            raise not_found(f"there is nothing at /{PREFIX}/{name[:100]}")
        if not name and self._session.oidc is not None:
            await self._session.oidc.session()  # so that the policy of the page names the token endpoint
            common = headers(content_policy(self._session.oidc.origins))
        if request.method not in READING:
            raise RefusedError(405, "MethodNotAllowed", "read files with GET")
        found = common | {"ETag": file.tag, "Cache-Control": file.cache, "Vary": "Accept-Encoding"}
        if request.headers.get("If-None-Match") == file.tag:
            return await self._send(request, web.Response(status=304, headers=found))
        packed = bool(file.packed) and "gzip" in request.headers.get("Accept-Encoding", "")
        found |= {"Content-Encoding": "gzip"} if packed else {}
        body = file.packed if packed else file.body
        response = web.Response(body=body, headers=found, content_type=file.content_type)
        if file.content_type.startswith(("text/", "application/json")):
            response.charset = "utf-8"
        return await self._send(request, response)

    async def _refused(
        self, request: web.BaseRequest, error: RefusedError, common: dict[str, str]
    ) -> web.StreamResponse:
        wait = error.retry_after
        found = common | NO_STORE | ({} if wait is None else {"Retry-After": str(max(1, math.ceil(wait)))})
        return await self._json(request, error.status, encoded(error.body), found, "")

    async def _json(
        self, request: web.BaseRequest, status: int, content: bytes, found: dict[str, str], viewer: str
    ) -> web.StreamResponse:
        if len(content) > self._limits.answer:
            error = RefusedError(
                400, "TooLong", "this answer is too long; request less, for example with a smaller limit"
            )
            return await self._refused(request, error, found)
        try:
            with self._answers.hold(len(content), viewer):
                return await self._send(
                    request,
                    web.Response(status=status, body=content, content_type="application/json", headers=found),
                )
        except OverBudgetError as error:
            busy = RefusedError(
                503, "Busy", f"{error}, and their answers are still being read", retry_after=2.0
            )
            return await self._send(
                request,
                web.Response(
                    status=503, body=encoded(busy.body), content_type="application/json", headers=found
                ),
            )

    async def _send(self, request: web.BaseRequest, response: web.Response) -> web.StreamResponse:
        if request.can_read_body and not request.content.at_eof():
            response.force_close()  # no request of the page has a body
        await send(request, response, self._limits.answer_time)
        return response


def _check_origin(request: web.BaseRequest) -> None:
    """Raise RefusedError for a request of another site's page. This is a second protection, beside the absence of cookies."""
    site = request.headers.get("Sec-Fetch-Site", "none")
    origin = request.headers.get("Origin")
    if site not in NAVIGATIONS or (origin is not None and urlsplit(origin).netloc != request.host):
        raise RefusedError(
            403, "CrossOrigin", "this API accepts requests of its own page only, not of another site"
        )
