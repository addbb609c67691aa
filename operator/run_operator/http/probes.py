"""The plain HTTP port of the operator and of the gateway: /healthz, /readyz, /metrics, and /debug from the pod itself."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from aiohttp import web

from run_operator.http.rate_limit import Bucket, Clock
from run_operator.http.server import Bounds, Ports

BOUNDS: Final = Bounds(connections=128)
"""Anybody with a way to the port may open connections; the address with the most gives way, and that is not a kubelet's."""
DRAIN: Final = 1.0
"""Seconds that requests under way get at the end."""
DEBUG: Final = "/debug/"
ELSEWHERE: Final = "403: only from the pod itself, for example by kubectl port-forward\n"
RENDERED, AT_ONCE = 2.0, 20.0
"""How often a second the metrics are rendered for other addresses, and how often in a burst; further scrapes get the last ones.

Rendering goes through everything that is held, in the loop that reconciles.
"""
PROMETHEUS: Final = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}


def _nothing() -> list[str]:
    return []


async def _unknown(_: str) -> Sequence[str] | None:
    return None


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
        clock: Clock = time.monotonic,
    ) -> None:
        self._metrics = metrics
        self._rendering = Bucket(RENDERED, AT_ONCE, clock)
        self._rendered = b""
        self._unready = unready
        self._problems = problems
        self._notes = notes
        self.debug: Callable[[str], Awaitable[Sequence[str] | None]] = _unknown
        """The lines of a page below /debug/, by the rest of its path; None: there is none. It tells of tenants, so only
        who may enter the pod is answered: the port itself knows no callers."""
        self._ports = Ports(self._answer, BOUNDS)

    async def listen(self, host: str, port: int) -> None:
        """Listen; an empty host is every address of both families. Raises OSError when the port is taken."""
        await self._ports.listen(host, port, None)

    async def stop(self) -> None:
        """Close the port."""
        await self._ports.close(DRAIN)

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        if request.method not in ("GET", "HEAD"):
            return web.Response(text="405: only GET\n", status=405)
        match request.path:
            case "/healthz":
                return _verdict(self._problems())
            case "/readyz":
                return _verdict(self._unready() + self._problems(), self._notes())
            case "/metrics":
                return web.Response(body=self._page(request.remote or ""), headers=PROMETHEUS)
            case path if path.startswith(DEBUG):
                return await self._debug(request, path.removeprefix(DEBUG))
        return web.Response(text="404: Not Found\n", status=404)

    def _page(self, address: str) -> bytes:
        if not _is_loopback(address):
            if self._rendering.wait():
                return self._rendered
            self._rendering.take()
        self._rendered = self._metrics()
        return self._rendered

    async def _debug(self, request: web.BaseRequest, page: str) -> web.Response:
        if not _is_loopback(request.remote or ""):
            return web.Response(text=ELSEWHERE, status=403)
        lines = await self.debug(page)
        if lines is None:
            return web.Response(text="404: this page does not exist\n", status=404)
        return web.Response(text="".join(f"{line}\n" for line in lines))


def _is_loopback(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback


def _verdict(problems: list[str], notes: Sequence[str] = ()) -> web.Response:
    lines = [*(problems or ["ok"]), *notes]
    return web.Response(text="".join(f"{line}\n" for line in lines), status=503 if problems else 200)
