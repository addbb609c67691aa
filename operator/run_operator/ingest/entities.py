"""The documents that the DigitalHub SDK is given by the ingest, and whether one it sends changes anything."""

from __future__ import annotations

from run_operator.resources.raw import JSON

from collections.abc import Mapping
from typing import Any, Final

from run_operator.resources.exported import of_object
from run_operator.resources.raw import mapping, text

FREE: Final = frozenset({"project", "name", "created", "updated", "created_by", "updated_by", "user"})
"""Of metadata: filled in by the SDK itself."""
SAID: Final = ("labels", "description")



def project(name: str) -> dict[str, Any]:
    """As much of a project as a program needs to name it."""
    metadata = {"project": name, "name": name}
    return {
        "kind": "project", "id": name, "name": name, "key": f"store://{name}", "metadata": metadata, "spec": {},
        "status": {"state": "CREATED"}, "user": "", "project": name,
    }  # fmt: skip


def run(raw: JSON, metrics: JSON | None = None) -> dict[str, Any]:
    """The document a Run carries, with what happened in the cluster as its status; `metrics`: newer ones than its own."""
    found = of_object(raw)
    created = text(mapping(raw.get("metadata")).get("creationTimestamp"))
    filled = {"project": found["project"], "name": found["name"], "created": created, "updated": created}
    found["metadata"] = {**filled, **found["metadata"]}
    found["status"] |= {"metrics": dict(metrics)} if metrics else {}
    return found


def changes(sent: JSON, stored: JSON) -> str:
    """Which field of the stored document the one sent would change; empty: none. Status and what the SDK adds do not count."""
    for part in ("spec", "metadata"):
        there, wanted = mapping(stored.get(part)), mapping(sent.get(part))
        for key, value in there.items():
            if key in wanted and wanted[key] != value and not (part == "metadata" and key in FREE):
                return f"{part}.{key}"
    for key in SAID:
        if mapping(sent.get("metadata")).get(key) and key not in mapping(stored.get("metadata")):
            return f"metadata.{key}"
    return ""
