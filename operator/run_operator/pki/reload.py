"""The certificate of the HTTPS port: two files that somebody else renews, read again when they change."""

from __future__ import annotations

import asyncio
import logging
import ssl
from pathlib import Path
from typing import Final

EVERY: Final = 10.0
"""Seconds between two looks."""

log = logging.getLogger(__name__)


class ReloadingCertificate:
    """`folder` holds tls.crt and tls.key, as a Secret of the type kubernetes.io/tls does."""

    def __init__(self, folder: Path) -> None:
        self._files = folder / "tls.crt", folder / "tls.key"
        self._loaded = b""
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        """What is renewed counts for connections made from then on."""
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2

    def load(self) -> bool:
        """Read the files if they have changed; whether they had. Raises OSError (ssl.SSLError is one)."""
        content = b"".join(path.read_bytes() for path in self._files)
        if content == self._loaded:
            return False
        self.context.load_cert_chain(*self._files)
        self._loaded = content
        return True

    async def keep_fresh(self) -> None:
        """Look again and again, for ever."""
        while True:
            await asyncio.sleep(EVERY)
            try:
                if self.load():
                    log.info("the certificate was renewed")
            except OSError as error:
                log.warning("the certificate of the gateway cannot be read anew: %s", error)
