"""From an exported document to the custom resource that carries it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from run_operator.document.entity import Entity
from run_operator.document.errors import NotAnExportError
from run_operator.document.kinds import EntityType
from run_operator.document.names import object_name
from run_operator.resources.constants import API_VERSION, LABEL_PROJECT

KEPT: Final = ("kind", "metadata", "spec", "status", "user", "project", "id", "name", "key", "extensions")
"""The keys of an export that the custom resource has a place for; the platform writes no others."""
_LABEL_VALUE: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")


def manifest(
    entity: Entity, *, namespace: str | None = None, name: str | None = None, suspend: bool = False
) -> dict[str, Any]:
    """What to apply: a Run, or the Function or Task of the same group. Raises NotAnExportError."""
    if suspend and entity.type is not EntityType.RUN:
        raise NotAnExportError(f"this is a {entity.type.value}, which cannot be suspended")
    unknown = [key for key in entity.document if key not in KEPT]
    if unknown:
        raise NotAnExportError(
            f"the field '{unknown[0][:80]}' is not part of an export; known are {', '.join(KEPT)}"
        )
    metadata: dict[str, Any] = {"name": name or object_name(entity.id)}
    if namespace:
        metadata["namespace"] = namespace
    if _LABEL_VALUE.fullmatch(entity.project):
        metadata["labels"] = {LABEL_PROJECT: entity.project}
    spec: Mapping[str, Any] = dict(entity.document) | ({"suspend": True} if suspend else {})
    return {"apiVersion": API_VERSION, "kind": entity.type.value, "metadata": metadata, "spec": spec}
