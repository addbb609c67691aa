"""The thin way to the API server: dict in, dict out, so that a Run comes through as it is."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, Final, Self

from run_operator.api.raw import JSON
from run_operator.client import kubeconfig as config
from run_operator.client.errors import UnavailableError
from run_operator.client.transport import Transport, parsed
from run_operator.kube.resource import Resource

LIST_DEADLINE: Final = 60.0
PAGE: Final = 500
"""Objects a page of a list."""
MANAGER: Final = "runctl"
"""The field manager of every write: who did it, in `kubectl get --show-managed-fields`."""
MERGE_PATCH: Final = "application/merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"
TABLE: Final = "application/json;as=Table;g=meta.k8s.io;v=v1,application/json"


class Cluster(Transport):
    """One namespace of one cluster, and the connections to it. May be shared by threads."""

    def __init__(self, access: config.Access) -> None:
        super().__init__(access.configuration, access.headers, access.login)
        self.namespace = access.namespace
        self.inside = access.inside
        """Whether this program runs in the cluster, so that addresses of services work."""

    @classmethod
    def connect(
        cls, *, namespace: str | None = None, context: str | None = None, kubeconfig: str | None = None
    ) -> Self:
        """By a kubeconfig or from inside a pod. Nothing is sent yet. Raises ClientError."""
        return cls(config.load(namespace=namespace, context=context, kubeconfig=kubeconfig))

    def get(self, resource: Resource, name: str, subresource: str | None = None) -> dict[str, Any]:
        """One object."""
        namespace = self.namespace if resource.is_namespaced else None
        return self.json("GET", resource.path(namespace, name, subresource))

    def create(self, resource: Resource, body: JSON, *, dry_run: bool = False) -> dict[str, Any]:
        """POST; EntityAlreadyExistsError when the name is taken. `dry_run`: everything but storing it."""
        return self.json("POST", resource.path(self.namespace), _writing(dry_run), body=body)

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
        return self.json("DELETE", resource.path(self.namespace, name), body=body)

    def page(
        self, resource: Resource, *, limit: int, deadline: float, everywhere: bool = False
    ) -> dict[str, Any]:
        """The first objects of a list, asked for once."""
        path = resource.path(None if everywhere else self.namespace)
        return self.once("GET", f"{path}?limit={limit}", None, {}, deadline)

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
            page = self.json("GET", path, query, accept=accept, deadline=LIST_DEADLINE)
            yield page
            token = (page.get("metadata") or {}).get("continue")
            if not token:
                return
            query["continue"] = token

    def watch(
        self,
        resource: Resource,
        version: str,
        *,
        fields: str = "",
        labels: str = "",
        seconds: float,
        silence: float,
        opened: Callable[[Any], None] | None = None,
    ) -> Generator[dict[str, Any]]:
        """Events after `version`, which a list has given, for at most `seconds`.

        Raises UnavailableError when the stream breaks or says nothing for `silence` seconds (bookmarks come once a
        minute). `opened`: see `lines`.
        """
        query = {
            "watch": "true", "resourceVersion": version,
            "allowWatchBookmarks": "true", "timeoutSeconds": str(max(1, int(seconds))),
        }  # fmt: skip
        query |= {k: v for k, v in (("labelSelector", labels), ("fieldSelector", fields)) if v}
        path = resource.path(self.namespace)
        with contextlib.closing(self.lines(path, query, silence=silence, opened=opened)) as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    raise UnavailableError(f"watch {path}: the connection was closed within an event")
                if line.strip():
                    yield parsed(line, "watch")

    def _patch(
        self, path: str, body: JSON | Sequence[JSON], kind: str, dry_run: bool = False
    ) -> dict[str, Any]:
        return self.json("PATCH", path, _writing(dry_run), body=body, kind=kind)


def _writing(dry_run: bool) -> dict[str, str]:
    return {"fieldManager": MANAGER} | ({"dryRun": "All"} if dry_run else {})
