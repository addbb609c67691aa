"""For all unit tests."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="session")
def _no_public_authorities() -> Iterator[None]:
    """A TLS context reads no list of public authorities, which takes 40 ms, unless the test names one (SSL_CERT_FILE)."""
    read = ssl.SSLContext.set_default_verify_paths

    def named(context: ssl.SSLContext) -> None:
        if "SSL_CERT_FILE" in os.environ:
            read(context)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl.SSLContext, "set_default_verify_paths", named)
        yield
