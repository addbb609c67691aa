"""Sign-in by the cluster's OIDC provider: the parts of its discovery document that the page needs.

The page signs in by itself (authorization code with PKCE, no client secret). No token passes through here.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

DISCOVERY: Final = "/.well-known/openid-configuration"
FRESH: Final = 600.0
"""Seconds for which a document counts."""
RETRY: Final = 10.0
"""Seconds until a document that could not be read is asked for again."""
DEADLINE: Final = 5.0
LONGEST: Final = 262_144
"""Bytes of a document."""
ENDPOINTS: Final = {
    "authorizationEndpoint": "authorization_endpoint",
    "tokenEndpoint": "token_endpoint",
    "endSessionEndpoint": "end_session_endpoint",
}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """`ca`: a PEM file, beside the authorities of the system."""

    issuer: str
    client_id: str
    scopes: str = "openid profile email"
    ca: str | None = None


class OidcProvider:
    """One provider. Its document is read when it is needed, with one request at a time."""

    def __init__(self, settings: OidcSettings) -> None:
        self._settings = settings
        self._turn = asyncio.Lock()
        self._document: Mapping[str, Any] = {}
        self._problem = "the provider was not contacted yet"
        self._until = float("-inf")

    async def session(self) -> tuple[dict[str, Any] | None, str | None]:
        """The settings for the page's sign-in, or the reason why there are none."""
        async with self._turn:
            if time.monotonic() >= self._until:
                await self._read()
        if not self._document:
            return None, self._problem
        found = {
            "issuer": self._settings.issuer,
            "clientId": self._settings.client_id,
            "scopes": self._settings.scopes.split(),
        }
        return found | {name: self._document.get(key) for name, key in ENDPOINTS.items()}, None

    @property
    def origins(self) -> tuple[str, ...]:
        """Origins to which the page may send requests: the issuer, and the token endpoint if it is elsewhere."""
        places = (self._settings.issuer, str(self._document.get("token_endpoint") or self._settings.issuer))
        return tuple(dict.fromkeys(map(origin, places)))

    async def _read(self) -> None:
        address = self._settings.issuer.rstrip("/") + DISCOVERY
        try:
            found = _checked(await self._asked(address), self._settings.issuer)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            said = str(error)[:300] or f"no answer within {DEADLINE:g} s"
            self._problem = f"the OIDC provider's document {address} cannot be used: {said}"
            self._until = time.monotonic() + RETRY
            log.warning("%s", self._problem)
            return
        self._document, self._problem = found, ""
        self._until = time.monotonic() + FRESH

    async def _asked(self, address: str) -> Any:
        trusted = ssl.create_default_context()
        if self._settings.ca:
            trusted.load_verify_locations(self._settings.ca)
        timeout = aiohttp.ClientTimeout(total=DEADLINE)
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
            session.get(address, ssl=trusted, allow_redirects=False) as answer,
        ):
            if answer.status != 200:  # noqa: PLR2004 - HTTP
                raise ValueError(f"HTTP {answer.status}")
            body = await answer.content.read(LONGEST + 1)
            while len(body) <= LONGEST and (more := await answer.content.read(LONGEST + 1)):
                body += more
            if len(body) > LONGEST:
                raise ValueError(f"it has more than {LONGEST} bytes")
            return json.loads(body)


def origin(address: str) -> str:
    """`https://host:port`."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def check_issuer(issuer: str) -> None:
    """Raise ValueError for an issuer that the page cannot use; it becomes a part of a header."""
    parts = urlsplit(issuer)
    plain = all(letter.isascii() and letter.isprintable() and letter not in " ;,'\"*" for letter in issuer)
    loopback = parts.hostname in ("127.0.0.1", "localhost")
    if (
        not plain
        or not parts.hostname
        or not (parts.scheme == "https" or (parts.scheme == "http" and loopback))
    ):
        raise ValueError(f"{issuer[:200]!r} is not an https:// address of an OIDC provider")


def _checked(found: Any, issuer: str) -> Mapping[str, Any]:
    """The document. Raises ValueError if it is another provider's, or has malformed addresses."""
    if not isinstance(found, dict):
        raise ValueError("it is not a JSON object")  # noqa: TRY004 - of the document, not of ours
    if str(found.get("issuer")).rstrip("/") != issuer.rstrip("/"):
        raise ValueError(f"it is of the issuer {str(found.get('issuer'))[:200]!r}")
    for key in ENDPOINTS.values():
        value = found.get(key)
        if value is None and key == "end_session_endpoint":
            continue
        check_issuer(str(value))
    return found
