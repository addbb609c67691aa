"""A proxy between the operator and the real API server, for faults that the real one does not produce on demand.

It forwards everything, counts writes, and can kill somebody before or after the n-th write, to answer in the
API server's place, to leave requests without an answer, to cut or to silence all watch streams, and to serve with the
certificate of another authority.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime as dt
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web

from run_operator.pki.ca import CertificateAuthority
from tests.support.kubeconfig_file import write_kubeconfig

WRITES = ("POST", "PATCH", "PUT", "DELETE")
HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "host", "content-encoding", "keep-alive"}
START_DEADLINE = 10.0
REFUSED = 400


class Proxy:
    """Runs in a thread of its own; `kubeconfig` is for the programs that go through it.

    `host` is the name in that kubeconfig; the proxy listens on the loopback. With an `authority` it speaks HTTPS, and
    `ca_file` holds who signed.
    """

    def __init__(
        self,
        kubeconfig: Path,
        folder: Path,
        host: str = "127.0.0.1",
        authority: CertificateAuthority | None = None,
    ) -> None:
        self._target = kubeconfig
        self._folder = folder
        self._host = host
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if authority else None
        if authority:
            self._certify(authority)
        self.kubeconfig = folder / "proxied-kubeconfig"
        self.ca_file = folder / "proxied-ca.crt"
        if authority:
            self.ca_file.write_bytes(authority.certificate)
        self.writes: list[str] = []
        """`PATCH /apis/...` of every write that was forwarded, in order."""
        self.answer: Callable[[str, str], web.Response | None] = lambda *_: None
        """Asked for every request; what it returns is answered in the API server's place."""
        self.mute: Callable[[str], bool] = lambda _: False
        """Asked with the path of a watch for each piece of it: whether this and what follows on that watch is kept back."""
        self.before_write: Callable[[int], None] = lambda _: None
        self.after_write: Callable[[int], None] = lambda _: None
        self._loop = asyncio.new_event_loop()
        self._streams: set[asyncio.Task[Any]] = set()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._started = threading.Event()
        self._stop = asyncio.Event()
        self._port = 0
        self._paused = False
        self._silent = False
        self._hanging = False
        self._runner: web.AppRunner | None = None
        self.accepted: list[tuple[float, str]] = []
        """When each write that the API server did not refuse was answered, and what it was."""

    def start(self) -> None:
        """Listen, and write the kubeconfig."""
        self._thread.start()
        assert self._started.wait(START_DEADLINE), "the proxy did not start"
        server = f"{'https' if self._tls else 'http'}://{self._host}:{self._port}"
        write_kubeconfig(self.kubeconfig, server, authority=self.ca_file if self._tls else None)

    def stop(self) -> None:
        """End all connections and the thread."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(START_DEADLINE)

    def pause(self) -> None:
        """Break every request off, as an API server does that is starting again."""
        self._paused = True

    def unpause(self) -> None:
        """Be there again."""
        self._paused = False

    def silence(self) -> None:
        """No watch that is open now, or opened until `speak`, ever says a word again, as behind a dead NAT."""
        self._silent = True

    def speak(self) -> None:
        """Watches that are opened from now on get events."""
        self._silent = False

    def hang(self) -> None:
        """Leave every request from now on without an answer, and its connection open."""
        self._hanging = True

    def unhang(self) -> None:
        """Answer those that come from now on."""
        self._hanging = False

    def serve_with(self, authority: CertificateAuthority) -> None:
        """Another authority's certificate from now on; every client must connect again."""
        self._certify(authority)
        self.cut_connections()

    def cut_connections(self) -> None:
        """All of them."""

        async def cut() -> None:
            assert self._runner is not None
            assert self._runner.server is not None
            for connection in self._runner.server.connections:
                if connection.transport is not None:
                    connection.transport.abort()

        asyncio.run_coroutine_threadsafe(cut(), self._loop).result(START_DEADLINE)

    def cut_streams(self) -> int:
        """End all watches without a word; returns how many there were."""

        async def cut() -> int:
            count = len(self._streams)
            for task in list(self._streams):
                task.cancel()
            return count

        return asyncio.run_coroutine_threadsafe(cut(), self._loop).result(START_DEADLINE)

    def _certify(self, authority: CertificateAuthority) -> None:
        serving = self._folder / "proxied-serving.pem"
        serving.write_bytes(authority.issue([self._host, "127.0.0.1"], dt.datetime.now(dt.UTC)))
        assert self._tls is not None
        self._tls.load_cert_chain(serving)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
            rest = asyncio.all_tasks(self._loop)
            for task in rest:
                task.cancel()
            if rest:
                self._loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        with tls(self._target) as (server, context):
            self._server = server
            connector = aiohttp.TCPConnector(ssl=context, limit=0)
            async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
                self._session = session
                app = web.Application(client_max_size=16 * 1024**2)
                app.router.add_route("*", "/{path:.*}", self._forward)
                runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
                await runner.setup()
                self._runner = runner
                site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self._tls)
                await site.start()
                self._port = runner.addresses[0][1]
                self._started.set()
                await self._stop.wait()
                await runner.cleanup()

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        if self._paused:
            assert request.transport is not None
            request.transport.abort()
            return web.Response(status=500)
        if self._hanging:
            await asyncio.Event().wait()
        instead = self.answer(request.method, request.path_qs)
        if instead is not None:
            return instead
        number = self._count(request)
        if number:
            await asyncio.to_thread(self.before_write, number)
        body = await request.read()
        headers = {k: v for k, v in request.headers.items() if k.lower() not in HOP_BY_HOP}
        async with self._session.request(
            request.method, self._server + request.path_qs, headers=headers, data=body or None
        ) as upstream:
            kept = {
                k: v
                for k, v in upstream.headers.items()
                if k.lower() not in HOP_BY_HOP - {"content-encoding"}
            }
            response = web.StreamResponse(status=upstream.status, headers=kept)
            if number:
                await asyncio.to_thread(self.after_write, number)
                if upstream.status < REFUSED:
                    self.accepted.append((time.monotonic(), f"{request.method} {request.path}"))
            await response.prepare(request)
            await self._pass_on(request, upstream, response)
            return response

    async def _pass_on(
        self, request: web.Request, upstream: aiohttp.ClientResponse, response: web.StreamResponse
    ) -> None:
        task = asyncio.current_task()
        watching = "watch=true" in request.query_string.lower()
        if watching and task:
            self._streams.add(task)
        try:
            async for chunk in upstream.content.iter_any():
                if watching and (self._silent or self.mute(request.path)):
                    await asyncio.Event().wait()
                await response.write(chunk)
            await response.write_eof()
        finally:
            if task:
                self._streams.discard(task)

    def _count(self, request: web.Request) -> int:
        if request.method not in WRITES or request.path.endswith("/events"):
            return 0
        self.writes.append(f"{request.method} {request.path}")
        return len(self.writes)


@contextlib.contextmanager
def tls(kubeconfig: Path) -> Iterator[tuple[str, ssl.SSLContext]]:
    """The server of a kubeconfig with certificates, and what a connection to it needs."""
    document = yaml.safe_load(kubeconfig.read_text())
    cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for name, holder in (
            ("certificate-authority", cluster),
            ("client-certificate", user),
            ("client-key", user),
        ):
            path = Path(folder) / name
            data = holder.get(f"{name}-data")
            path.write_bytes(base64.b64decode(data) if data else Path(holder[name]).read_bytes())
            files[name] = str(path)
        context = ssl.create_default_context(cafile=files["certificate-authority"])
        context.load_cert_chain(files["client-certificate"], files["client-key"])
        yield cluster["server"], context
