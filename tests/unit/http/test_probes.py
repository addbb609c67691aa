"""The pages of /debug are for who may enter the pod; the port itself knows no callers."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

import aiohttp
import pytest
from aiohttp.test_utils import make_mocked_request

from run_operator.http import probes
from run_operator.http.probes import ProbeServer, _is_loopback


@pytest.fixture
async def server(unused_tcp_port):
    made = ProbeServer(lambda: b"", list)

    async def page(path: str) -> list[str] | None:
        return [f"this is {path}"] if path == "runs/ml/x" else None

    made.debug = page
    await made.listen("", unused_tcp_port)
    yield unused_tcp_port
    await made.stop()


async def asked(host: str, port: int, path: str) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession() as person,
        person.get(f"http://{host}:{port}/debug/{path}") as answer,
    ):
        return answer.status, await answer.text()


async def test_a_page_is_shown_to_who_comes_from_the_pod_itself(server):
    assert await asked("127.0.0.1", server, "runs/ml/x") == (200, "this is runs/ml/x\n")
    assert (await asked("127.0.0.1", server, "runs/ml/y"))[0] == 404


async def test_a_page_is_shown_to_nobody_else(server):
    own = socket.gethostbyname(socket.gethostname())
    if own.startswith("127."):
        pytest.skip("this machine has no address beside the loopback")
    status, text = await asked(own, server, "runs/ml/x")
    assert (status, "this is" in text) == (403, False)


@pytest.mark.parametrize(
    ("address", "own"),
    [("127.0.0.1", True), ("::1", True), ("::ffff:127.0.0.1", True), ("10.0.0.7", False),
     ("::ffff:10.0.0.7", False), ("fd00::1", False), ("", False), ("name", False)],
)  # fmt: skip
def test_what_the_loopback_is(address, own):
    assert _is_loopback(address) is own


async def test_connections_of_one_address_keep_no_probe_out(unused_tcp_port):
    """The port knows no callers: a pod of anybody opens connections until there are no file descriptors."""
    server = ProbeServer(lambda: b"", list)
    port = unused_tcp_port
    await server.listen("127.0.0.1", port)
    most = probes.BOUNDS.connections
    idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(most + 50)]
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0))
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    async with asyncio.timeout(5):
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
    closed = 0
    for one, _ in idle[: 50 + 1]:
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(1):
                closed += await one.read() == b""
    assert closed >= 50, "the oldest of that address"
    for _, open_one in [*idle, (reader, writer)]:
        open_one.close()
    await server.stop()


async def test_scrapes_of_any_pod_render_the_metrics_a_few_times_a_second():
    """Rendering goes through all that is held, in the loop that reconciles the Runs of everybody."""
    now, rendered = [0.0], []

    def render() -> bytes:
        rendered.append(now[0])
        return f"{len(rendered)}\n".encode()

    server = ProbeServer(render, list, clock=lambda: now[0])

    async def scraped(address: str) -> bytes | str:
        answer = await server._answer(make_mocked_request("GET", "/metrics").clone(remote=address))
        return answer.body if isinstance(answer.body, bytes) else ""

    texts = [await scraped("10.0.0.7") for _ in range(500)]
    assert len(rendered) == probes.AT_ONCE
    assert texts[-1] == b"20\n"
    assert await scraped("127.0.0.1") == b"21\n", "from the pod itself it is always new"
    now[0] += 10
    assert await scraped("10.0.0.8") == b"22\n"
