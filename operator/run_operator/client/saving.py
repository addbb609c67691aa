"""A document into the cluster: create it, or change of it what may change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from run_operator.client.documents import UNCHANGEABLE, checked
from run_operator.client.errors import (
    BadRequestError,
    EntityAlreadyExistsError,
    EntityError,
    EntityNotExistsError,
)
from run_operator.client.kube import Cluster
from run_operator.document.errors import DocumentError
from run_operator.kube.resource import RUNS
from run_operator.resources.manifest import KEPT, manifest

JSON = Mapping[str, Any]


def create(cluster: Cluster, document: JSON, name: str, *, suspend: bool = False) -> dict[str, Any]:
    """The new object. Raises EntityAlreadyExistsError, EntityError for what is no document of a Run."""
    try:
        body = manifest(checked(document), name=name, suspend=suspend)
    except DocumentError as error:
        raise EntityError(str(error)) from error
    try:
        return cluster.create(RUNS, body)
    except EntityAlreadyExistsError as error:
        message = (
            f"Entity already exists. Response: {error}. "
            f"Change it with save(update=True), or delete it first (namespace {cluster.namespace})"
        )
        raise EntityAlreadyExistsError(message, status=error.status, reason=error.reason) from error


def update(cluster: Cluster, document: JSON, name: str) -> dict[str, Any]:
    """The object with the document in it; created if it is not there.

    Kind, project and id never change; the spec only while the Run is STOPPED (BadRequestError). Nothing else of the
    object is touched: not the wish to run or stop, not the policy. Nothing to change: nothing is sent.
    """
    checked(document)
    try:
        there = cluster.get(RUNS, name)
    except EntityNotExistsError:
        return create(cluster, document, name)
    spec = there["spec"]
    for key in UNCHANGEABLE:
        if spec.get(key) != document[key]:
            raise EntityError(
                f"the {key} of run {name} is {spec.get(key)!r} and cannot become {document[key]!r}; "
                "save the document under another id"
            )
    changes = [
        {"op": "add", "path": f"/spec/{key}", "value": document[key]}
        for key in KEPT
        if key in document and key != "status" and spec.get(key) != document[key]
    ]
    if not changes:
        return there
    return _patched(cluster, name, [{"op": "test", "path": "/metadata/uid", "value": _uid(there)}, *changes])


def _patched(cluster: Cluster, name: str, operations: list[JSON]) -> dict[str, Any]:
    try:
        return cluster.json_patch(RUNS, name, operations)
    except BadRequestError as error:
        raise BadRequestError(
            f"run {name} was not changed: {error}", status=error.status, reason=error.reason
        ) from error


def _uid(raw: JSON) -> str:
    return str(raw["metadata"]["uid"])
