"""Who calls: a bearer token, which is passed on to the API server and never looked into, stored or logged."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from run_operator.gateway.problems import UNAUTHORIZED, Problem

_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/=-]{1,16000}")
ADVICE: Final = "set DHCORE_ACCESS_TOKEN to a token of this cluster (kubectl create token NAME)"


@dataclass(frozen=True, slots=True)
class Identity:
    """`digest` names the token without giving it away; `address` is where the connection comes from."""

    token: str = field(repr=False)
    digest: str
    address: str


def identity(headers: Mapping[str, str], address: str) -> Identity:
    """Raises Problem 401 for anonymous callers, basic authentication, and what can be no token."""
    given = headers.get("Authorization", "")
    scheme, _, token = given.partition(" ")
    token = token.strip()
    if not given:
        raise Problem(UNAUTHORIZED, f"this gateway knows nobody without a token: {ADVICE}")
    if scheme.lower() != "bearer":
        raise Problem(
            UNAUTHORIZED, f"user and password are not taken (DHCORE_USER, DHCORE_PASSWORD): {ADVICE}"
        )
    if not _TOKEN.fullmatch(token):
        raise Problem(UNAUTHORIZED, f"that is no bearer token: {ADVICE}")
    return Identity(token, hashlib.sha256(token.encode()).hexdigest()[:32], address)
