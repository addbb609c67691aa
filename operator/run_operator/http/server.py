"""The HTTP server of ingest and gateway: bounds on connections, times and request bodies."""

from __future__ import annotations

import asyncio
import logging
import math
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

BACKLOG: Final = 512
LINGER: Final = 1.0
"""Seconds spent on reading the rest of a refused request."""
BUSY_RETRY: Final = 2.0
_SILENT: Final = logging.Logger("silent", logging.CRITICAL)  # noqa: LOG001 - used by no other code
"""Malformed requests must not fill the log; the handlers log errors of our own."""

Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Times in seconds, sizes in bytes."""

    connections: int = 1024
    """Connections of each port."""
    handshake: float = 5.0
    """Time for the TLS handshake."""
    idle: float = 30.0
    """An idle connection is closed after this time."""
    header: int = 16_384
    """Size of one header, and so of a token."""
    body_time: float = 10.0
    """Time for a request body to arrive."""
    bodies: int = 67_108_864
    """Size of all request bodies that are read at once."""


class BodyError(Exception):
    """A request body is refused. `status` and the text are for the sender; `limit` names the reached bound."""

    def __init__(self, status: int, text: str, limit: str = "", retry_after: float | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.limit = limit
        self.retry_after = retry_after


class Ports:
    """Any number of ports with one handler. `refused` is called for each connection beyond the bound."""

    def __init__(self, handle: Handle, bounds: Bounds, refused: Callable[[], None] = lambda: None) -> None:
        self._handle = handle
        self._bounds = bounds
        self._refused = refused
        self._open: list[tuple[asyncio.Server, web.Server]] = []

    async def listen(self, host: str, port: int, context: ssl.SSLContext | None) -> int:
        """Listen; an empty host means all addresses. Returns the port. Raises OSError when the port is taken."""
        http = _Bounded(
            self._handle,
            most=self._bounds.connections,
            refused=self._refused,
            access_log=None,
            logger=_SILENT,
            keepalive_timeout=self._bounds.idle,
            lingering_time=LINGER,
            auto_decompress=False,
            max_field_size=self._bounds.header,
        )
        handshake = self._bounds.handshake if context else None
        server = await asyncio.get_running_loop().create_server(
            http, host or None, port, ssl=context, backlog=BACKLOG, ssl_handshake_timeout=handshake
        )
        self._open.append((server, http))
        return int(server.sockets[0].getsockname()[1])

    async def close(self, within: float) -> None:
        """Accept no more requests; answer those that finish `within` seconds."""
        for server, _ in self._open:
            server.close()
        await asyncio.gather(*(http.shutdown(within) for _, http in self._open))


class Bodies:
    """Reads request bodies within a common byte budget."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self.reading = 0
        """Bytes being read or reserved."""

    async def read(self, request: web.BaseRequest, most: int) -> bytes:
        """Raises BodyError: 413 longer than `most` bytes, 408 too slow, 503 too many at once, 400 cut off."""
        length = request.content_length
        if length is not None and length > most:
            raise _too_long(most)
        reserved = most if length is None else length
        if self.reading + reserved > self._bounds.bodies:
            raise BodyError(503, "too many requests at once", "bodies", BUSY_RETRY)
        self.reading += reserved
        try:
            async with asyncio.timeout(self._bounds.body_time):
                return await _whole(request, most)
        except (ConnectionError, web.RequestPayloadError) as error:
            raise BodyError(400, "the request was cut off") from error
        except TimeoutError as error:
            late = f"the body did not arrive within {self._bounds.body_time:g} s"
            raise BodyError(408, late, "body_time") from error
        finally:
            self.reading -= reserved


async def _whole(request: web.BaseRequest, most: int) -> bytes:
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > most:
            raise _too_long(most)
    return bytes(body)


def _too_long(most: int) -> BodyError:
    return BodyError(413, f"the request body exceeds {most} bytes", "body")


class _Bounded(web.Server):
    """Closes connections beyond the bound at once and keeps the others."""

    def __init__(self, *arguments: Any, most: int, refused: Callable[[], None], **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._most = most
        self._refused = refused

    def connection_made(self, handler: Any, transport: asyncio.Transport) -> None:
        """Count the connection, and close it if there are too many."""
        super().connection_made(handler, transport)
        if len(self.connections) > self._most:
            self._refused()
            # Later, because closing before the handler starts would be logged as an error.
            asyncio.get_running_loop().call_soon(transport.abort)


OK = 200
ACCEPTED = 202


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; `body` is sent as JSON."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


class DeniedError(Exception):
    """The request is refused. The text is a sentence for the sender."""

    def __init__(self, status: int, message: str, *, retry_after: float | None = None, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self._retry_after = retry_after
        self._more = more

    @property
    def answer(self) -> Answer:
        """The answer to send; `Retry-After` is in whole seconds, at least one."""
        headers = (
            {} if self._retry_after is None else {"Retry-After": str(max(1, math.ceil(self._retry_after)))}
        )
        return Answer(self.status, {"error": str(self), **self._more}, headers)
