"""The port that the kubelet and Prometheus ask: alive while the loop turns, ready until it stops, and what was counted."""

from __future__ import annotations

from aiohttp import web

from run_operator.gateway.counters import Counters


class HealthPort:
    """`stopping`: no new requests should be sent here."""

    def __init__(self, counters: Counters) -> None:
        self.stopping = False
        self._counters = counters
        self._runner: web.AppRunner | None = None

    async def listen(self, host: str, port: int) -> None:
        """Raises OSError when the port is taken."""
        application = web.Application()
        application.add_routes(
            [
                web.get("/healthz", _alive),
                web.get("/readyz", self._ready),
                web.get("/metrics", self._counted),
            ]
        )
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, host or None, port).start()

    async def stop(self) -> None:
        """Answer no more."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _ready(self, _: web.Request) -> web.Response:
        return web.Response(text="stopping\n", status=503) if self.stopping else web.Response(text="ok\n")

    async def _counted(self, _: web.Request) -> web.Response:
        kind = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        return web.Response(body=self._counters.text(), headers=kind)


async def _alive(_: web.Request) -> web.Response:
    return web.Response(text="ok\n")
