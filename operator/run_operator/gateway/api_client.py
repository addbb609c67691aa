"""Requests to the API server with the caller's own token. They wait while the API server restarts."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import random
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from run_operator.api.constants import MANAGED_BY
from run_operator.api.raw import JSON
from run_operator.gateway.errors import UNAUTHORIZED, Problem
from run_operator.kube.client import Api
from run_operator.kube.errors import (
    AlreadyExistsError,
    ConflictError,
    ForbiddenError,
    KubeError,
    ThrottledError,
    TransientError,
    UnauthorizedError,
)
from run_operator.kube.resource import Resource

_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/=-]{1,16000}")
_ACCOUNT: Final = re.compile(r"system:serviceaccount:(?P<namespace>[a-z0-9-]{1,63}):.+")
ADVICE: Final = "set DHCORE_ACCESS_TOKEN to a token of this cluster (kubectl create token NAME)"


@dataclass(frozen=True, slots=True)
class Identity:
    """The sender of a request. `digest` identifies the token without revealing it; `address` is the other end of the connection.

    `owner` stays the same when the SDK renews its token. The token itself names it: it is reliable only after
    the API server has taken the token.
    """

    token: str = field(repr=False)
    digest: str
    owner: str
    address: str
    namespace: str = ""
    """The namespace of a ServiceAccount; empty for everybody else."""

    @property
    def tenant(self) -> str:
        """The share that a request uses: that of the person, or that of the namespace for its ServiceAccounts, which are easily made."""
        return f"namespace {self.namespace}" if self.namespace else self.owner


def identity(headers: Mapping[str, str], address: str) -> Identity:
    """The caller. Raises Problem 401 without a token, for basic authentication, and for a malformed token."""
    given = headers.get("Authorization", "")
    scheme, _, token = given.partition(" ")
    token = token.strip()
    if not given:
        raise Problem(UNAUTHORIZED, f"the gateway needs a token: {ADVICE}")
    if scheme.lower() != "bearer":
        raise Problem(
            UNAUTHORIZED,
            f"the gateway does not accept user and password (DHCORE_USER, DHCORE_PASSWORD): {ADVICE}",
        )
    if not _TOKEN.fullmatch(token):
        raise Problem(UNAUTHORIZED, f"the Authorization header has no bearer token: {ADVICE}")
    issuer, subject = _claims(token)
    account = _ACCOUNT.fullmatch(subject) if issuer else None
    namespace = account["namespace"] if account else ""
    owner = json.dumps([issuer, subject]) if issuer else token
    return Identity(token, _digest(token), _digest(owner), address, namespace)


def _claims(token: str) -> tuple[str, str]:
    """Issuer and subject of a JWT; of any other token nothing, and all of it."""
    payload = token.split(".")[1:2]
    try:
        claims = json.loads(base64.urlsafe_b64decode("".join(payload) + "=="))
        return str(claims["iss"]), str(claims["sub"])
    except (ValueError, RecursionError, LookupError, TypeError):
        return "", token


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


FIRST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 2.0
DENIED: Final = 5.0
"""Seconds for which a denial is tried again while the API server is not ready, because it has not read its roles."""
API_PAGE: Final = 50
"""Objects of one LIST: a Run with its metrics may have 64 KiB and more."""

T = TypeVar("T")


class ApiClient:
    """`timeout`: seconds for which one call is tried while the API server does not answer."""

    def __init__(self, api: Api, identity: Identity, timeout: float) -> None:
        self.api = api.as_caller(identity.token)
        self.identity = identity
        self._timeout = timeout

    async def get(self, resource: Resource, namespace: str, name: str) -> JSON:
        """One object. Raises the errors of `kube.errors`."""
        return await self._patiently(lambda: self.api.get(resource, namespace, name))

    async def create(self, resource: Resource, namespace: str, body: JSON) -> JSON:
        """The new object. If an answer was lost, an existing object with the same spec counts as the new one."""
        doubtful = False

        async def attempt() -> JSON:
            nonlocal doubtful
            try:
                return await self.api.create(resource, namespace, body)
            except TransientError:
                doubtful = True
                raise
            except AlreadyExistsError:
                if not doubtful:
                    raise
                there = await self.api.get(resource, namespace, body["metadata"]["name"])
                if not _contains(there.get("spec"), body.get("spec")):
                    raise
                return there

        return await self._patiently(attempt)

    async def patch(
        self, resource: Resource, namespace: str, name: str, body: JSON, *, manager: str = MANAGED_BY
    ) -> JSON:
        """Send a merge patch that may be sent twice."""
        return await self._patiently(lambda: self.api.patch(resource, namespace, name, body, manager=manager))

    async def json_patch(
        self, resource: Resource, namespace: str, name: str, operations: Sequence[JSON]
    ) -> JSON:
        """Send a JSON patch that may be sent twice."""
        return await self._patiently(lambda: self.api.json_patch(resource, namespace, name, operations))

    async def delete(self, resource: Resource, namespace: str, name: str, uid: str) -> None:
        """Delete the object of this uid; a missing object is not an error."""

        async def attempt() -> None:
            try:
                await self.api.delete(resource, namespace, name, uid)
            except KubeError as error:
                if error.status != 404 and not isinstance(error, ConflictError):  # noqa: PLR2004 - gone, or another
                    raise

        await self._patiently(attempt)

    async def log_tail(self, namespace: str, pod: str, query: Mapping[str, str], keep: int) -> bytes:
        """See `Api.log_tail`. It does not wait, because the node may be the one that does not answer."""
        return await self.api.log_tail(namespace, pod, query, keep)

    async def all(
        self,
        resource: Resource,
        namespace: str | None,
        *,
        labels: str = "",
        fields: str = "",
        page_size: int = API_PAGE,
        accept: str = "application/json",
    ) -> AsyncGenerator[JSON]:
        """Every object, in pages. Restarts, and so may repeat objects, if the API server goes away between two pages."""
        tried, sure = time.monotonic(), False
        while True:
            try:
                objects = self.api.list_objects(
                    resource,
                    namespace=namespace,
                    selector=labels,
                    fields=fields,
                    page_size=page_size,
                    accept=accept,
                )
                async with aclosing(objects):
                    async for raw in objects:
                        yield raw
            except (ForbiddenError, UnauthorizedError):  # both also from an API server that has just started
                if sure or time.monotonic() - tried > min(DENIED, self._timeout):
                    raise
                sure = await self.api.ready()
            except (TransientError, ThrottledError):
                if time.monotonic() - tried > self._timeout:
                    raise
            else:
                return
            await asyncio.sleep(FIRST_PAUSE)

    async def _patiently(self, attempt: Callable[[], Awaitable[T]]) -> T:
        began, pause, sure = time.monotonic(), FIRST_PAUSE, False
        until = began + self._timeout
        while True:
            try:
                return await attempt()
            except (ForbiddenError, UnauthorizedError):  # both also from an API server that has just started
                if sure or time.monotonic() - began > min(DENIED, self._timeout):
                    raise
                sure = await self.api.ready()  # a denial after this one counts
                wait = 0.0 if sure else pause
            except (TransientError, ThrottledError) as error:
                wait = error.retry_after if isinstance(error, ThrottledError) else pause
                if time.monotonic() + wait > until:
                    raise
            await asyncio.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311 - spreads out those who wait
            pause = min(LONGEST_PAUSE, pause * 1.7)


def _contains(there: Any, wanted: Any) -> bool:
    """Whether an object has all the requested fields; the API server adds defaults."""
    if isinstance(wanted, Mapping) and isinstance(there, Mapping):
        return all(_contains(there.get(key), value) for key, value in wanted.items())
    return bool(there == wanted)
