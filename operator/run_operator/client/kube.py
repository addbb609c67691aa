"""The thin way to the API server: dict in, dict out, the client's errors, a deadline for every request.

It stands on the Kubernetes client's connection pool and credentials; its typed objects are not used, so that a Run
comes through as it is. Reads are repeated when the connection breaks; a write is sent once.
"""

from __future__ import annotations

import contextlib
import json
import random
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any, Final, Self
from urllib.parse import urlencode

import urllib3
from kubernetes.client import ApiClient

from run_operator import __version__
from run_operator.client import config, errors
from run_operator.client.answers import error_of, unavailable
from run_operator.kube.resource import Resource

DEADLINE: Final = 20.0
LIST_DEADLINE: Final = 60.0
CONNECT: Final = 5.0
"""Seconds until a connection stands."""
READ_TRIES: Final = 4
LONGEST_PAUSE: Final = 10.0
PAGE: Final = 500
"""Objects a page of a list."""
MAX_ANSWER: Final = 256 * 1024 * 1024
MAX_LINE: Final = 8 * 1024 * 1024
"""Bytes of one event or log line; etcd's objects are far smaller."""
MANAGER: Final = "runctl"
"""The field manager of every write: who did it, in `kubectl get --show-managed-fields`."""
MERGE_PATCH: Final = "application/merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"
TABLE: Final = "application/json;as=Table;g=meta.k8s.io;v=v1,application/json"

JSON = Mapping[str, Any]


class Cluster:
    """One namespace of one cluster, and the connections to it. May be shared by threads."""

    def __init__(self, access: config.Access) -> None:
        self.namespace = access.namespace
        self.inside = access.inside
        """Whether this program runs in the cluster, so that addresses of services work."""
        self._host = str(access.configuration.host).rstrip("/")
        self._client = ApiClient(access.configuration)

    @classmethod
    def connect(
        cls, *, namespace: str | None = None, context: str | None = None, kubeconfig: str | None = None
    ) -> Self:
        """By a kubeconfig or from inside a pod. Nothing is sent yet. Raises ClientError."""
        return cls(config.load(namespace=namespace, context=context, kubeconfig=kubeconfig))

    def close(self) -> None:
        """End the connections; the next request opens new ones."""
        self._client.rest_client.close()

    def get(self, resource: Resource, name: str, subresource: str | None = None) -> dict[str, Any]:
        """One object."""
        return self._json("GET", resource.path(self.namespace, name, subresource))

    def create(self, resource: Resource, body: JSON, *, dry_run: bool = False) -> dict[str, Any]:
        """POST; EntityAlreadyExistsError when the name is taken. `dry_run`: everything but storing it."""
        return self._json("POST", resource.path(self.namespace), _writing(dry_run), body=body)

    def merge_patch(self, resource: Resource, name: str, body: JSON) -> dict[str, Any]:
        """With `metadata.resourceVersion` in the body, ConflictError when the object is newer."""
        return self._patch(resource.path(self.namespace, name), body, MERGE_PATCH)

    def json_patch(
        self,
        resource: Resource,
        name: str,
        body: Sequence[JSON],
        *,
        subresource: str | None = None,
        dry_run: bool = False,
    ) -> dict[str, Any]:
        """For parts that are replaced whole; a failed `test` is a BadRequestError."""
        return self._patch(resource.path(self.namespace, name, subresource), body, JSON_PATCH, dry_run)

    def delete(self, resource: Resource, name: str, uid: str = "") -> dict[str, Any]:
        """Delete the object (of that uid, else ConflictError); what it owns goes in the background."""
        body: dict[str, Any] = {"propagationPolicy": "Background"}
        if uid:
            body["preconditions"] = {"uid": uid}
        return self._json("DELETE", resource.path(self.namespace, name), body=body)

    def page(
        self, resource: Resource, *, limit: int, deadline: float, everywhere: bool = False
    ) -> dict[str, Any]:
        """The first objects of a list, asked for once."""
        path = resource.path(None if everywhere else self.namespace)
        return self._once("GET", f"{path}?limit={limit}", None, {}, deadline)

    def list(
        self,
        resource: Resource,
        *,
        labels: str = "",
        fields: str = "",
        everywhere: bool = False,
        accept: str = "application/json",
    ) -> Iterator[dict[str, Any]]:
        """The pages of a list, each as the server sent it; `everywhere`: of all namespaces."""
        query = {"limit": str(PAGE)}
        query |= {k: v for k, v in (("labelSelector", labels), ("fieldSelector", fields)) if v}
        path = resource.path(None if everywhere else self.namespace)
        while True:
            page = self._json("GET", path, query, accept=accept, deadline=LIST_DEADLINE)
            yield page
            token = (page.get("metadata") or {}).get("continue")
            if not token:
                return
            query["continue"] = token

    def watch(
        self, resource: Resource, name: str, version: str, *, seconds: float, silence: float
    ) -> Generator[dict[str, Any]]:
        """Events of one object after `version`, for at most `seconds`.

        Raises UnavailableError when the stream breaks or says nothing for `silence` seconds (bookmarks come once a
        minute).
        """
        query = {
            "watch": "true", "fieldSelector": f"metadata.name={name}", "resourceVersion": version,
            "allowWatchBookmarks": "true", "timeoutSeconds": str(max(1, int(seconds))),
        }  # fmt: skip
        with contextlib.closing(self.lines(resource.path(self.namespace), query, silence=silence)) as lines:
            for line in lines:
                if line.strip():
                    yield _parsed(line, "watch")

    def lines(
        self,
        path: str,
        query: Mapping[str, str],
        *,
        silence: float,
        opened: Callable[[Any], None] | None = None,
    ) -> Generator[bytes]:
        """The lines of a stream as they come, without their ends; the last one also if nothing ends it.

        `opened` gets the response, whose `shutdown()` ends the stream from another thread.
        """
        headers = {"Accept": "application/json, */*"}
        response = self.send("GET", f"{path}?{urlencode(query)}", headers=headers, deadline=silence)
        if opened is not None:
            opened(response)
        rest = b""
        try:
            for chunk in response.stream(65536):
                *whole, rest = (rest + chunk).split(b"\n")
                yield from whole
                if len(rest) > MAX_LINE:
                    raise errors.BackendError(f"{path}: a line of more than {MAX_LINE} bytes")
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise unavailable(f"watch {path}", error) from error
        finally:
            response.close()
        if rest:
            yield rest

    def send(
        self, method: str, path: str, *, body: bytes | None = None, headers: JSON | None = None,
        deadline: float = DEADLINE,
    ) -> Any:  # fmt: skip
        """The answer (a urllib3 response, its body unread) of one request; raises for a status from 400 on."""
        response = self.raw(method, path, body=body, headers=headers, deadline=deadline)
        if response.status < 400:  # noqa: PLR2004 - HTTP
            return response
        with contextlib.closing(response):
            try:
                told = response.read(65536, decode_content=True)
            except (urllib3.exceptions.HTTPError, OSError):
                told = b""
        raise error_of(f"{method} {path.partition('?')[0]}", response.status, response.headers, told)

    def raw(
        self, method: str, path: str, *, body: bytes | None = None, headers: JSON | None = None,
        deadline: float = DEADLINE,
    ) -> Any:  # fmt: skip
        """As `send`, whatever the status."""
        sent = {"User-Agent": f"runctl/{__version__}", "Accept": "application/json", **(headers or {})}
        try:
            self._client.update_params_for_auth(sent, [], ["BearerToken"], path, method, None)
            return self._client.rest_client.pool_manager.request(
                method, self._host + path, body=body, headers=sent, preload_content=False, redirect=False,
                timeout=urllib3.Timeout(connect=min(CONNECT, deadline), read=deadline), retries=False,
            )  # fmt: skip
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise unavailable(f"{method} {path.partition('?')[0]}", error) from error

    def _patch(
        self, path: str, body: JSON | Sequence[JSON], kind: str, dry_run: bool = False
    ) -> dict[str, Any]:
        return self._json("PATCH", path, _writing(dry_run), body=body, kind=kind)

    def _json(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: JSON | Sequence[JSON] | None = None,
        kind: str = "application/json",
        accept: str = "application/json",
        deadline: float = DEADLINE,
    ) -> dict[str, Any]:
        url = f"{path}?{urlencode(query)}" if query else path
        data = None if body is None else json.dumps(body, allow_nan=False).encode()
        headers = {"Accept": accept} | ({} if data is None else {"Content-Type": kind})
        until = time.monotonic() + deadline
        for attempt in range(READ_TRIES):
            try:
                return self._once(method, url, data, headers, deadline)
            except errors.UnavailableError as error:
                if attempt == READ_TRIES - 1 or not _again(method, error, until):
                    raise
                time.sleep(max(error.retry_after, random.uniform(0.5, 1.0) * 0.2 * 2**attempt))  # noqa: S311 - jitter
        raise AssertionError("unreachable: the last try returns or raises")

    def _once(
        self, method: str, url: str, data: bytes | None, headers: JSON, deadline: float
    ) -> dict[str, Any]:
        what = f"{method} {url.partition('?')[0]}"
        response = self.send(method, url, body=data, headers=headers, deadline=deadline)
        try:
            return _parsed(response.read(MAX_ANSWER, decode_content=True), what)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise unavailable(what, error) from error
        finally:
            response.release_conn()


def _writing(dry_run: bool) -> dict[str, str]:
    return {"fieldManager": MANAGER} | ({"dryRun": "All"} if dry_run else {})


def _again(method: str, error: errors.UnavailableError, until: float) -> bool:
    """A read may be repeated; a write only if the server said that it did not do it (429)."""
    harmless = method == "GET" or error.status == 429  # noqa: PLR2004 - HTTP
    return harmless and error.retry_after <= LONGEST_PAUSE and time.monotonic() < until


def _parsed(data: bytes, what: str) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except ValueError as error:
        raise errors.BackendError(
            f"{what}: the answer is not JSON: is this a Kubernetes API server?"
        ) from error
    if not isinstance(found, dict):
        raise errors.BackendError(f"{what}: the answer is no object")
    return found
