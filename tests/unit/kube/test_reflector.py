"""What a list or a watch may end with, and that nobody who listens misses anything by it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio.client import Configuration

from run_operator.kube import client, reflector
from run_operator.kube.backoff import Backoffs
from run_operator.kube.client import Api
from run_operator.kube.fence import Unfenced
from run_operator.kube.reflector import Reflector, RewoundError, Scope
from run_operator.kube.resource import PODS

Turn = Callable[[web.Request], Any]
GONE = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}


def pod(name: str, version: int) -> dict[str, Any]:
    return {"metadata": {"uid": name, "name": name, "namespace": "ml", "resourceVersion": str(version)}}


def event(kind: str, raw: Any) -> bytes:
    return json.dumps({"type": kind, "object": raw}).encode() + b"\n"


def page(version: int, *names: str, token: str = "") -> Turn:
    items = [pod(name, version) for name in names]
    metadata = {"resourceVersion": str(version), "continue": token}
    return lambda _: web.json_response({"metadata": metadata, "items": items})


def refused(status: int, message: str) -> Turn:
    return lambda _: web.json_response({"message": message, "reason": "x"}, status=status)


def watch(*pieces: bytes, end: str = "") -> Turn:
    """These, and then the end: of the watch, or of the connection (`broken`); `open` leaves it open without a word."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
        if end == "broken":
            assert request.transport is not None
            request.transport.abort()
        elif end == "open":
            await asyncio.Event().wait()
        return response

    return answer


class World:
    """An API server that answers one request after the other as a test says, and who hears of its pods."""

    def __init__(self, turns: Sequence[Turn]) -> None:
        self._turns = list(turns)
        self.asked: list[str] = []
        """The resourceVersion of each watch; `list` or `list after ...` for a list."""
        self.heard: list[str] = []
        self.kinds: list[str | None] = []
        self.news = asyncio.Event()
        self.now = 1000
        """The version of the server, for who asks for no more than that."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        query = request.query
        if query.get("limit") == "1":
            return web.json_response({"metadata": {"resourceVersion": str(self.now)}, "items": []})
        listed = f"list after {token}" if (token := query.get("continue")) else "list"
        self.asked.append(query["resourceVersion"] if "watch" in query else listed)
        assert query["labelSelector"] == "of=us"
        self.news.set()
        turn = self._turns.pop(0) if self._turns else watch(end="open")
        answer = turn(request)
        found = await answer if asyncio.iscoroutine(answer) else answer
        assert isinstance(found, web.StreamResponse)
        return found

    def put(self, raw: Any) -> None:
        name = raw["metadata"]["name"]
        self.heard.append(f"{name}@{raw['metadata']['resourceVersion']}")
        self.news.set()
        if name == "odd":
            raise KeyError("spec")

    def drop(self, uid: str) -> None:
        self.heard.append(f"-{uid}")
        self.news.set()

    def seen(self, plural: str, kind: str | None) -> None:
        assert plural == "pods"
        self.kinds.append(kind)

    async def until(self, *asked: str) -> None:
        """These requests were made."""
        async with asyncio.timeout(20):
            while self.asked[: len(asked)] != list(asked):
                self.news.clear()
                await self.news.wait()


@asynccontextmanager
async def world(*turns: Turn) -> AsyncIterator[World]:
    made = World(turns)
    app = web.Application()
    app.router.add_get("/api/v1/namespaces/ml/pods", made.answer)
    async with TestServer(app) as server:
        api = Api(
            Configuration(host=str(server.make_url("")).rstrip("/")), Unfenced(), lambda *_: None, "test"
        )
        follower = Reflector(api, Scope(PODS, "ml", "of=us"), made, made.seen)
        working = asyncio.create_task(follower.work())
        try:
            yield made
            assert not working.done()
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            await api.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(reflector, "Backoffs", lambda: Backoffs(0.001, 0.01))


async def test_a_list_of_pages_then_watches_from_there_on():
    first = watch(
        event("MODIFIED", pod("a", 11)), event("ADDED", pod("c", 12)), event("DELETED", pod("b", 13)),
        event("BOOKMARK", {"metadata": {"resourceVersion": "40"}}),
    )  # fmt: skip
    async with world(page(10, "a", token="more"), page(10, "b"), first) as made:
        await made.until("list", "list after more", "10", "40")
        assert made.heard == ["a@10", "b@10", "a@11", "c@12", "-b"]
        assert made.kinds == [None, None, "MODIFIED", "ADDED", "DELETED"]


@pytest.mark.parametrize(
    "expired",
    [watch(event("MODIFIED", pod("a", 12)), event("ERROR", GONE)), refused(410, "too old resource version")],
    ids=["while-watching", "at-once"],
)
async def test_a_version_that_is_too_old_is_a_new_list_and_what_is_not_in_it_is_gone(expired):
    async with world(page(10, "a", "b"), watch(event("ADDED", pod("c", 11))), expired, page(20, "b")) as made:
        await made.until("list", "10", "11", "list", "20")
        assert made.heard[-3] == "b@20"
        assert sorted(made.heard[-2:]) == ["-a", "-c"]


async def test_a_list_that_expires_between_two_pages_begins_again():
    turns = page(10, "a", token="more"), refused(410, "the token is too old"), page(20, "b")
    async with world(*turns) as made:
        await made.until("list", "list after more", "list", "20")
        assert made.heard == ["a@10", "b@20", "-a"]


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (refused(403, "pods is forbidden"), "pods is forbidden"),
        (refused(503, "starting"), "starting"),
        (watch(event("ERROR", {"code": 500, "message": "etcd is away"})), "etcd is away"),
        (watch(event("ERROR", {"message": "without a code"})), "without a code"),
        (watch(b"{no json}\n"), "not JSON"),
        (watch(b'{"type": "MODIF', end="broken"), "pods"),
    ],
    ids=["forbidden", "starting", "error", "no-code", "junk", "broken"],
)
async def test_whatever_else_a_watch_ends_with_it_goes_on_where_it_was_and_says_why(problem, said, caplog):
    turns = (
        page(10, "a"),
        watch(event("MODIFIED", pod("a", 11))),
        problem,
        watch(event("MODIFIED", pod("a", 12))),
    )
    async with world(*turns) as made:
        await made.until("list", "10", "11", "11", "12")
        assert made.heard == ["a@10", "a@11", "a@12"]
    (line,) = caplog.messages
    assert line.startswith("watching pods in namespace ml again")
    assert said in line


async def test_after_a_watch_that_says_nothing_the_objects_are_listed(monkeypatch, caplog):
    """The next watch may say nothing either: as behind a proxy that keeps what it should pass on."""
    monkeypatch.setattr(client, "SILENCE", 0.05)
    still = watch(event("MODIFIED", pod("a", 11)), end="open")
    async with world(page(10, "a"), still, page(12, "b"), watch(end="open"), page(13, "c")) as made:
        await made.until("list", "10", "list", "12", "list", "13")
        assert made.heard == ["a@10", "a@11", "b@12", "-a", "c@13", "-b"]
    assert "listing pods in namespace ml again" in caplog.text


async def test_a_quiet_watch_with_bookmarks_costs_no_list(monkeypatch):
    monkeypatch.setattr(client, "SILENCE", 0.5)
    marks = [event("BOOKMARK", pod("", version)) for version in range(11, 31)]

    async def quiet(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for mark in marks:
            await asyncio.sleep(0.05)
            await response.write(mark)
        return response

    async with world(page(10, "a"), quiet) as made:
        await made.until("list", "10", "30")


async def test_a_watch_that_was_open_for_a_while_is_opened_again_at_once(monkeypatch):
    """Not after a pause that grows with every watch the API server ends in its time."""
    monkeypatch.setattr(reflector, "STEADY", -1.0)
    monkeypatch.setattr(reflector, "Backoffs", lambda: Backoffs(1000.0, 1000.0))
    async with world(page(10, "a"), watch(), watch(event("MODIFIED", pod("a", 11)))) as made:
        await made.until("list", "10", "10", "11")


async def test_a_watch_that_is_refused_at_once_has_a_pause_however_long_its_list_took(monkeypatch):
    """Else the lists of a large cluster would follow each other without end."""
    paused = asyncio.Event()

    def delays() -> Iterator[float]:
        yield 0.0
        paused.set()
        yield 1000.0

    async def slow(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(2 * reflector.STEADY)
        return page(10, "a")(request)

    monkeypatch.setattr(reflector, "STEADY", 0.2)
    monkeypatch.setattr(reflector, "Backoffs", delays)
    turns = (slow, refused(410, "too old")) * 2
    async with world(*turns), asyncio.timeout(20):
        await paused.wait()


async def test_an_event_that_has_no_end_is_given_up(monkeypatch, caplog):
    monkeypatch.setattr(client, "LONGEST_EVENT", 1000)
    async with world(page(10), watch(b"x" * 1001, end="open")) as made:
        await made.until("list", "10", "10")
    assert "longer than 1000 bytes" in caplog.text


async def test_an_event_may_come_in_pieces():
    whole = event("MODIFIED", pod("a", 11))
    async with world(page(10, "a"), watch(*(whole[n : n + 7] for n in range(0, len(whole), 7)))) as made:
        await made.until("list", "10", "11")
        assert made.heard == ["a@10", "a@11"]


async def test_one_odd_object_hides_none_that_come_after_it(caplog):
    turns = page(10, "odd", "a"), watch(event("MODIFIED", pod("odd", 11)), event("ADDED", pod("b", 12)))
    async with world(*turns) as made:
        await made.until("list", "10", "12")
        assert made.heard == ["odd@10", "a@10", "odd@11", "b@12"]
    assert "cannot process ml/odd of pods in namespace ml" in caplog.messages


async def test_called_again_it_knows_what_it_had_reported():
    made = World([page(10, "a", "b"), watch(end="open"), page(20, "b")])
    app = web.Application()
    app.router.add_get("/api/v1/namespaces/ml/pods", made.answer)
    async with TestServer(app) as server:
        host = str(server.make_url("")).rstrip("/")
        api = Api(Configuration(host=host), Unfenced(), lambda *_: None, "test")
        follower = Reflector(api, Scope(PODS, "ml", "of=us"), made, made.seen)
        for asked in (("list", "10"), ("list", "10", "list", "20")):
            working = asyncio.create_task(follower.work())
            await made.until(*asked)
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
        await api.close()
    assert made.heard == ["a@10", "b@10", "b@20", "-a"]


@pytest.mark.parametrize("found_by", ["the question before a watch", "a new list"])
async def test_a_server_that_is_older_than_before_is_reported_once(found_by):
    """Its store was restored from a backup: a watch from a version to come would be silent without end."""
    end = watch() if found_by == "the question before a watch" else refused(410, "too old")
    made = World([page(10, "a"), watch(event("MODIFIED", pod("a", 30))), end, page(20, "a")])
    made.now = 29 if found_by == "the question before a watch" else 1000
    app = web.Application()
    app.router.add_get("/api/v1/namespaces/ml/pods", made.answer)
    async with TestServer(app) as server:
        host = str(server.make_url("")).rstrip("/")
        api = Api(Configuration(host=host), Unfenced(), lambda *_: None, "test")
        with pytest.raises(RewoundError, match="restored from a backup"):
            async with asyncio.timeout(20):
                await Reflector(api, Scope(PODS, "ml", "of=us"), made, made.seen).work()
        await api.close()
    assert "a@20" not in made.heard
