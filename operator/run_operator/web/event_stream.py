"""Server-Sent Events to one viewer, with bounds: pings, a longest duration, and an end for a viewer that does not read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any, Final, Protocol

from aiohttp import web

from run_operator.gateway.encoding import encoded
from run_operator.web.errors import RefusedError
from run_operator.web.limits import WebLimits
from run_operator.web.stream_places import StreamPlace

PING: Final = b": ping\n\n"
LOOK: Final = 2.0
"""Seconds between two checks whether the viewer is still connected."""


def frame(name: str, data: Any) -> bytes:
    """One event."""
    return raw_frame(name, encoded(data))


def raw_frame(name: str, data: bytes) -> bytes:
    """One event of JSON that is written already; it has no line breaks."""
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"


EXPIRED: Final = frame("expired", {})
"""The frame after which the page opens the stream again."""


class Viewer(Protocol):
    """Messages that one stream still has to send."""

    wake: asyncio.Event
    """Set when there is something to send."""

    def frames(self) -> Iterator[bytes]:
        """The frames since the last call."""

    @property
    def over(self) -> bool:
        """Whether the stream has ended, so that the page opens it again."""

    @property
    def size(self) -> int:
        """Bytes that are held for this viewer."""

    def refuse(self, problem: RefusedError) -> None:
        """End the stream with an error: this viewer may not see the objects any more."""


class EventStream:
    """The answer to one request."""

    def __init__(self, request: web.BaseRequest, headers: dict[str, str], limits: WebLimits) -> None:
        self._request = request
        self._limits = limits
        self._response = web.StreamResponse(headers=headers)
        self._response.content_type = "text/event-stream"
        self._response.charset = "utf-8"

    async def serve(self, viewer: Viewer, place: StreamPlace, stopped: asyncio.Event) -> web.StreamResponse:
        """Send frames until the viewer goes or is too slow, the place is needed, the time is over, or the server stops."""
        limits = self._limits
        place.ends_by(viewer.refuse)
        until, quiet_since = time.monotonic() + limits.stream, time.monotonic()
        try:
            await self._within(self._response.prepare(self._request))
            while not viewer.over and not stopped.is_set() and time.monotonic() < until and self._there():
                if await _woken(viewer.wake, stopped):
                    viewer.wake.clear()
                    for one in viewer.frames():
                        await self._within(self._response.write(one))
                        quiet_since = time.monotonic()
                    place.hold(viewer.size)
                    await _woken(stopped, stopped, limits.batch)
                elif time.monotonic() - quiet_since > limits.ping:
                    await self._within(self._response.write(PING))
                    quiet_since = time.monotonic()
            for one in (*viewer.frames(), EXPIRED):
                await self._within(self._response.write(one))
            await self._within(self._response.write_eof())
        except TimeoutError:
            self._abort()
        except ConnectionError:
            pass  # the viewer has gone
        return self._response

    async def _within(self, writing: Any) -> None:
        async with asyncio.timeout(self._limits.write):
            await writing

    def _there(self) -> bool:
        transport = self._request.transport
        return transport is not None and not transport.is_closing()

    def _abort(self) -> None:
        if self._request.transport is not None:
            self._request.transport.abort()


async def _woken(event: asyncio.Event, other: asyncio.Event, within: float = LOOK) -> bool:
    """Whether the event is set within that time; sooner if the other one is."""
    if event.is_set():
        return True
    waiting = [asyncio.ensure_future(one.wait()) for one in {event, other}]
    try:
        await asyncio.wait(waiting, timeout=within, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waiting:
            one.cancel()
    return event.is_set()
