"""kopf's streams over objects that are nested more deeply than Python's parser reads: those of others come through."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from kubernetes.aio.client import Configuration

from run_operator.api.run import Key
from run_operator.engine import kopf_streams
from run_operator.engine.store import Store

GROUP = "run-operator.io"
DEEP = "[" * 1500 + "]" * 1500


def run(name: str) -> dict[str, Any]:
    return {
        "apiVersion": f"{GROUP}/v1alpha1", "kind": "Run",
        "metadata": {"namespace": "ml", "name": name, "uid": name, "resourceVersion": "5", "generation": 1},
        "spec": {"kind": "container+job:run", "id": name, "spec": {"x": "DEEP"}},
    }  # fmt: skip


def text(value: Any) -> str:
    return json.dumps(value).replace('"DEEP"', DEEP)


class Server:
    """As much of an API server as kopf asks; each list and each watch has a deep object before the one that is looked for."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        plural = request.path.rpartition("/")[2]
        served = [
            {"name": name, "singularName": name[:-1], "namespaced": True, "kind": kind, "verbs": ["list", "watch", "patch"]}
            for name, kind in (("runs", "Run"), ("configmaps", "ConfigMap"), ("namespaces", "Namespace"))
        ]  # fmt: skip
        version = {"groupVersion": f"{GROUP}/v1alpha1", "version": "v1alpha1"}
        known: dict[str, Any] = {
            "/api": {"versions": ["v1"]},
            "/api/v1": {"resources": served[1:]},
            "/apis": {"groups": [{"name": GROUP, "versions": [version], "preferredVersion": version}]},
            f"/apis/{GROUP}/v1alpha1": {"resources": served[:1]},
        }
        if request.path in known:
            return web.json_response(known[request.path])
        if "watch" in request.query:
            return await self._watch(request, plural)
        items = [run("deep"), run("listed")] if plural == "runs" else []
        page = {"kind": "List", "metadata": {"resourceVersion": "5"}, "items": items}
        return web.Response(text=text(page), content_type="application/json")

    async def _watch(self, request: web.Request, plural: str) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for name in ("deep-too", "watched") if plural == "runs" else ():
            line = text({"type": "ADDED", "object": run(name)}).encode() + b"\n"
            await response.write(line[:1000])
            await response.write(line[1000:])
        await asyncio.sleep(60)
        return response


@pytest.fixture
async def address() -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/{path:.*}", Server().answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_one_object_does_not_end_the_streams_of_all(address):
    there = asyncio.Event()
    wanted = {Key("ml", name) for name in ("deep", "listed", "deep-too", "watched")}
    seen: set[Key] = set()

    def changed(key: Key, _: bool) -> None:
        seen.add(key)
        if wanted <= seen:
            there.set()

    stop, ready = asyncio.Event(), asyncio.Event()
    handlers = kopf_streams.registry(Store(changed), lambda *_: None, Configuration(host=address))
    following = asyncio.create_task(kopf_streams.run(handlers, (), stop, ready, lambda: None))
    try:
        async with asyncio.timeout(30):
            await there.wait()
    finally:
        following.cancel()  # to set `stop` would have kopf wait for the stub's tasks
        await asyncio.wait((following,), timeout=15)
