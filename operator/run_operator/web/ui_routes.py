"""Paths of the page's API."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

from aiohttp import web

from run_operator import __version__
from run_operator.api.raw import mapping, mappings, text
from run_operator.gateway.api_client import ApiClient
from run_operator.gateway.authentication import review
from run_operator.gateway.encoding import encoded
from run_operator.gateway.run_logs import TAIL, Selection
from run_operator.gateway.shares import Shares, turn
from run_operator.web.api_requests import ApiRequests
from run_operator.web.detail_feed import DetailFeed
from run_operator.web.errors import RefusedError, bad, not_found
from run_operator.web.event_stream import EventStream
from run_operator.web.feeds import Feeds
from run_operator.web.limits import WebLimits
from run_operator.web.log_answer import LogAnswer, sources
from run_operator.web.oidc import OidcProvider
from run_operator.web.rights import GET, LIST, WATCH
from run_operator.web.run_feed import RunFeed
from run_operator.web.stream_places import StreamPlaces
from run_operator.web.view.compare_answer import compared, comparison
from run_operator.web.view.curves import MAX_POINTS
from run_operator.web.view.detail import beside, of_document, of_now
from run_operator.web.view.rows import row
from run_operator.web.view.series_answer import MAX_NAMES, series_answer

_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_TOKEN: Final = re.compile(r"[A-Za-z0-9+/=_-]{0,4096}")
MAIN: Final = "main"
"""The container of the program."""
ALL: Final = "*"
MAX_ATTEMPT: Final = 1_000_000
MAX_STEP: Final = 2**32

Enter = Callable[[web.BaseRequest], Awaitable[ApiClient]]
Stream = Callable[[ApiClient], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Session:
    """The first answer to the page. `through`: the program, for the field manager of a stop."""

    mode: str
    namespace: str | None = None
    through: str = "run-operator-gateway"
    oidc: OidcProvider | None = None


@dataclass(slots=True)
class UiRequest:
    """`parts`: decoded parts of the path below `api/`."""

    request: web.BaseRequest
    method: str
    parts: tuple[str, ...]
    headers: dict[str, str]
    viewer: str = field(default="")

    @classmethod
    def of(cls, request: web.BaseRequest, path: str, headers: dict[str, str]) -> UiRequest:
        """The request below the prefix of the page. HEAD counts as GET: aiohttp leaves out the body of its answer."""
        method = "GET" if request.method == "HEAD" else request.method
        return cls(request, method, tuple(unquote(part) for part in path.split("/")), headers)

    def one(self, name: str, default: str = "") -> str:
        """A parameter of the query."""
        return self.request.query.get(name, default)

    def many(self, name: str) -> list[str]:
        """A parameter that may be repeated."""
        return list(self.request.query.getall(name, []))

    def number(self, name: str, default: int, most: int, least: int = 1) -> int:
        """A number. Raises RefusedError for other texts, and for a number out of range."""
        found = self.one(name) or str(default)
        if not found.isascii() or not found.isdecimal() or len(found) > 10 or not least <= int(found) <= most:  # noqa: PLR2004
            raise bad(f"{name} must be a number from {least} to {most}")
        return int(found)

    def namespace(self) -> str | None:
        """The namespace in the query; None: all namespaces."""
        found = self.one("namespace")
        return _name(found, "a namespace") if found else None


class UiRoutes:
    """The routes of one process, with watches, places for streams and remembered rights."""

    def __init__(self, session: Session, limits: WebLimits) -> None:
        self._session = session
        self._limits = limits
        self._feeds = Feeds(limits)
        self._places = StreamPlaces(limits)
        self._logs = Shares(limits.logs_at_once, limits.logs_each, limits.logs_waiting)
        self._requests = Shares(limits.requests, limits.requests_each, limits.requests_waiting)
        self._api = ApiRequests(limits, session.through)
        self._list_turn = asyncio.Semaphore(limits.lists)
        self._stopped = asyncio.Event()

    async def close(self) -> None:
        """End all streams."""
        self._stopped.set()
        await self._feeds.close()

    def stream(self, asked: UiRequest) -> Stream | None:
        """The stream for a request; None: the request is for no stream."""
        match asked.method, asked.parts:
            case "GET", ("runs", "stream"):
                namespace = asked.namespace()
                return lambda caller: self._list_stream(asked, caller, namespace)
            case "GET", ("namespaces", namespace, "runs", name, "stream"):
                place = _place(namespace, name)
                return lambda caller: self._detail_stream(asked, caller, *place)
            case "GET", ("namespaces", namespace, "runs", name, "logs"):
                place, wanted = _place(namespace, name), _selection(asked)
                return lambda caller: self._logs_stream(asked, caller, *place, wanted)
        return None

    async def answer(self, asked: UiRequest, enter: Enter) -> tuple[int, bytes]:
        """Status and JSON. Raises RefusedError or Problem."""
        if (asked.method, asked.parts) == ("GET", ("session",)):
            return 200, encoded(await self._of_session(asked, enter))
        caller = await enter(asked.request)
        asked.viewer = caller.identity.tenant
        async with turn(self._requests, caller, "requests"):
            status, body = await self._answer(asked, caller)
            return status, encoded(body)

    async def _answer(self, asked: UiRequest, caller: ApiClient) -> tuple[int, Any]:
        match asked.method, asked.parts:
            case "GET", ("namespaces",):
                names, every = await self._api.namespaces(caller)
                return 200, {"items": names, "all": every}
            case "GET", ("runs",):
                return 200, await self._list(asked, caller)
            case "GET", ("compare",):
                return 200, await self._compare(asked, caller)
            case _, ("namespaces", namespace, "runs", name, *rest):
                return await self._of_run(asked, caller, *_place(namespace, name), rest)
        raise not_found(f"there is nothing at api/{'/'.join(asked.parts)[:200]}")

    async def _of_session(self, asked: UiRequest, enter: Enter) -> dict[str, Any]:
        session = self._session
        oidc, problem = (None, None) if session.oidc is None else await session.oidc.session()
        found = {
            "mode": session.mode,
            "version": __version__,
            "namespace": session.namespace,
            "oidc": oidc,
            "oidcProblem": problem,
            "user": None,
        }
        if "Authorization" in asked.request.headers:
            user = await review(await enter(asked.request))
            found["user"] = {"name": text(user.get("username")), "groups": list(user.get("groups") or ())}
        return found

    async def _list(self, asked: UiRequest, caller: ApiClient) -> dict[str, Any]:
        limit = asked.number("limit", self._limits.page, self._limits.page)
        token = asked.one("continue")
        if not _TOKEN.fullmatch(token):
            raise bad("continue must be a value from an earlier page")
        page = await self._api.page(caller, asked.namespace(), limit, token)
        metadata = mapping(page.get("metadata"))
        return {
            "items": [row(raw) for raw in mappings(page.get("items"))],
            "continue": text(metadata.get("continue")) or None,
            "resourceVersion": text(metadata.get("resourceVersion")),
        }

    async def _compare(self, asked: UiRequest, caller: ApiClient) -> dict[str, Any]:
        keys = list(dict.fromkeys(asked.many("run")))
        if not 1 <= len(keys) <= self._limits.compared:
            raise bad(f"name 1 to {self._limits.compared} Runs, each as run=NAMESPACE/NAME")
        places = [_place(*key.partition("/")[::2]) for key in keys]
        found, lost = await self._api.runs(caller, places, compared)
        return comparison(found) | {"lost": [{"run": run, "message": why} for run, why in lost.items()]}

    async def _of_run(
        self, asked: UiRequest, caller: ApiClient, namespace: str, name: str, rest: list[str]
    ) -> tuple[int, Any]:
        api = self._api
        match asked.method, rest:
            case "GET", []:
                raw = await api.run(caller, namespace, name)
                events, notes = await api.events(caller, raw)
                rights = await api.rights(caller, namespace, name)
                return 200, of_document(raw) | of_now(raw) | beside(events, rights, notes)
            case "GET", ["metrics"]:
                names = asked.many("name")
                if len(names) > MAX_NAMES:
                    raise bad(f"name at most {MAX_NAMES} metrics")
                points = asked.number("points", MAX_POINTS, MAX_POINTS)
                first, last = (
                    asked.number(one, end, MAX_STEP, 0) for one, end in (("from", 0), ("to", MAX_STEP))
                )
                raw = await api.run(caller, namespace, name)
                return 200, series_answer(raw, names, time.time(), points, first, last)
            case "GET", ["logs", "sources"]:
                return 200, {"items": await sources(caller, namespace, name)}
            case "POST", ["stop"]:
                return 202, row(await api.set_suspend(caller, namespace, name, suspend=True))
            case "POST", ["resume"]:
                return 202, row(await api.set_suspend(caller, namespace, name, suspend=False))
            case "DELETE", []:
                return 202, row(await api.delete(caller, namespace, name))
        raise RefusedError(
            405, "MethodNotAllowed", f"{asked.method} is not allowed for api/{'/'.join(asked.parts)[:200]}"
        )

    async def _list_stream(
        self, asked: UiRequest, caller: ApiClient, namespace: str | None
    ) -> web.StreamResponse:
        async def check(_: RunFeed | None = None) -> None:
            await self._api.check(caller, (LIST, WATCH), namespace)

        # Shared by all who may list and watch these Runs: a row says nothing about who looks at it.
        key = "runs", namespace
        with self._places.place(caller.identity.tenant) as place:
            async with self._feeds.viewer(
                key,
                caller.identity.digest,
                lambda: RunFeed(caller.api, namespace, self._limits, self._list_turn),
                check,
            ) as viewer:
                return await EventStream(asked.request, asked.headers, self._limits).serve(
                    viewer, place, self._stopped
                )

    async def _detail_stream(
        self, asked: UiRequest, caller: ApiClient, namespace: str, name: str
    ) -> web.StreamResponse:
        async def check(feed: DetailFeed | None = None) -> None:
            await self._api.check(caller, (GET, LIST, WATCH), namespace, name)
            if feed is not None:
                feed.set_rights(await self._api.rights(caller, namespace, name))

        rights = await self._api.rights(caller, namespace, name)
        # By token: what a viewer may do is a part of it.
        key = "run", caller.identity.digest, namespace, name
        with self._places.place(caller.identity.tenant) as place:
            async with self._feeds.viewer(
                key, caller.identity.digest, lambda: DetailFeed(caller.api, namespace, name, rights), check
            ) as viewer:
                return await EventStream(asked.request, asked.headers, self._limits).serve(
                    viewer, place, self._stopped
                )

    async def _logs_stream(
        self, asked: UiRequest, caller: ApiClient, namespace: str, name: str, wanted: Selection
    ) -> web.StreamResponse:
        await self._api.run(caller, namespace, name)
        with self._places.place(caller.identity.tenant) as place:
            answer = LogAnswer(caller, namespace, name, wanted, self._limits)
            return await answer.send(asked.request, asked.headers, self._logs, place, self._stopped)


def _selection(asked: UiRequest) -> Selection:
    """The requested logs; `container=*`: of all containers."""
    attempt = asked.number("attempt", 1, MAX_ATTEMPT) if asked.one("attempt") else None
    container = asked.one("container", MAIN)
    name = "" if container == ALL else _name(container, "a container")
    return Selection(attempt, name, asked.one("follow") == "1", asked.number("tail", TAIL, TAIL))


def _place(namespace: str, name: str) -> tuple[str, str]:
    return _name(namespace, "a namespace"), _name(name, "a Run")


def _name(found: str, of: str) -> str:
    """A checked name, because it becomes a part of a path at the API server."""
    if not _NAME.fullmatch(found) or ".." in found:
        raise bad(f"{found[:80]!r} cannot be the name of {of}")
    return found
