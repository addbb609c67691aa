"""A write that waited for its connection while the fence closed sends nothing."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio.client import Configuration

from run_operator.kube.client import Api
from run_operator.kube.errors import TransientError
from run_operator.kube.resource import JOBS, RUNS


class Leader:
    """A fence that somebody closes."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.open = True

    def allowance(self) -> float:
        self.asked.set()
        return 10.0 if self.open else 0.0


class Server:
    """Holds every answer back until it is released."""

    def __init__(self) -> None:
        self.received: list[str] = []
        self.arrived = asyncio.Event()
        self.released = asyncio.Event()

    async def answer(self, request: web.Request) -> web.Response:
        self.received.append(request.method)
        self.arrived.set()
        await self.released.wait()
        return web.json_response({})


async def test_a_write_that_waits_for_a_connection_is_not_sent_once_the_fence_is_closed():
    fence, server = Leader(), Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.answer)
    async with TestServer(app) as there, asyncio.timeout(20):
        configuration = Configuration(host=str(there.make_url("")).rstrip("/"))
        configuration.connection_pool_maxsize = 1
        api = Api(configuration, fence, lambda *_: None, "test")
        try:
            first = asyncio.create_task(api.create(JOBS, "ml", {"metadata": {"name": "a"}}))
            await server.arrived.wait()
            fence.asked.clear()
            second = asyncio.create_task(api.create(JOBS, "ml", {"metadata": {"name": "b"}}))
            await fence.asked.wait()
            fence.open = False
            server.released.set()
            await first
            with pytest.raises(TransientError, match="no longer the leader"):
                await second
            assert server.received == ["POST"]
            assert await api.get(RUNS, "ml", "x") == {}, "what only reads goes on"
        finally:
            await api.close()
