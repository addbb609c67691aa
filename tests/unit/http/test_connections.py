"""Which connection is closed where there is no room: the share of an address, not that of its neighbours."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from run_operator.http.server import Bounds, Ports, surplus

ORIGIN = {"f1": "flood", "f2": "flood", "f3": "flood", "v1": "victim", "v2": "victim"}


@pytest.mark.parametrize(
    ("new", "idle", "closed"),
    [
        ("f3", {"v1": False, "v2": True, "f3": False}, "f3"),
        ("f3", {"v1": False, "f1": True, "f3": False}, "f1"),
        ("f3", {"f1": True, "f2": False, "f3": False}, "f2"),
        ("v2", {"v1": False, "f2": True, "v2": False}, "f2"),
        ("v2", {"v1": False, "v2": False}, "f1"),
    ],
)
def test_who_has_the_most_gives_way_idle_ones_first(new, idle, closed):
    assert surplus(new, ORIGIN, idle) == closed


def test_among_equals_an_idle_one_gives_way_and_no_request_is_cut():
    origin = {"a": "1", "b": "2", "c": "3"}
    assert surplus("c", origin, {"b": True, "c": False}) == "b"
    assert surplus("c", origin, {"c": False}) == "c"


async def _ask(port: int, source: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    return reader, writer


async def test_a_flood_of_one_address_keeps_nobody_else_out():
    """It holds every place with requests that last; somebody at another address is answered."""
    flooding = asyncio.Event()

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        if request.remote == "127.0.0.1":
            await flooding.wait()
        return web.Response(text=str(request.remote))

    ports = Ports(handle, Bounds(connections=8))
    port = await ports.listen("127.0.0.1", 0, None)
    flood = [await _ask(port, "127.0.0.1") for _ in range(20)]
    answers = []
    for source in ("127.0.0.2", "127.0.0.3"):
        reader, writer = await _ask(port, source)
        answers.append(await asyncio.wait_for(reader.readline(), 5))
        flood.append((reader, writer))
    assert answers == 2 * [b"HTTP/1.1 200 OK\r\n"]
    flooding.set()
    for _, writer in flood:
        writer.close()
    await ports.close(1)


async def test_a_port_that_closes_waits_for_requests_and_not_for_connections_that_are_kept():
    """Prometheus, pods and the SDK keep their connections; a stop would wait for each until its deadline."""
    reached, answer = asyncio.Event(), asyncio.Event()

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/slow":
            reached.set()
            await answer.wait()
        return web.Response(text="done")

    ports = Ports(handle, Bounds())
    port = await ports.listen("127.0.0.1", 0, None)
    kept, writer = await _ask(port, "127.0.0.1")
    assert await kept.readline() == b"HTTP/1.1 200 OK\r\n"
    await kept.readuntil(b"done")
    slow, slow_writer = await asyncio.open_connection("127.0.0.1", port)
    slow_writer.write(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
    await reached.wait()
    async with asyncio.timeout(30):
        closing = asyncio.create_task(ports.close(600))
        assert await kept.read() == b""
        answer.set()
        assert (await slow.read()).endswith(b"done")
        await closing
    for one in (writer, slow_writer):
        one.close()
