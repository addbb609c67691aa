"""The HTTP server of ingest and gateway: bounds on connections, times and request bodies."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import math
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from aiohttp import HttpVersion11, web

from run_operator.http.sockets import listening_socket

BACKLOG: Final = 512
LINGER: Final = 1.0
"""Seconds spent on reading the rest of a refused request."""
BUSY_RETRY: Final = 2.0
_SILENT: Final = logging.Logger("silent", logging.CRITICAL)  # noqa: LOG001 - used by no other code
"""Malformed requests must not fill the log; the handlers log errors of our own."""

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
SERVER: Final = "run-operator"
"""The header Server of every answer, without versions."""

T = TypeVar("T")
Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Times in seconds, sizes in bytes."""

    connections: int = 1024
    """Connections of each port. A new one beyond the bound replaces one of the address that has the most."""
    handshake: float = 5.0
    """Time for the TLS handshake."""
    idle: float = 30.0
    """An idle connection is closed after this time."""
    header: int = 16_384
    """Size of one header, and so of a token; also of an address."""
    body_time: float = 10.0
    """Time for a request body to arrive."""
    answer_time: float = 30.0
    """Time for the caller to read an answer."""
    bodies: int = 67_108_864
    """Size of all request bodies that are read at once."""
    bodies_each: int = 16_777_216
    """Most bytes of the bodies of one sender."""


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
            answer_time=self._bounds.answer_time,
            refused=self._refused,
            access_log=None,
            logger=_SILENT,
            keepalive_timeout=self._bounds.idle,
            lingering_time=LINGER,
            auto_decompress=False,
            max_field_size=self._bounds.header,
            max_line_size=self._bounds.header,
        )
        handshake = self._bounds.handshake if context else None
        listening = listening_socket(host, port, BACKLOG)
        server = await asyncio.get_running_loop().create_server(
            http, sock=listening, ssl=context, backlog=BACKLOG, ssl_handshake_timeout=handshake
        )
        self._open.append((server, http))
        return int(server.sockets[0].getsockname()[1])

    async def close(self, within: float) -> None:
        """Accept no more requests; answer those that finish `within` seconds. Connections without a request close at once."""
        for server, http in self._open:
            server.close()
            http.pre_shutdown()
        await asyncio.gather(*(http.shutdown(within) for _, http in self._open))


class OverBudgetError(Exception):
    """So many bytes are not left; the text says whose."""


class ByteBudget:
    """Bytes in use at once: so many in all, and so many of one caller, who leaves as many free as it uses.

    So several callers that take all they can leave something for the next one.
    """

    def __init__(self, total: int, each: int) -> None:
        self._total = total
        self._each = each
        self.used = 0
        self._of: Counter[str] = Counter()

    @contextlib.contextmanager
    def hold(self, size: int, caller: str) -> Iterator[None]:
        """Use them for a while. `caller` empty: nobody's share. Raises OverBudgetError."""
        if self.used + size > self._total:
            raise OverBudgetError("too many requests at the same time")
        if caller and self._of[caller] + size > min(self._each, self._total - self.used):
            raise OverBudgetError("too many requests of one caller at the same time")
        self.used += size
        self._of[caller] += size
        try:
            yield
        finally:
            self.used -= size
            self._of[caller] -= size
            if not self._of[caller]:
                del self._of[caller]


class Bodies:
    """Reads request bodies within a common byte budget."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._budget = ByteBudget(bounds.bodies, bounds.bodies_each)

    @property
    def reading(self) -> int:
        """Bytes being read or reserved."""
        return self._budget.used

    async def read(
        self, request: web.BaseRequest, most: int, sender: str = "", held: contextlib.ExitStack | None = None
    ) -> bytes:
        """Read the body. Raises BodyError: 413 longer than `most` bytes, 408 too slow, 503 too many at once, 400 cut off, 417.

        `sender`: whose share of the budget it counts against; empty for no share. `held`: until this is closed; without it
        the body counts while it is read.
        """
        length = request.content_length
        if length is not None and length > most:
            raise _too_long(most)
        reserved = most if length is None else length
        try:
            with contextlib.ExitStack() as reading:
                (reading if held is None else held).enter_context(self._budget.hold(reserved, sender))
                async with asyncio.timeout(self._bounds.body_time):
                    await _invite(request)
                    return await _whole(request, most)
        except OverBudgetError as error:
            raise BodyError(503, str(error), "bodies", BUSY_RETRY) from error
        except (ConnectionError, web.RequestPayloadError) as error:
            raise BodyError(400, "the connection was closed before the request was complete") from error
        except TimeoutError as error:
            late = f"the body did not arrive within {self._bounds.body_time:g} s"
            raise BodyError(408, late, "body_time") from error


async def send(request: web.BaseRequest, response: web.StreamResponse, seconds: float) -> None:
    """Send the whole answer, or cut the connection of a caller that does not read it within this time."""
    response.headers["Server"] = SERVER
    try:
        with contextlib.suppress(ConnectionError):  # the caller has gone
            async with asyncio.timeout(seconds):
                await response.prepare(request)
                await response.write_eof()
                await request.writer.drain()
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()


async def _invite(request: web.BaseRequest) -> None:
    """Answer 100 to a sender that waits for it. Raises BodyError 417 for another expectation."""
    expected = request.headers.get("Expect", "")
    if not expected or request.version < HttpVersion11:
        return
    if expected.lower() != "100-continue":
        raise BodyError(417, "the header Expect may only be 100-continue")
    if request.transport is not None and request.content.total_bytes == 0:
        request.transport.write(CONTINUE)


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
    """Closes a connection for each one beyond the bound: of the addresses with the most, idle ones first."""

    def __init__(
        self, handle: Handle, *, most: int, answer_time: float, refused: Callable[[], None], **options: Any
    ) -> None:
        super().__init__(self._handled, **options)
        self._handle = handle
        self._options = options
        self._most = most
        self._answer_time = answer_time
        self._refused = refused
        self._idle: dict[Any, bool] = {}
        """Connections without a request, the oldest first, and whether each has had one."""
        self._from: dict[Any, str] = {}
        """The address that each connection comes from, the oldest first."""

    def __call__(self) -> web.RequestHandler:
        """The handler of a new connection."""
        return _Connection(self, loop=asyncio.get_running_loop(), **self._options)

    def connection_made(self, handler: Any, transport: asyncio.Transport) -> None:
        """Count the connection, and close it if there are too many."""
        super().connection_made(handler, transport)
        self._idle[handler] = False
        self._from[handler] = str((transport.get_extra_info("peername") or ("",))[0])
        if len(self.connections) > self._most:
            self._refused()
            given_up = surplus(handler, self._from, self._idle)
            self._idle.pop(given_up, None)
            self._from.pop(given_up, None)
            closing = given_up.transport or transport
            # Later, because closing before the handler starts would be logged as an error.
            asyncio.get_running_loop().call_soon(closing.abort)

    def connection_lost(self, handler: Any, exc: BaseException | None = None) -> None:
        """Forget the connection."""
        self._idle.pop(handler, None)
        self._from.pop(handler, None)
        super().connection_lost(handler, exc)

    async def _handled(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = request.protocol
        self._idle.pop(connection, None)
        try:
            response = await self._handle(request)
            await send(request, response, self._answer_time)
            return response
        finally:
            if request.transport is not None:
                self._idle[connection] = True


def surplus(new: T, origin: Mapping[T, str], idle: Mapping[T, bool]) -> T:
    """The connection to close: one of an address that has the most, so that a flood closes no connection of others.

    `origin`: the address of each connection, the oldest first. `idle`: those without a request, and whether each has had
    one. First idle ones that never had a request, then other idle ones, then the new one; where it is of an address with
    fewer, the oldest of the other address gives way.
    """
    counts = Counter(origin.values())
    most = max(counts.values())
    greedy = {address for address, count in counts.items() if count == most}
    waiting = [one for one in idle if one is not new and origin.get(one) in greedy]
    silent = (one for one in waiting if not idle[one])
    fallback = new if origin[new] in greedy else next(one for one in origin if origin[one] in greedy)
    return next(silent, next(iter(waiting), fallback))


class _Connection(web.RequestHandler):
    """Answers malformed requests without repeating them: the malformed header may hold a token."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        _error: BaseException | None = None,
        _message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to a request that is not valid HTTP."""
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has already begun")
        message = _MALFORMED if status < _OURS else "the server could not answer"
        body = json.dumps({"status": status, "message": message}).encode()
        response = web.Response(status=status, body=body, content_type="application/json")
        response.headers["Server"] = SERVER
        response.force_close()
        return response


_OURS: Final = 500
"""The first status that is an error of the server."""
_MALFORMED: Final = "the request is not valid HTTP, or a header is too long or has an invalid character"


OK = 200
ACCEPTED = 202


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; `body` is sent as JSON."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    tenant: str = ""
    """The namespace or caller whose share of all answers it uses; empty for a short one, such as a refusal."""


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
