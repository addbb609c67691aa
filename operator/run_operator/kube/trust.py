"""The authority of the API server as a file that may change: a new one is trusted without a restart."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger(__name__)


def _nobody() -> None:
    return None


class Trust:
    """The CA file of a connection pool. Authorities that were trusted before stay trusted until the process ends."""

    def __init__(self, path: str | None, context: ssl.SSLContext) -> None:
        self._path = Path(path) if path else None
        self._context = context
        self._held = self._read()
        self.renewed: Callable[[], None] = _nobody
        """Called after another authority was read: who holds a context of their own opens it again."""

    def refused(self) -> None:
        """The server's certificate was not trusted: read the file again, if it has changed."""
        found = self._read()
        if self._path is None or not found or found == self._held:
            return
        try:
            self._context.load_verify_locations(cadata=found.decode("ascii"))
        except (ssl.SSLError, ValueError) as error:
            log.warning("cannot read the CA certificate of the API server in %s: %s", self._path, error)
            return
        self._held = found
        log.info("the CA certificate of the API server has changed: %s was read again", self._path)
        self.renewed()

    def _read(self) -> bytes:
        try:
            return self._path.read_bytes() if self._path else b""
        except OSError:
            return b""
