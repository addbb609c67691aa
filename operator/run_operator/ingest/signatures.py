"""Signatures of service account tokens, checked here with the API server's public keys.

They serve to refuse tokens: one that the cluster did not sign needs no TokenReview, which costs the API server more than the
sender. Every other token is still reviewed, because only the API server knows which tokens are revoked.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Mapping
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from run_operator.http.rate_limit import Clock
from run_operator.kube.client import Api
from run_operator.kube.errors import KubeError

KEPT: Final = 300.0
"""Seconds until the keys are read again."""
AGAIN: Final = 10.0
"""Seconds until they are read again for a token that names an unknown key."""
P256_BYTES: Final = 32

Key = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

log = logging.getLogger(__name__)


class Signatures:
    """`clock` is monotonic seconds. Without keys (the API server does not show them) nothing is refused."""

    def __init__(self, api: Api, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._keys: dict[str, Key | None] = {}
        self._read_at = float("-inf")
        self._warned = False

    async def is_forged(self, token: str) -> bool | None:
        """Whether no key of the cluster signed the token; None: unknown."""
        head, _, rest = token.partition(".")
        name = str(claims(head).get("kid"))
        age = self._clock() - self._read_at
        if age > (KEPT if name in self._keys else AGAIN):
            await self._read()
        if not self._keys:
            return None
        if name not in self._keys:
            return True
        key = self._keys[name]
        payload, _, signature = rest.rpartition(".")
        return None if key is None else not _signed(key, f"{head}.{payload}".encode(), signature)

    async def _read(self) -> None:
        self._read_at = self._clock()
        try:
            found = await self._api.public_keys()
        except KubeError as error:
            if not self._warned:
                log.warning(
                    "the API server does not show its public keys, so all tokens are reviewed: %s", error
                )
            self._warned = True
            return
        self._warned = False
        self._keys = {str(one.get("kid")): _key(one) for one in found}


def _key(raw: Mapping[str, Any]) -> Key | None:
    """An RSA or P-256 key, as clusters have them; None for other kinds, with which nothing is refused."""
    try:
        if raw.get("kty") == "RSA":
            return rsa.RSAPublicNumbers(_number(raw["e"]), _number(raw["n"])).public_key()
        if raw.get("kty") == "EC" and raw.get("crv") == "P-256":
            numbers = ec.EllipticCurvePublicNumbers(_number(raw["x"]), _number(raw["y"]), ec.SECP256R1())
            return numbers.public_key()
    except (KeyError, ValueError, TypeError):
        log.warning("a public key of the API server cannot be read: %s", raw.get("kid"))
    return None


def _signed(key: Key, signed: bytes, signature: str) -> bool:
    try:
        given = _bytes(signature)
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(given, signed, padding.PKCS1v15(), hashes.SHA256())
        else:
            parts = (int.from_bytes(given[:P256_BYTES]), int.from_bytes(given[P256_BYTES:]))
            key.verify(encode_dss_signature(*parts), signed, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def _number(text: str) -> int:
    return int.from_bytes(_bytes(text))


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def claims(text: str) -> Mapping[str, Any]:
    """One part of a token, unchecked; empty if it cannot be read."""
    try:
        value = json.loads(_bytes(text))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
