"""From an object in the cluster back to the document it carries, as the SDK writes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from run_operator.resources.raw import mapping

ORDER: Final = ("kind", "metadata", "spec", "status", "user", "project", "id", "name", "key", "extensions")
"""As the SDK writes it."""

JSON = Mapping[str, Any]


def of_object(raw: JSON) -> dict[str, Any]:
    """The document an object carries, with what happened in the cluster as its status.

    The status that the document was exported with elsewhere counts only while nothing has happened here.
    """
    spec, status = mapping(raw.get("spec")), mapping(raw.get("status"))
    found = {key: spec[key] for key in ORDER if key in spec}
    seen = bool(status.keys() - {"state"})
    found["status"] = dict(status) if seen else {**mapping(spec.get("status")), "state": "CREATED"}
    found["status"].setdefault("state", "CREATED")
    found.setdefault("metadata", {})
    found.setdefault("name", found.get("id"))
    found.setdefault("extensions", [])
    run_id, project, kind = (str(found.get(key, "")) for key in ("id", "project", "kind"))
    found.setdefault("key", store_key(project, kind, run_id))
    return {key: found[key] for key in ORDER if key in found}


def store_key(project: str, kind: str, run_id: str) -> str:
    """The key under which the platform knows a Run."""
    return f"store://{project}/run/{kind}/{run_id}"
