"""An HTTP server with a bound on its connections."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import web


class Bounded(web.Server):
    """Connections beyond the bound are closed at once: whoever is in goes on. `refused` is told of each."""

    def __init__(
        self, *arguments: Any, most: int, refused: Callable[[], None] = lambda: None, **more: Any
    ) -> None:
        super().__init__(*arguments, **more)
        self._most = most
        self._refused = refused

    def connection_made(self, handler: Any, transport: asyncio.Transport) -> None:
        """Somebody connects."""
        super().connection_made(handler, transport)
        if len(self.connections) > self._most:
            self._refused()
            # Not before its handler has begun: that would fail, and be logged.
            asyncio.get_running_loop().call_soon(transport.abort)
