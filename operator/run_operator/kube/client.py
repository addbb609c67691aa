"""The thin REST class: dict in, dict out, typed errors, a deadline and a fence for every write.

The typed methods of the Kubernetes client are not used: they refuse fields they do not know and cost many
times the CPU of the request itself.
"""

from __future__ import annotations

import copy
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import ConfigException

from run_operator.kube import errors
from run_operator.kube.fence import Fence
from run_operator.kube.resource import PODS, Resource
from run_operator.resources.constants import MANAGED_BY

WRITE_DEADLINE: Final = 5.0
READ_DEADLINE: Final = 20.0
LIST_DEADLINE: Final = 60.0
PAGE: Final = 500
"""Objects a LIST page."""
MAX_RETRY_AFTER: Final = 60.0
READY: Final = "/readyz"

MERGE_PATCH: Final = "application/merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"
METADATA: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
METADATA_LIST: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"

WRITTEN: Final = "?" + urlencode({"fieldManager": MANAGED_BY, "fieldValidation": "Ignore"})
"""Nobody reads the API server's warnings about unknown fields, and looking for them costs it time; tests do look."""

JSON = Mapping[str, Any]
Body = JSON | Sequence[JSON]
Observer = Callable[[str, str, str], None]
"""Told of every request: verb, resource, outcome (`200`, `409`, ... or `error`)."""


class Api:
    """One connection pool to the API server. All methods raise the errors of `kube.errors`."""

    def __init__(
        self, configuration: Configuration, fence: Fence, observe: Observer, user_agent: str
    ) -> None:
        self._client = ApiClient(configuration)
        self._client.user_agent = user_agent
        self._host = str(configuration.host).rstrip("/")
        self._configuration = configuration
        self._fence = fence
        self._observe = observe
        self._agent = user_agent
        self._bearer = ""

    def as_caller(self, token: str) -> Api:
        """The same connections, with this bearer token instead of any credentials of our own.

        For programs that hold no rights: the API server decides by the rights of whoever sent the token.
        """
        view = copy.copy(self)
        view._bearer = token  # noqa: SLF001 - our own class
        return view

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def get(self, resource: Resource, namespace: str, name: str) -> JSON:
        """One object."""
        return await self._request("get", resource, resource.path(namespace, name), deadline=READ_DEADLINE)

    async def get_metadata(self, resource: Resource, namespace: str, name: str) -> JSON:
        """The `metadata` of one object."""
        path = resource.path(namespace, name)
        answer = await self._request("get", resource, path, deadline=READ_DEADLINE, accept=METADATA)
        metadata: JSON = answer.get("metadata") or {}
        return metadata

    async def serves(self, resource: Resource) -> bool:
        """Whether discovery names the resource: an API server that has just started may not know its CRDs yet."""
        try:
            answer = await self._request("get", resource, resource.root, deadline=READ_DEADLINE)
        except errors.NotFoundError:
            return False
        return any(entry.get("name") == resource.plural for entry in answer.get("resources") or ())

    async def ready(self) -> bool:
        """Whether the API server says that it is ready. One that has just started denies what its roles will allow."""
        headers = {"Accept": "*/*", "User-Agent": self._agent}
        try:
            await self._authorize(headers, "get", READY, None)
            answer = await self._client.rest_client.request(
                "GET", self._host + READY, headers=headers, _request_timeout=_READY_TIMEOUT
            )
            await answer.read()
        except (TimeoutError, aiohttp.ClientError, OSError, ConfigException):
            self._observe("get", "readyz", "error")
            return False
        self._observe("get", "readyz", str(answer.status))
        return int(answer.status) < _FIRST_ERROR

    async def create(
        self, resource: Resource, namespace: str, body: JSON, *, accept: str = "application/json"
    ) -> JSON:
        """POST; AlreadyExistsError when the name is taken. `accept`: METADATA where the object is large."""
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
    ) -> JSON:
        """Merge patch; with `metadata.resourceVersion` or `metadata.uid` in it, ConflictError when they differ.

        `accept`: METADATA where the answer is known but for its version.
        """
        path = resource.path(namespace, name, subresource) + WRITTEN
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
        """JSON patch: for parts that are to be replaced whole, where a merge would keep what is gone.

        InvalidError when a `test` in it fails. `accept`: METADATA where the object is large and known.
        """
        path = resource.path(namespace, name, subresource) + WRITTEN
        return await self._write("patch", resource, path, operations, content_type=JSON_PATCH, accept=accept)

    async def delete(
        self, resource: Resource, namespace: str, name: str, uid: str, version: str = ""
    ) -> None:
        """Delete exactly the object of that uid (and resourceVersion); what it owns goes in the background.

        ConflictError when it is another one, or newer than `version`.
        """
        preconditions = {"uid": uid} | ({"resourceVersion": version} if version else {})
        body = {"preconditions": preconditions, "propagationPolicy": "Background"}
        await self._write("delete", resource, resource.path(namespace, name), body)

    async def list_metadata(
        self, resource: Resource, *, namespace: str | None = None, selector: str = ""
    ) -> AsyncIterator[JSON]:
        """The `metadata` of every object, in pages."""
        async for item in self.list_objects(
            resource, namespace=namespace, selector=selector, accept=METADATA_LIST
        ):
            yield item.get("metadata", {})

    async def list_objects(
        self,
        resource: Resource,
        *,
        namespace: str | None = None,
        selector: str = "",
        fields: str = "",
        page_size: int = PAGE,
        accept: str = "application/json",
    ) -> AsyncIterator[JSON]:
        """Every object, in pages; an expired page token (410) is a TransientError: begin again."""
        query = {"limit": str(page_size)} | ({"labelSelector": selector} if selector else {})
        query |= {"fieldSelector": fields} if fields else {}
        while True:
            path = resource.path(namespace) + "?" + urlencode(query)
            page = await self._request("list", resource, path, deadline=LIST_DEADLINE, accept=accept)
            for item in page.get("items") or ():
                yield item
            token = (page.get("metadata") or {}).get("continue")
            if not token:
                return
            query["continue"] = token

    async def stream(
        self, resource: Resource, path: str, query: Mapping[str, str], *, deadline: float
    ) -> AsyncGenerator[bytes, None]:
        """The pieces of an answer that is no JSON as they come, for at most `deadline` seconds; the end ends it."""
        what = f"get {path}"
        headers = {"Accept": "*/*", "User-Agent": self._agent}
        try:
            await self._authorize(headers, "get", path, None)
            answer = await self._client.rest_client.request(
                "GET",
                f"{self._host}{path}?{urlencode(query)}",
                headers=headers,
                _request_timeout=aiohttp.ClientTimeout(total=deadline),
            )
            async with answer.response:
                self._observe("get", resource.plural, str(answer.status))
                if answer.status >= _FIRST_ERROR:
                    raise _error("get", what, answer.status, await answer.read(), answer.headers)
                async for piece in answer.response.content.iter_any():
                    yield piece
        except (TimeoutError, aiohttp.ClientError, OSError, ConfigException) as error:
            self._observe("get", resource.plural, "error")
            raise errors.TransientError(what, 0, str(error) or f"no answer within {deadline:g} s") from error

    async def log_tail(self, namespace: str, pod: str, query: Mapping[str, str], keep: int) -> bytes:
        """The last `keep` bytes of a container's log, which is read as a stream and never held whole."""
        path = PODS.path(namespace, pod, "log") + "?" + urlencode(query)
        what, kept = f"get {path.partition('?')[0]}", bytearray()
        headers = {"Accept": "*/*", "User-Agent": self._agent}
        try:
            await self._authorize(headers, "get", path, None)
            answer = await self._client.rest_client.request(
                "GET", self._host + path, headers=headers, _request_timeout=_LIST_TIMEOUT
            )
            async for chunk in answer.response.content.iter_chunked(65_536):
                kept = (kept + chunk)[-keep:]
        except (TimeoutError, aiohttp.ClientError, OSError, ConfigException) as error:
            self._observe("get", "pods", "error")
            raise errors.TransientError(what, 0, str(error) or "no answer in time") from error
        self._observe("get", "pods", str(answer.status))
        if answer.status >= _FIRST_ERROR:
            raise _error("get", what, answer.status, bytes(kept), answer.headers)
        return bytes(kept)

    async def _authorize(self, headers: dict[str, str], verb: str, path: str, body: Any) -> None:
        if self._bearer:
            headers["Authorization"] = f"Bearer {self._bearer}"
        else:
            await self._client.update_params_for_auth(headers, [], ["BearerToken"], path, verb, body)

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
            return await self._request(
                verb, resource, path, body=body, content_type=content_type, deadline=deadline, accept=accept
            )
        except errors.ForbiddenError as error:
            # A token that is not known (401) is told the same by /readyz, and what a caller may do the gateway finds out.
            if self._bearer or error.status != _DENIED or await self.ready():
                raise
            starting = f"{error.message} (the API server is not ready: it may not know its roles yet)"
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
                _request_timeout=aiohttp.ClientTimeout(total=deadline),
            )
            status, payload = answer.status, await answer.read()
        except (TimeoutError, aiohttp.ClientError, OSError, ConfigException) as error:
            self._observe(verb, resource.plural, "error")
            text = str(error) or f"no answer within {deadline:g} s"
            raise errors.TransientError(what, 0, text) from error
        self._observe(verb, resource.plural, str(status))
        if status >= _FIRST_ERROR:
            raise _error(verb, what, status, payload, answer.headers)
        return _decoded(what, payload)


_METHODS: Final = {"get": "GET", "list": "GET", "create": "POST", "patch": "PATCH", "delete": "DELETE"}
_FIRST_ERROR: Final = 400
_DENIED: Final = 403
_READY_TIMEOUT: Final = aiohttp.ClientTimeout(total=WRITE_DEADLINE)
_LIST_TIMEOUT: Final = aiohttp.ClientTimeout(total=LIST_DEADLINE)
_FIRST_SERVER_ERROR: Final = 500
_BY_STATUS: Final[dict[int, type[errors.KubeError]]] = {
    400: errors.InvalidError,
    401: errors.ForbiddenError,
    403: errors.ForbiddenError,
    404: errors.NotFoundError,
    409: errors.ConflictError,
    410: errors.TransientError,
    422: errors.InvalidError,
}


def _decoded(what: str, payload: bytes) -> JSON:
    try:
        value = json.loads(payload)
    except ValueError as error:
        raise errors.TransientError(what, 0, "the answer is not JSON") from error
    return value if isinstance(value, dict) else {}


def _error(verb: str, what: str, status: int, payload: bytes, headers: Mapping[str, str]) -> errors.KubeError:
    message, reason = _explained(payload)
    if status == 429:  # noqa: PLR2004 - Too Many Requests
        return errors.ThrottledError(what, message, _retry_after(headers))
    if reason == "AlreadyExists" and verb == "create":
        return errors.AlreadyExistsError(what, status, message, reason)
    if errors.too_large(status, message):
        return errors.TooLargeError(what, status, message, reason)
    kind = (
        errors.TransientError
        if status >= _FIRST_SERVER_ERROR
        else _BY_STATUS.get(status, errors.InvalidError)
    )
    return kind(what, status, message, reason)


def _explained(payload: bytes) -> tuple[str, str]:
    """Message and reason of a `Status` object, or the beginning of whatever was sent instead."""
    try:
        status = json.loads(payload)
    except ValueError:
        return payload[:200].decode("utf-8", "replace"), ""
    if not isinstance(status, dict):
        return str(status)[:200], ""
    return str(status.get("message", ""))[:2000], str(status.get("reason", ""))


def _retry_after(headers: Mapping[str, str]) -> float:
    try:
        return min(MAX_RETRY_AFTER, max(0.0, float(headers.get("Retry-After", "1"))))
    except ValueError:
        return 1.0
