"""A document into the cluster: create it, or change of it what may change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from run_operator.api.exported import KEPT, manifest, of_object
from run_operator.api.raw import JSON
from run_operator.client.cluster import Cluster
from run_operator.client.documents import UNCHANGEABLE, checked
from run_operator.client.errors import (
    BadRequestError,
    EntityAlreadyExistsError,
    EntityError,
    EntityNotExistsError,
)
from run_operator.document.errors import DocumentError
from run_operator.document.merge import without_nulls
from run_operator.kube.resource import BY_KIND, RUNS, Resource


def create(
    cluster: Cluster,
    document: JSON,
    name: str,
    *,
    suspend: bool = False,
    labels: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The new object. Raises EntityAlreadyExistsError, EntityError for what is not a document of a Run."""
    try:
        body = manifest(checked(document), name=name, suspend=suspend)
    except DocumentError as error:
        raise EntityError(str(error)) from error
    if labels:
        body["metadata"]["labels"] = {**body["metadata"].get("labels", {}), **labels}
    try:
        return cluster.create(RUNS, body)
    except EntityAlreadyExistsError as error:
        message = (
            f"Entity already exists. Response: {error}. "
            f"Change it with update(), or delete it first (namespace {cluster.namespace})"
        )
        raise EntityAlreadyExistsError(message, status=error.status, reason=error.reason) from error


def update(cluster: Cluster, document: JSON, name: str) -> dict[str, Any]:
    """The object with the document in it; created if it is not there.

    Kind, project and id never change; the spec only while the Run is STOPPED (BadRequestError). Nothing else of the
    object is touched: not `suspend`, not the policy. Nothing to change: nothing is sent.
    """
    checked(document)
    try:
        there = cluster.get(RUNS, name)
    except EntityNotExistsError:
        return create(cluster, document, name)
    return _change(cluster, RUNS, there, document, dry_run=False) or there


def apply(cluster: Cluster, body: JSON, *, dry_run: bool = False) -> str:
    """Create the object of a manifest, or bring its document up to date: `created`, `changed` or `unchanged`.

    Unlike `kubectl apply` it touches the document only; `suspend` does not change.
    """
    resource = BY_KIND[str(body["kind"])]
    try:
        cluster.create(resource, body, dry_run=dry_run)
    except EntityAlreadyExistsError:
        there = cluster.get(resource, str(body["metadata"]["name"]))
        changed = _change(cluster, resource, there, body["spec"], dry_run=dry_run)
        return "unchanged" if changed is None else "changed"
    return "created"


def _same(there: Any, wanted: Any) -> bool:
    """Whether two values say the same: of a manifest that kubectl applied, nulls in maps do not reach the cluster."""
    return bool(there == wanted or without_nulls(there) == without_nulls(wanted))


def _says_the_same(there: JSON, shown: JSON, document: JSON, key: str) -> bool:
    """Either as it is written in the cluster, or as it is shown: with the defaults of a document written by hand."""
    wanted = document[key]
    return _same(there["spec"].get(key), wanted) or _same(shown.get(key), wanted)


def _change(
    cluster: Cluster, resource: Resource, there: JSON, document: JSON, *, dry_run: bool
) -> dict[str, Any] | None:
    """Replace what differs, field by field; None if nothing does."""
    shown, name = of_object(there), str(there["metadata"]["name"])
    for key in UNCHANGEABLE:
        if key in document and shown.get(key) != document[key]:
            raise EntityError(
                f"the {key} of {resource.kind.lower()} {name} is {shown.get(key)!r} and cannot become {document[key]!r}; "
                "save the document under another id"
            )
    changes = [
        {"op": "add", "path": f"/spec/{key}", "value": document[key]}
        for key in KEPT
        if key in document and key != "status" and not _says_the_same(there, shown, document, key)
    ]
    if not changes:
        return None
    same = {"op": "test", "path": "/metadata/uid", "value": there["metadata"]["uid"]}
    try:
        return cluster.json_patch(resource, name, [same, *changes], dry_run=dry_run)
    except BadRequestError as error:
        message = f"{resource.kind.lower()} {name} was not changed: {error}"
        raise BadRequestError(message, status=error.status, reason=error.reason) from error
