"""Reloads the certificate of an HTTPS port when its two files change."""

from __future__ import annotations

import asyncio
import logging
import ssl
from pathlib import Path
from typing import Final

EVERY: Final = 10.0
"""Seconds between two checks."""

log = logging.getLogger(__name__)


class ReloadingCertificate:
    """`folder` holds tls.crt and tls.key, as a Secret of the type kubernetes.io/tls does."""

    def __init__(self, folder: Path) -> None:
        self._files = folder / "tls.crt", folder / "tls.key"
        self._loaded = b""
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        """A renewed certificate is used for new connections."""
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2

    def load(self) -> bool:
        """Read the files if they have changed; returns whether they had. Raises OSError (also ssl.SSLError)."""
        content = b"".join(path.read_bytes() for path in self._files)
        if content == self._loaded:
            return False
        self.context.load_cert_chain(*self._files)
        self._loaded = content
        return True

    async def keep_fresh(self) -> None:
        """Check the files until cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            try:
                if self.load():
                    log.info("the certificate was renewed")
            except OSError as error:
                log.warning("cannot reload the certificate of the gateway: %s", error)
