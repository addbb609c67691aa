"""Requests to events, and what a handler returns to responses: nuclio's rules, as an ASGI application."""

from __future__ import annotations

import asyncio
import datetime as dt
import inspect
import itertools
import json
import os
import signal
import sys
import threading
import types
import uuid
from collections.abc import Awaitable, Mapping
from typing import Any, Callable, NamedTuple

from . import nuclio
from .errors import last_line
from .threads import Threads
from .traces import show

MAX_BODY = 64 << 20
JSON = "application/json"
TEXT = "text/plain"

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


class Answer(NamedTuple):
    """A response. `more` are further parts of the body, of a handler that yields."""

    status: int
    content_type: str
    headers: Mapping[str, Any]
    body: bytes
    more: Any = None


class Application:
    """Calls the handler for each request.

    One event at a time, as nuclio does it: in the event loop, which costs nothing. Several at once: in threads.
    `grace`: seconds after SIGTERM that a handler gets which the loop waits for.
    """

    def __init__(
        self,
        handler: Callable[..., Any],
        given: Mapping[str, Any],
        *,
        takes_event: bool,
        concurrency: int,
        grace: int = 25,
    ) -> None:
        self._handler = handler
        self._given = dict(given)
        self._takes_event = takes_event
        self._in_loop = inspect.iscoroutinefunction(handler) or inspect.isasyncgenfunction(handler)
        self._threads = Threads(concurrency) if concurrency > 1 and not self._in_loop else None
        self._grace = grace
        self._guarded = False
        self._names: dict[bytes, str] = {}

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """ASGI 3."""
        if not self._guarded:
            self._guarded = True
            bound_end(self._grace)
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1003})
            return
        body = await _read(receive)
        if body is None:
            await _write(
                send, Answer(413, TEXT, {}, f"at most {MAX_BYTES_TEXT} are taken".encode()), head=False
            )
            return
        try:
            returned = await self._call(self._event(scope, body) if self._takes_event else None)
            answer = answer_of(returned)
            if answer.more is not None:
                await self._stream(send, answer)
                return
        except asyncio.CancelledError:  # the server ends, and this request has had its time
            answer = Answer(503, TEXT, {}, b"the service is stopping")
        except Exception as error:  # noqa: BLE001 - of the handler: this request fails, the server goes on
            show(error)
            answer = failure(error)
        await _write(send, answer, head=scope["method"] == "HEAD")

    async def _call(self, event: Any) -> Any:
        given = {**self._given, "event": event} if self._takes_event else self._given
        if self._in_loop:
            returned = self._handler(**given)
            return await returned if inspect.isawaitable(returned) else returned
        if self._threads is None:
            return without_loop(lambda: self._handler(**given))
        return await self._threads.call(lambda: self._handler(**given))

    async def _stream(self, send: Send, answer: Answer) -> None:
        await send(_start(answer, length=None))
        await send({"type": "http.response.body", "body": answer.body, "more_body": True})
        async for part in self._parts(answer.more):
            await send({"type": "http.response.body", "body": as_bytes(part), "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _parts(self, generator: Any) -> Any:
        if isinstance(generator, types.AsyncGeneratorType):
            async for part in generator:
                yield part
            return
        end = object()
        while (part := await self._next(generator, end)) is not end:
            yield part

    async def _next(self, generator: Any, end: Any) -> Any:
        if self._threads is None:
            return without_loop(lambda: next(generator, end))
        return await self._threads.call(lambda: next(generator, end))

    def _event(self, scope: Mapping[str, Any], body: bytes) -> Any:
        names = self._names
        headers = {
            names.get(name) or self._name(name): value.decode("latin-1") for name, value in scope["headers"]
        }
        content_type, path = headers.get("Content-Type", ""), scope["path"]
        query = scope["query_string"].decode("latin-1")
        content: Any = body
        if content_type == JSON:
            try:
                content = json.loads(body)
            except ValueError:
                content = body
        return nuclio.Event(
            body=content, content_type=content_type, trigger=TRIGGER, fields=nuclio.fields_of(query) if query else {},
            headers=headers, _id=f"{PROCESS}-{next(NUMBERS)}", method=scope["method"], path=path, size=len(body),
            timestamp=dt.datetime.now(dt.timezone.utc).replace(tzinfo=None), shard_id=0, num_shards=0, _type="",
            type_version="", version="",
            url=f"http://{headers.get('Host', '')}{path}" + (f"?{query}" if query else ""),
        )  # fmt: skip

    def _name(self, name: bytes) -> str:
        """`Content-Type`, as Go writes it; remembered, since clients send the same few."""
        known = self._names.get(name)
        if known is None:
            known = "-".join(part.capitalize() for part in name.decode("latin-1").split("-"))
            if len(self._names) < 256:  # noqa: PLR2004 - others are made each time
                self._names[name] = known
        return known


def without_loop(call: Callable[[], Any]) -> Any:
    """Call a function that is not a coroutine as if there were no event loop: it may run one of its own.

    sys.exit in it is an error of this request, and no end of the server.
    """
    loop = asyncio.get_running_loop()
    asyncio._set_running_loop(None)  # noqa: SLF001 - documented for those who run loops
    try:
        return call()
    except SystemExit as error:
        raise RuntimeError(f"the handler called sys.exit({error.code!r})") from error
    finally:
        asyncio._set_running_loop(loop)  # noqa: SLF001


def bound_end(seconds: int) -> None:
    """After SIGTERM the server waits for requests under way, and a handler may never return: then the process ends."""
    if threading.current_thread() is not threading.main_thread():
        return
    before = signal.getsignal(signal.SIGTERM)

    def end() -> None:
        sys.stdout.flush()
        os._exit(128 + signal.SIGTERM)

    def stop(number: int, frame: types.FrameType | None) -> None:
        timer = threading.Timer(seconds, end)
        timer.daemon = True
        timer.start()
        if callable(before):
            before(number, frame)

    signal.signal(signal.SIGTERM, stop)


MAX_BYTES_TEXT = f"{MAX_BODY >> 20} MiB"
PROCESS, NUMBERS = uuid.uuid4().hex, itertools.count(1)
TRIGGER = nuclio.Trigger("http", "default-http")


def answer_of(returned: Any) -> Answer:  # noqa: PLR0911 - one line a rule
    """nuclio's rules: texts, (status, body), maps and lists, `context.Response`, generators, anything else as text."""
    if isinstance(returned, (dict, list)):
        return Answer(200, JSON, {}, nuclio.as_json(returned).encode())
    if isinstance(returned, types.GeneratorType):
        return _first(next(returned, ""), returned)
    if isinstance(returned, types.AsyncGeneratorType):
        return Answer(200, TEXT, {}, b"", returned)
    if isinstance(returned, str):
        return Answer(200, TEXT, {}, returned.encode())
    if isinstance(returned, tuple) and len(returned) == 2:  # noqa: PLR2004 - status and body
        status, body = returned
        if isinstance(body, str):
            return Answer(int(status), TEXT, {}, body.encode())
        return Answer(int(status), JSON, {}, nuclio.as_json(body).encode())
    if isinstance(returned, nuclio.Response):
        return _of_response(returned)
    return Answer(200, TEXT, {}, as_bytes(returned))


def failure(error: BaseException) -> Answer:
    """500 with the last line of the traceback, or the status that the exception carries, as nuclio-sdk's do."""
    status = getattr(error, "status_code", None)
    if not isinstance(status, int) or not 400 <= status < 600:  # noqa: PLR2004 - HTTP
        status = 500
    return Answer(status, TEXT, {}, last_line(error).encode())


def as_bytes(body: Any) -> bytes:
    """Bytes as they are, anything else as text."""
    if isinstance(body, (bytes, bytearray)):
        return bytes(body)
    return (body if isinstance(body, str) else str(body)).encode()


def _of_response(response: Any) -> Answer:
    body, status, headers = response.body, int(response.status_code), response.headers or {}
    if isinstance(body, dict):
        return Answer(status, JSON, headers, json.dumps(body).encode())
    content_type = response.content_type or TEXT
    if isinstance(body, types.GeneratorType):
        return Answer(status, content_type, headers, as_bytes(_body(next(body, ""))), body)
    if isinstance(body, types.AsyncGeneratorType):
        return Answer(status, content_type, headers, b"", body)
    return Answer(status, content_type, headers, as_bytes(body))


def _first(item: Any, generator: Any) -> Answer:
    return answer_of(item)._replace(more=generator)


def _body(item: Any) -> Any:
    return item.body if isinstance(item, nuclio.Response) else item


async def _read(receive: Receive) -> bytes | None:
    """The body; None: it is too large."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b"".join(parts)
        part = message.get("body", b"")
        size += len(part)
        if size > MAX_BODY:
            return None
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts) if len(parts) > 1 else part


def _start(answer: Answer, length: int | None) -> Mapping[str, Any]:
    headers: list[tuple[bytes, bytes]] = []
    typed = False
    for name, value in answer.headers.items():
        lower = str(name).lower()
        if lower in ("content-length", "transfer-encoding", "connection"):
            continue  # the server's own
        typed = typed or lower == "content-type"
        headers.append((lower.encode("latin-1"), str(value).encode("latin-1", "replace")))
    if not typed:
        headers.append((b"content-type", answer.content_type.encode("latin-1", "replace")))
    if length is not None:
        headers.append((b"content-length", b"%d" % length))
    return {"type": "http.response.start", "status": answer.status, "headers": headers}


async def _write(send: Send, answer: Answer, *, head: bool) -> None:
    await send(_start(answer, len(answer.body)))
    await send({"type": "http.response.body", "body": b"" if head else answer.body})
