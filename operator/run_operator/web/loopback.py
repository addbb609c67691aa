"""`runctl ui`: the page on the loopback, for one person, with the rights of the kubeconfig."""

from __future__ import annotations

import asyncio
import hmac
import json
import secrets
import signal
from collections.abc import Callable
from typing import Final

from aiohttp import web

from run_operator.client.kubeconfig import Access
from run_operator.gateway.api_client import ApiClient, Identity
from run_operator.gateway.errors import UNAUTHORIZED, Problem
from run_operator.http.server import Bounds, Ports
from run_operator.web.kubeconfig_api import connect
from run_operator.web.limits import WebLimits
from run_operator.web.site import PREFIX, Site
from run_operator.web.ui_routes import Session

HOST: Final = "127.0.0.1"
DRAIN: Final = 2.0
BOUNDS: Final = Bounds(connections=128)
OWNER: Final = "loopback"


class Loopback:
    """The server. Requests need its `token`, so that nobody else on this machine has access."""

    def __init__(self, access: Access, limits: WebLimits) -> None:
        self.token = secrets.token_urlsafe(32)
        self._limits = limits
        self._api = connect(access)
        self._site = Site(Session("loopback", access.namespace, through="runctl ui"), limits)
        self._ports = Ports(self._handle, BOUNDS)
        self._hosts: frozenset[str] = frozenset()

    async def listen(self, port: int) -> str:
        """Returns the address of the page. Raises OSError when the port is taken."""
        taken = await self._ports.listen(HOST, port, None)
        self._hosts = frozenset({f"{HOST}:{taken}", f"localhost:{taken}"})
        return f"http://{HOST}:{taken}/{PREFIX}/#token={self.token}"

    async def stop(self) -> None:
        """End streams and connections."""
        await self._site.close()
        await self._ports.close(DRAIN)
        await self._api.close()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.headers.get("Host", "") not in self._hosts:
            # A page of somebody else whose name was made to lead here would have the rights of this one.
            return _plain(421, "this server accepts requests to 127.0.0.1 and localhost only")
        path = request.raw_path.partition("?")[0]
        if path == "/":
            return web.Response(status=302, headers={"Location": f"{PREFIX}/"})
        if path != f"/{PREFIX}" and not path.startswith(f"/{PREFIX}/"):
            return _plain(404, f"the page is at /{PREFIX}/")
        return await self._site.handle(request, self._enter)

    async def _enter(self, request: web.BaseRequest) -> ApiClient:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        if not hmac.compare_digest(given.encode(), self.token.encode()):
            raise Problem(
                UNAUTHORIZED,
                "this page needs the token in the address that runctl ui printed; open that address again",
            )
        who = Identity("", OWNER, OWNER, request.remote or "")
        return ApiClient(self._api, who, self._limits.retry_timeout)


def _plain(status: int, message: str) -> web.Response:
    body = {"error": {"reason": "Refused", "message": message, "missing": None}}
    return web.Response(status=status, text=json.dumps(body), content_type="application/json")


async def serve(access: Access, port: int, ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; `ready` gets the address. Raises OSError."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    loopback = Loopback(access, WebLimits())
    try:
        ready(await loopback.listen(port))
        await stop.wait()
    finally:
        await loopback.stop()
