"""Streams are shared by viewers: places, memory and connections to the API server."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer, TestClient

from run_operator.gateway.__main__ import _configuration
from run_operator.web.errors import RefusedError
from run_operator.web.event_stream import EventStream
from run_operator.web.limits import WebLimits
from run_operator.web.run_feed import RunFeed
from run_operator.web.stream_places import StreamPlaces

LIMITS = WebLimits(streams=6, streams_each=4, held=1000)


def test_one_viewer_has_its_share_and_no_more():
    places = StreamPlaces(LIMITS)
    with ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(places.place("ann"))
        with pytest.raises(RefusedError, match="you have 4 open streams"):
            stack.enter_context(places.place("ann"))
    with places.place("ann"):
        pass


def test_who_has_less_than_others_finds_a_place_and_the_oldest_of_the_one_with_the_most_ends():
    places, ended = StreamPlaces(LIMITS), []
    with ExitStack() as stack:
        for name, count in (("ann", 4), ("bob", 2)):
            for number in range(count):
                place = stack.enter_context(places.place(name))
                place.ends_by(lambda problem, who=f"{name}{number}": ended.append((who, problem.status)))
        stack.enter_context(places.place("eve"))
        assert ended == [("ann0", 429)]
        stack.enter_context(places.place("eve"))
        assert [who for who, _ in ended] == ["ann0", "ann1"]
        with pytest.raises(RefusedError, match="limit of viewers"):
            stack.enter_context(places.place("eve"))


def test_a_place_that_was_taken_away_is_given_back_once():
    places = StreamPlaces(WebLimits(streams=2, streams_each=2, held=1000))
    for _ in range(3):
        with places.place("ann") as first, places.place("ann"), places.place("bob"):
            assert first.problem is not None
            first.hold(5000)  # it ends; what it says now counts for nothing
    with places.place("ann") as alone, places.place("bob"):
        alone.hold(900)
        assert alone.problem is None


def test_a_stream_that_was_to_end_before_it_began_ends():
    places, ended = StreamPlaces(WebLimits(streams=2)), []
    with places.place("ann") as first, places.place("ann"), places.place("bob"):
        first.ends_by(ended.append)
        assert [problem.status for problem in ended] == [429]


def test_the_largest_stream_of_the_one_who_holds_the_most_ends_for_the_memory_of_others():
    places = StreamPlaces(LIMITS)
    with places.place("ann") as small, places.place("ann") as large, places.place("bob") as bobs:
        small.hold(200)
        large.hold(500)
        bobs.hold(250)
        assert (small.problem, large.problem, bobs.problem) == (None, None, None)
        bobs.hold(400)
        assert large.problem is not None
        assert (small.problem, bobs.problem) == (None, None)
        bobs.hold(700)
        assert bobs.problem is None, "what ended holds nothing"


def test_streams_take_no_connection_to_the_api_server_from_anybody():
    limits = WebLimits()
    streams = limits.streams * max(2, limits.followed)
    assert _configuration("https://a", None).connection_pool_maxsize > streams + limits.requests


async def test_a_stream_whose_place_is_needed_says_so_and_ends():
    places, never = StreamPlaces(WebLimits(streams=2, streams_each=2)), asyncio.Event()
    feed = RunFeed(None, "ml", LIMITS)  # type: ignore[arg-type]
    feed.put({"metadata": {"uid": "u", "name": "a", "namespace": "ml", "resourceVersion": "1"}})

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        with places.place(request.path) as place:
            return await EventStream(request, {}, LIMITS).serve(feed.join(), place, never)

    server = RawTestServer(handle)
    async with TestClient(server) as client:
        first, second = await client.get("/ann"), await client.get("/ann")
        assert (await first.content.readline()) == b"event: rows\n"
        other = await client.get("/bob")
        assert b"TooManyStreams" in await first.content.read()
        assert (await other.content.readline()) == b"event: rows\n"
        assert not second.content.at_eof()
        never.set()
        await asyncio.gather(second.read(), other.read())


async def test_what_a_stream_holds_is_told_while_it_goes_on():
    places, never = StreamPlaces(LIMITS), asyncio.Event()
    feed = RunFeed(None, "ml", WebLimits())  # type: ignore[arg-type]
    for number in range(5):
        name = f"run-{number}"
        feed.put({"metadata": {"uid": name, "name": name, "namespace": "ml", "resourceVersion": "1"}})
    assert feed.size_each > LIMITS.held

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        with places.place("ann") as place:
            return await EventStream(request, {}, LIMITS).serve(feed.join(), place, never)

    async with TestClient(RawTestServer(handle)) as client:
        answer = await client.get("/")
        assert b"it holds more memory" in await answer.content.read()
