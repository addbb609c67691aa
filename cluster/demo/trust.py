"""Authorities that a notebook trusts: its own ones, and the gateway's."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Final

import certifi

VARIABLE: Final = "REQUESTS_CA_BUNDLE"
"""Read by the SDK, and by pip and every other program that stands on requests: it replaces what they trust."""


def write_bundle(file: Path, authority: bytes) -> None:
    """Write the gateway's authority, what this machine trusts, and what the variable names already, into one file."""
    before = os.environ.get(VARIABLE, "")
    more = Path(before) if before and Path(before).resolve() != file.resolve() else None
    parts = [authority, more.read_bytes() if more and more.is_file() else b"", trusted()]
    file.write_bytes(b"\n".join(part.strip() for part in parts if part.strip()) + b"\n")


def trusted() -> bytes:
    """What this machine trusts, as PEM; where it has no list of its own, the list that pip brings."""
    found = ssl.create_default_context().get_ca_certs(binary_form=True)
    if not found:
        return Path(certifi.where()).read_bytes()
    return "\n".join(map(ssl.DER_cert_to_PEM_cert, found)).encode()
