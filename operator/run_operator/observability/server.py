"""The operator's own HTTP port: /healthz, /readyz, /metrics."""

from __future__ import annotations

from aiohttp import web

from run_operator.observability.health import Health
from run_operator.observability.metrics import Metrics


class StatusServer:
    """Plain HTTP: probes and scrapes. Answers are small; the request body is never read."""

    def __init__(self, health: Health, metrics: Metrics, host: str, port: int) -> None:
        self._health = health
        self._metrics = metrics
        self._host = host
        self._port = port
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        app = web.Application(client_max_size=1024)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._prometheus)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host or None, self._port).start()

    async def stop(self) -> None:
        """Close the port."""
        if self._runner:
            await self._runner.cleanup()

    async def _healthz(self, _: web.Request) -> web.Response:
        return _verdict(self._health.problems())

    async def _readyz(self, _: web.Request) -> web.Response:
        return _verdict(self._health.unready() + self._health.problems())

    async def _prometheus(self, _: web.Request) -> web.Response:
        return web.Response(
            body=self._metrics.text(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        )


def _verdict(problems: list[str]) -> web.Response:
    return web.Response(text="".join(f"{p}\n" for p in problems) or "ok\n", status=503 if problems else 200)
