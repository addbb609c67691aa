"""An HTTP server with a bound on its connections."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web


class Bounded(web.Server):
    """Connections beyond the bound are closed at once: whoever is in goes on."""

    def __init__(self, *arguments: Any, most: int, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._most = most

    def connection_made(self, handler: Any, transport: asyncio.Transport) -> None:
        """Somebody connects."""
        super().connection_made(handler, transport)
        if len(self.connections) > self._most:
            transport.abort()
