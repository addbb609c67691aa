"""The thin REST class: dict in, dict out, typed errors, a deadline and a fence for every write.

The typed methods of the Kubernetes client are not used: they refuse fields they do not know and cost many
times the CPU of the request itself.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final, Unpack
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import ConfigException

from run_operator.api.constants import MANAGED_BY
from run_operator.api.raw import JSON
from run_operator.kube import errors, nesting
from run_operator.kube.fence import Fence, Unfenced
from run_operator.kube.list_options import ListOptions
from run_operator.kube.media_types import JSON_PATCH, JWKS_TYPE, MERGE_PATCH, METADATA, METADATA_LIST
from run_operator.kube.page_size import LongAnswerError, PageSize, read
from run_operator.kube.resource import PODS, TOKEN_REVIEWS, Resource
from run_operator.kube.send_fence import asked_when_sent, fenced
from run_operator.kube.trust import Trust

WRITE_DEADLINE: Final = 5.0
READ_DEADLINE: Final = 20.0
"""Also for the first piece of an answer that may be long, and for every piece of a list."""
LIST_DEADLINE: Final = 60.0
PAGE: Final = 500
"""Objects a LIST page, at most."""
SILENCE: Final = 90.0
"""Seconds without any event after which a watch counts as dead: the API server sends a bookmark a minute."""
LONGEST_EVENT: Final = 32 * 1024 * 1024
"""Bytes: several times the largest object in etcd."""
READY: Final = "/readyz"
JWKS: Final = "/openid/v1/jwks"


def _written(manager: str) -> str:
    return "?" + urlencode({"fieldManager": manager, "fieldValidation": "Ignore"})


def _given(*parameters: tuple[str, str]) -> dict[str, str]:
    return {name: value for name, value in parameters if value}


WRITTEN: Final = _written(MANAGED_BY)
"""Warnings about unknown fields cost the API server time and are not read here; tests read them."""

Body = JSON | Sequence[JSON]
Observer = Callable[[str, str, str], None]
"""Called for each request: verb, resource, outcome (`200`, `409`, ... or `error`)."""


BEFORE: Final = "Background"


class Api:
    """One connection pool to the API server. All methods raise the errors of `kube.errors`."""

    def __init__(
        self, configuration: Configuration, fence: Fence, observe: Observer, user_agent: str
    ) -> None:
        if not isinstance(fence, Unfenced):
            configuration.trace_configs = [asked_when_sent()]
        self._client = ApiClient(configuration)
        self._client.user_agent = user_agent
        self.trust = Trust(configuration.ssl_ca_cert, self._client.rest_client.ssl_context)
        self._host = str(configuration.host).rstrip("/")
        self._configuration = configuration
        self._fence = fence
        self._observe = observe
        self._agent = user_agent
        self._bearer = ""

    def as_caller(self, token: str) -> Api:
        """A view with the same connections that sends this bearer token instead of own credentials.

        For programs without rights of their own: the API server decides by the rights of the token.
        """
        view = copy.copy(self)
        view._bearer = token  # noqa: SLF001 - our own class
        return view

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def get(self, resource: Resource, namespace: str, name: str) -> JSON:
        """Read one object."""
        return await self._request("get", resource, resource.path(namespace, name), deadline=READ_DEADLINE)

    async def get_metadata(self, resource: Resource, namespace: str, name: str) -> JSON:
        """Read the `metadata` of one object."""
        path = resource.path(namespace, name)
        answer = await self._request("get", resource, path, deadline=READ_DEADLINE, accept=METADATA)
        metadata: JSON = answer.get("metadata") or {}
        return metadata

    async def serves(self, resource: Resource) -> bool:
        """Whether discovery lists the resource. An API server that has just started may not know its CRDs yet."""
        try:
            answer = await self._request("get", resource, resource.root, deadline=READ_DEADLINE)
        except errors.NotFoundError:
            return False
        return any(entry.get("name") == resource.plural for entry in answer.get("resources") or ())

    async def public_keys(self) -> list[JSON]:
        """The public keys of service account tokens, as JWKs. Raises ForbiddenError where the cluster does not show them."""
        answer = await self._request("get", TOKEN_REVIEWS, JWKS, deadline=READ_DEADLINE, accept=JWKS_TYPE)
        return [key for key in answer.get("keys") or () if isinstance(key, dict)]

    async def ready(self) -> bool:
        """Whether the API server is ready. One that has just started denies requests until it has read its roles."""
        headers = {"Accept": "*/*", "User-Agent": self._agent}
        try:
            await self._authorize(headers, "get", READY, None)
            answer = await self._client.rest_client.request(
                "GET", self._host + READY, headers=headers, _request_timeout=_READY_TIMEOUT
            )
            await answer.read()
        except _NO_ANSWER as error:
            self._unanswered(error, "get", "readyz", READY, WRITE_DEADLINE)
            return False
        self._observe("get", "readyz", str(answer.status))
        return int(answer.status) < _FIRST_ERROR

    async def create(
        self, resource: Resource, namespace: str, body: JSON, *, accept: str = "application/json"
    ) -> JSON:
        """POST; raises AlreadyExistsError if the name is taken. `accept`: METADATA for a large object."""
        path = resource.path(namespace) + WRITTEN
        return await self._write("create", resource, path, body, accept=accept)

    async def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: JSON,
        subresource: str | None = None,
        accept: str = "application/json",
        manager: str = MANAGED_BY,
    ) -> JSON:
        """Merge patch. Raises ConflictError if it holds a `metadata.resourceVersion` or `metadata.uid` that differs.

        `accept`: METADATA if only the new version is needed. `manager`: the field manager that is recorded.
        """
        path = resource.path(namespace, name, subresource) + _written(manager)
        return await self._write("patch", resource, path, body, content_type=MERGE_PATCH, accept=accept)

    async def json_patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        operations: Sequence[JSON],
        *,
        subresource: str | None = None,
        accept: str = "application/json",
    ) -> JSON:
        """JSON patch: replaces whole parts, where a merge patch would keep removed fields.

        Raises InvalidError if a `test` fails. `accept`: METADATA for a large object.
        """
        path = resource.path(namespace, name, subresource) + WRITTEN
        return await self._write("patch", resource, path, operations, content_type=JSON_PATCH, accept=accept)

    async def delete(
        self, resource: Resource, namespace: str, name: str, uid: str, version: str = "", how: str = BEFORE
    ) -> None:
        """Delete the object of that uid (and resourceVersion), else ConflictError; `how`: before or after its dependents."""
        preconditions = {"uid": uid} | ({"resourceVersion": version} if version else {})
        body = {"preconditions": preconditions, "propagationPolicy": how}
        await self._write("delete", resource, resource.path(namespace, name), body)

    async def list_metadata(
        self, resource: Resource, *, namespace: str | None = None, selector: str = ""
    ) -> AsyncIterator[JSON]:
        """The `metadata` of every object, in pages."""
        async for item in self.list_objects(
            resource, namespace=namespace, selector=selector, accept=METADATA_LIST
        ):
            yield item.get("metadata", {})

    async def list_objects(self, resource: Resource, **options: Unpack[ListOptions]) -> AsyncGenerator[JSON]:
        """Every object. Raises ExpiredError if the pages were read too slowly."""
        async for page in self.pages(resource, **options):
            for item in page.get("items") or ():
                yield item

    async def pages(
        self,
        resource: Resource,
        *,
        namespace: str | None = None,
        selector: str = "",
        fields: str = "",
        page_size: int = PAGE,
        accept: str = "application/json",
        token: str = "",
    ) -> AsyncGenerator[JSON]:
        """A list page by page. All pages show one moment; its version is in the `metadata` of each page.

        `token`: of an earlier page, which the first one follows.
        """
        query = _given(("labelSelector", selector), ("fieldSelector", fields), ("continue", token))
        size = PageSize(page_size)
        while True:
            path = resource.path(namespace) + "?" + urlencode(query | {"limit": str(size.limit)})
            try:
                page = await self._request(
                    "list", resource, path, deadline=LIST_DEADLINE, accept=accept, most=size
                )
            except LongAnswerError:
                size.too_long()
                continue
            yield page
            size.fits()
            following = (page.get("metadata") or {}).get("continue")
            if not following:
                return
            query["continue"] = following

    async def watch(
        self,
        resource: Resource,
        *,
        namespace: str | None = None,
        selector: str = "",
        fields: str = "",
        version: str = "",
        seconds: int,
    ) -> AsyncGenerator[JSON, None]:
        """The events after `version`, with bookmarks, until the server ends the watch after `seconds`.

        Without a version the existing objects come first, as ADDED. Raises ExpiredError if the version is too old, and
        SilentError if no event and no bookmark arrives.
        """
        query = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(seconds)}
        query |= _given(("resourceVersion", version), ("labelSelector", selector), ("fieldSelector", fields))
        what, rest = f"watch {resource.path(namespace)}", b""
        pieces = self.stream(
            resource,
            resource.path(namespace),
            query,
            deadline=seconds + READ_DEADLINE,
            silence=SILENCE,
            verb="watch",
        )
        async with aclosing(pieces):
            async for piece in pieces:
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    event = _decoded(what, line)
                    if event.get("type") == "ERROR":
                        raise errors.of_event(what, event)
                    yield event
                if len(rest) > LONGEST_EVENT:
                    raise errors.TransientError(what, 0, f"an event is longer than {LONGEST_EVENT} bytes")

    async def stream(
        self,
        resource: Resource,
        path: str,
        query: Mapping[str, str],
        *,
        deadline: float,
        silence: float | None = None,
        verb: str = "get",
    ) -> AsyncGenerator[bytes, None]:
        """The pieces of an answer as they arrive, for at most `deadline` seconds.

        Raises TransientError if nothing arrives for `silence` seconds.
        """
        what = f"{verb} {path}"
        headers = {"Accept": "*/*", "User-Agent": self._agent}
        try:
            await self._authorize(headers, verb, path, None)
            async with asyncio.timeout(READ_DEADLINE):
                answer = await self._client.rest_client.request(
                    "GET",
                    f"{self._host}{path}?{urlencode(query)}",
                    headers=headers,
                    _request_timeout=aiohttp.ClientTimeout(total=deadline, sock_read=silence),
                )
            async with answer.response:
                self._observe(verb, resource.plural, str(answer.status))
                if answer.status >= _FIRST_ERROR:
                    raise errors.of_answer(verb, what, answer.status, await answer.read(), answer.headers)
                async for piece in answer.response.content.iter_any():
                    yield piece
        except _NO_ANSWER as error:
            raise self._unanswered(error, verb, resource.plural, what, deadline) from error

    async def log_tail(self, namespace: str, pod: str, query: Mapping[str, str], keep: int) -> bytes:
        """The last `keep` bytes of a container's log, read as a stream."""
        kept = b""
        pieces = self.stream(PODS, PODS.path(namespace, pod, "log"), query, deadline=LIST_DEADLINE)
        async with aclosing(pieces):
            async for piece in pieces:
                kept = (kept + piece)[-keep:]
        return kept

    async def _authorize(self, headers: dict[str, str], verb: str, path: str, body: Any) -> None:
        if self._bearer:
            headers["Authorization"] = f"Bearer {self._bearer}"
        else:
            await self._client.update_params_for_auth(headers, [], ["BearerToken"], path, verb, body)

    def _unanswered(
        self, error: BaseException, verb: str, plural: str, what: str, deadline: float
    ) -> errors.TransientError:
        self._observe(verb, plural, "error")
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            self.trust.refused()
        silent = verb == "watch" and isinstance(error, aiohttp.SocketTimeoutError)
        return errors.unanswered(what, error, deadline, silent=silent)

    async def _write(
        self,
        verb: str,
        resource: Resource,
        path: str,
        body: Body,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> JSON:
        allowance = self._fence.allowance()
        if allowance <= 0:
            raise errors.FencedError(f"{verb} {path}: this replica is not the leader")
        deadline = min(WRITE_DEADLINE, allowance)
        try:
            with fenced(self._fence):
                return await self._request(
                    verb,
                    resource,
                    path,
                    body=body,
                    content_type=content_type,
                    deadline=deadline,
                    accept=accept,
                )
        except errors.ForbiddenError as error:
            # The gateway checks itself what its callers may do.
            if self._bearer or await self.ready():
                raise
            starting = f"{error.message} (the API server is not ready and may not know its roles yet)"
            raise errors.TransientError(f"{verb} {path}", error.status, starting) from error

    async def _request(
        self,
        verb: str,
        resource: Resource,
        path: str,
        *,
        deadline: float,
        body: Body | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        most: PageSize | None = None,
    ) -> JSON:
        what = f"{verb} {path.partition('?')[0]}"
        headers = {"Accept": accept, "Content-Type": content_type, "User-Agent": self._agent}
        try:
            await self._authorize(headers, verb, path, body)
            answer = await self._client.rest_client.request(
                _METHODS[verb],
                self._host + path,
                headers=headers,
                body=body,
                _request_timeout=aiohttp.ClientTimeout(total=deadline, sock_read=READ_DEADLINE),
            )
            status, payload = answer.status, await read(answer, most)
        except _NO_ANSWER as error:
            raise self._unanswered(error, verb, resource.plural, what, deadline) from error
        self._observe(verb, resource.plural, str(status))
        if status >= _FIRST_ERROR:
            raise errors.of_answer(verb, what, status, payload, answer.headers)
        return _decoded(what, payload)


_NO_ANSWER: Final = (TimeoutError, aiohttp.ClientError, OSError, ConfigException)
_METHODS: Final = {"get": "GET", "list": "GET", "create": "POST", "patch": "PATCH", "delete": "DELETE"}
_FIRST_ERROR: Final = 400
_READY_TIMEOUT: Final = aiohttp.ClientTimeout(total=WRITE_DEADLINE)


def _decoded(what: str, payload: bytes) -> JSON:
    try:
        value = nesting.loads(payload)
    except ValueError as error:
        raise errors.TransientError(what, 0, "the answer is not JSON") from error
    return value if isinstance(value, dict) else {}
