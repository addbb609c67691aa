"""The file store of a project, and the credentials with which the SDK uploads and downloads.

An administrator puts them into a Secret of the project's namespace, under the names of the SDK's variables. It is read with the
caller's own token: only callers who may read Secrets there get them. They can be short-lived: the renewer of the Secret says
in AWS_CREDENTIALS_EXPIRATION how long they are good.

The SDK asks by OAuth token exchange (RFC 8693): it sends the token of the cluster as its personal access token, and gets it back
as the access token, with the variables beside it. An issuer may name the project: {endpoint}/projects/{project}.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from run_operator.api.raw import mapping, text
from run_operator.gateway.api_client import ApiClient
from run_operator.gateway.errors import Problem, bad, of_kube
from run_operator.kube.errors import ForbiddenError, KubeError, NotFoundError, UnauthorizedError
from run_operator.kube.resource import SECRETS

VARIABLES: Final = (
    "DHCORE_DEFAULT_FILES_STORE", "AWS_ENDPOINT_URL", "AWS_REGION", "S3_SIGNATURE_VERSION", "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CREDENTIALS_EXPIRATION",
)  # fmt: skip
"""The only keys of the Secret that are given out."""
EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
REFRESH: Final = "refresh_token"
ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - the name of a type
TOKEN_PATH: Final = "/auth/token"  # noqa: S105 - a path

OPENID: Final = re.compile(r"((?:/projects/([^/]+))?)(/\.well-known/openid-configuration|/auth/token)")
"""Paths of an issuer: with the project, and the requested document."""

JSON = Mapping[str, Any]


class FileStore:
    """`secret`: the name of the Secret in each project's namespace; empty: there is no store."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    async def variables(self, caller: ApiClient, namespace: str) -> dict[str, str]:
        """The SDK's variables; empty if the project has no store. Raises Problem for a caller who may not read them."""
        if not self._secret:
            return {}
        try:
            raw = await caller.get(SECRETS, namespace, self._secret)
        except NotFoundError:
            return {}
        except ForbiddenError:
            return {}
        except UnauthorizedError as error:
            raise of_kube(error, "the token is not exchanged") from error
        except KubeError as error:
            raise of_kube(
                error, f"the credentials of the file store of namespace {namespace} cannot be read"
            ) from error
        data = mapping(raw.get("data"))
        return {name: _decoded(text(data[name]), name) for name in VARIABLES if name in data}

    async def exchange(
        self, caller: ApiClient, project: str, namespace_of: Callable[[ApiClient, str], Awaitable[str]]
    ) -> dict[str, Any]:
        """The answer to a token exchange. The default project is that of the token's namespace."""
        token = caller.identity.token
        namespace = await namespace_of(caller, project) if project else _own_namespace(token)
        variables = await self.variables(caller, namespace) if namespace else {}
        return _answer(token, variables)


def subject(body: bytes) -> str:
    """The token in a request for credentials, which is a form of OAuth. Raises Problem."""
    form = dict(parse_qsl(body.decode("utf-8", "replace")))
    grant = form.get("grant_type", "")
    if grant == EXCHANGE:
        token = form.get("subject_token", "")
    elif grant == REFRESH:
        token = form.get("refresh_token", "")
    else:
        raise bad(f"unsupported_grant_type: {grant[:80]!r}; use {EXCHANGE} or {REFRESH}")
    if not token:
        raise bad(
            "invalid_request: the request has no token; set DHCORE_PERSONAL_ACCESS_TOKEN to a token of this cluster"
        )
    return token


def _own_namespace(token: str) -> str:
    """The namespace in a service account's token, unchecked; empty for any other token. It chooses a project and proves nothing."""
    parts = token.split(".")
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return text(mapping(mapping(claims).get("kubernetes.io")).get("namespace"))
    except (ValueError, RecursionError, LookupError):
        return ""


def _answer(token: str, variables: Mapping[str, str]) -> dict[str, Any]:
    """The answer that the SDK stores: the access token, and the store's variables in lower case."""
    found: dict[str, Any] = {"access_token": token, "token_type": "Bearer", "issued_token_type": ACCESS_TOKEN}
    left = _seconds_left(token)
    if left is not None:
        found["expires_in"] = left
    return found | {name.lower(): value for name, value in variables.items()}


def openid_configuration(issuer: str) -> dict[str, Any]:
    """The discovery document: where the SDK exchanges a token. It has no keys, because the gateway signs nothing."""
    return {
        "issuer": issuer,
        "token_endpoint": f"{issuer}{TOKEN_PATH}",
        "grant_types_supported": [EXCHANGE, REFRESH],
        "token_endpoint_auth_methods_supported": ["none"],
        "scopes_supported": ["credentials"],
    }


def _seconds_left(token: str) -> int | None:
    parts = token.split(".")
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return max(0, int(mapping(claims)["exp"] - time.time()))
    except (ValueError, RecursionError, LookupError, TypeError):
        return None


def _decoded(value: str, name: str) -> str:
    try:
        return base64.b64decode(value).decode().strip()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Problem(
            500,
            f"{name} in the Secret of the file store is not a text; an administrator has to correct the Secret",
        ) from error
