"""Answers of the API server as kopf can read them: Python's parser ends at a depth that anybody's object may have.

kopf decodes lists and events itself, and ends the stream at the first one that it cannot decode: of all namespaces, and
again whenever the stream is opened.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any, Final

import aiohttp

from run_operator.kube import client, nesting

EXPIRED: Final = b'{"type": "ERROR", "object": {"kind": "Status", "code": 410}}\n'
LONGEST_LINE: Final = 32 * 1024 * 1024
"""Bytes of one event: several times the largest object in etcd."""

log = logging.getLogger(__name__)


class ShallowResponse(aiohttp.ClientResponse):
    """JSON, whole or line by line, without what is nested too deeply."""

    async def start(self, connection: Any) -> ShallowResponse:
        """Read the head of the answer. A reader of pieces of its content gets whole lines."""
        await super().start(connection)
        self.content = _Lines(self.content)  # type: ignore[assignment]  # it does what kopf asks of it
        return self

    async def json(self, **_: Any) -> Any:
        """The whole answer."""
        return nesting.loads(await self.read())


class _Lines:
    """A stream reader, but for its pieces: those are whole lines."""

    def __init__(self, content: aiohttp.StreamReader) -> None:
        self._content = content

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """Lines of JSON, each of them shallow. A watch on which nothing arrives ends as one that is too old does: kopf lists again."""
        rest = b""
        pieces = aiter(self._content.iter_chunked(size))
        while True:
            try:
                async with asyncio.timeout(client.SILENCE):
                    piece = await anext(pieces)
            except StopAsyncIteration:
                break
            except TimeoutError:
                log.warning(
                    "listing Runs and what they refer to again: nothing came for %g s", client.SILENCE
                )
                yield EXPIRED
                return
            *lines, rest = (rest + piece).split(b"\n")
            if lines:
                yield b"".join(nesting.cut(line) + b"\n" for line in lines)
            if len(rest) > LONGEST_LINE:
                raise aiohttp.ClientPayloadError(f"an event is longer than {LONGEST_LINE} bytes")
        if rest:
            yield nesting.cut(rest)
