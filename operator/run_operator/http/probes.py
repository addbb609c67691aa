"""The plain HTTP port of the operator and of the gateway: /healthz, /readyz, /metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from aiohttp import web

from run_operator.http.sockets import listening_socket

BACKLOG: Final = 16
LARGEST_BODY: Final = 1024
"""Bytes; the body of a request is never read."""
PROMETHEUS: Final = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}


def _nothing() -> list[str]:
    return []


class ProbeServer:
    """Answers probes and scrapes. A probe fails (503) while its callable returns problems, one a line.

    `unready` says why no requests should be sent now, `problems` why the process should be restarted; `metrics` returns the
    Prometheus text. `notes` are lines of /readyz that fail nothing.
    """

    def __init__(
        self,
        metrics: Callable[[], bytes],
        unready: Callable[[], list[str]],
        problems: Callable[[], list[str]] = _nothing,
        notes: Callable[[], list[str]] = _nothing,
    ) -> None:
        self._metrics = metrics
        self._unready = unready
        self._problems = problems
        self._notes = notes
        self._runner: web.AppRunner | None = None

    async def listen(self, host: str, port: int) -> None:
        """Listen; an empty host is every address of both families. Raises OSError when the port is taken."""
        app = web.Application(client_max_size=LARGEST_BODY)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._prometheus)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.SockSite(self._runner, listening_socket(host, port, BACKLOG)).start()

    async def stop(self) -> None:
        """Close the port."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _healthz(self, _: web.Request) -> web.Response:
        return _verdict(self._problems())

    async def _readyz(self, _: web.Request) -> web.Response:
        return _verdict(self._unready() + self._problems(), self._notes())

    async def _prometheus(self, _: web.Request) -> web.Response:
        return web.Response(body=self._metrics(), headers=PROMETHEUS)


def _verdict(problems: list[str], notes: Sequence[str] = ()) -> web.Response:
    lines = [*(problems or ["ok"]), *notes]
    return web.Response(text="".join(f"{line}\n" for line in lines), status=503 if problems else 200)
