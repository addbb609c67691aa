"""Who calls: a bearer token, which is passed on to the API server and never stored or logged."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from run_operator.gateway.problems import UNAUTHORIZED, Problem

_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/=-]{1,16000}")
ADVICE: Final = "set DHCORE_ACCESS_TOKEN to a token of this cluster (kubectl create token NAME)"


@dataclass(frozen=True, slots=True)
class Identity:
    """`digest` names the token without giving it away; `address` is where the connection comes from.

    `owner` stays the same when the SDK renews its token. It is what the token says of itself: to be believed only once
    the API server has taken the token.
    """

    token: str = field(repr=False)
    digest: str
    owner: str
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
    return Identity(token, _digest(token), _digest(_subject(token)), address)


def _subject(token: str) -> str:
    """Issuer and subject of a JWT; of any other token all of it."""
    payload = token.split(".")[1:2]
    try:
        claims = json.loads(base64.urlsafe_b64decode("".join(payload) + "=="))
        return json.dumps([claims["iss"], claims["sub"]])
    except (ValueError, RecursionError, LookupError, TypeError):
        return token


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
