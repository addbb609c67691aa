"""A list is read in pages that fit into memory, however large its objects are."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest.mock import Mock

import pytest
from aiohttp import web
from kubernetes.aio.client import Configuration

from run_operator.kube import page_size
from run_operator.kube.client import Api
from run_operator.kube.fence import Unfenced
from run_operator.kube.resource import RUNS


class Server:
    """Serves a list of objects of these sizes, as an API server does."""

    def __init__(self, sizes: list[int]) -> None:
        self.sizes = sizes
        self.limits: list[int] = []

    async def answer(self, request: web.Request) -> web.Response:
        at, limit = int(request.query.get("continue", 0)), int(request.query["limit"])
        self.limits.append(limit)
        items = [
            {"metadata": {"uid": str(at + n)}, "x": "y" * s}
            for n, s in enumerate(self.sizes[at : at + limit])
        ]
        more = {"continue": str(at + limit)} if at + limit < len(self.sizes) else {}
        return web.json_response({"metadata": {"resourceVersion": "1"} | more, "items": items})

    async def listed(self, **asked: Any) -> list[str]:
        app = web.Application()
        app.router.add_get("/{path:.*}", self.answer)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        configuration = Configuration(host=f"http://127.0.0.1:{runner.addresses[0][1]}")
        api = Api(configuration, Unfenced(), lambda *_: None, "test")
        try:
            return [item["metadata"]["uid"] async for item in api.list_objects(RUNS, **asked)]
        finally:
            await api.close()
            await runner.cleanup()


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_size, "PAGE_BYTES", 10_000)


async def test_a_page_of_large_objects_is_asked_for_again_with_fewer():
    server = Server([5_000] * 40)
    assert await server.listed(page_size=64) == [str(number) for number in range(40)]
    assert server.limits[0] == 64
    assert max(server.limits[2:]) < 8


async def test_one_object_is_read_whatever_its_size():
    assert await Server([50_000, 10, 50_000]).listed(page_size=8) == ["0", "1", "2"]


async def test_where_objects_are_small_again_pages_grow():
    server = Server([9_000] * 4 + [1] * 300)
    assert len(await server.listed(page_size=64)) == 304
    assert max(server.limits[3:]) > 8


@pytest.mark.parametrize("error", [TimeoutError(), asyncio.CancelledError()], ids=repr)
async def test_a_page_that_is_not_read_to_its_end_closes_its_connection(error):
    async def cut_off():
        yield b"{"
        raise error

    answer = Mock()
    answer.response.content.iter_any = cut_off
    with pytest.raises(type(error)):
        await page_size.read(answer, page_size.PageSize(500))
    answer.response.close.assert_called_once_with()
