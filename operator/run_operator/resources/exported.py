"""From an object in the cluster back to the document it carries, as the SDK writes it."""

from __future__ import annotations

from run_operator.resources.raw import JSON

from collections.abc import Mapping
from typing import Any, Final

from run_operator.document.kinds import MATERIAL, NAMED, EntityType
from run_operator.resources.raw import mapping

ORDER: Final = ("kind", "metadata", "spec", "status", "user", "project", "id", "name", "key", "extensions")
"""As the SDK writes it."""
_MATERIAL: Final = frozenset(one.value for one in MATERIAL)
_NAMED: Final = frozenset(one.value.lower() for one in NAMED)



def of_object(raw: JSON) -> dict[str, Any]:
    """The document an object carries, with what happened in the cluster as its status.

    The status that the document was exported with elsewhere counts only while nothing has happened here.
    """
    spec = mapping(raw.get("spec"))
    found = {key: spec[key] for key in ORDER if key in spec}
    found["status"] = _carried(raw) if raw.get("kind") in _MATERIAL else _happened(raw)
    found["status"].setdefault("state", "CREATED")
    found.setdefault("metadata", {})
    found.setdefault("name", found.get("id"))
    found.setdefault("extensions", [])
    entity = str(raw.get("kind") or EntityType.RUN.value).lower()
    found.setdefault("key", entity_key(entity, str(found.get("project", "")), found))
    return {key: found[key] for key in ORDER if key in found}


def store_key(project: str, kind: str, run_id: str) -> str:
    """The key under which the platform knows a Run."""
    return f"store://{project}/run/{kind}/{run_id}"


def entity_key(entity: str, project: str, document: JSON) -> str:
    """The key under which the platform knows it. `entity`: run, function, artifact and so on."""
    kind, name, entity_id = (str(document.get(key, "")) for key in ("kind", "name", "id"))
    return f"store://{project}/{entity}/{kind}/{f'{name}:{entity_id}' if entity in _NAMED else entity_id}"


def relationships(document: JSON) -> list[JSON]:
    """The ties to other entities: what the document says of them, and of a Run also what its spec and its status say.

    They are claims of whoever wrote the document.
    """
    key, spec = document.get("key"), mapping(document.get("spec"))
    stated = mapping(document.get("metadata")).get("relationships")
    found = [dict(one) for one in (stated if isinstance(stated, list) else ()) if isinstance(one, Mapping)]
    if "/run/" in str(key):
        if function := spec.get("function"):
            found.append({"type": "run_of", "dest": function})
        found += [{"type": "consumes", "dest": one} for one in mapping(spec.get("inputs")).values()]
        outputs = mapping(mapping(document.get("status")).get("outputs"))
        found += [{"type": "produced_by", "source": one, "dest": key} for one in outputs.values()]
    ties = [
        {"type": one.get("type"), "source": one.get("source") or key, "dest": one.get("dest")}
        for one in found
    ]
    return [tie for i, tie in enumerate(ties) if tie not in ties[:i]]


def _happened(raw: JSON) -> dict[str, Any]:
    """The status of a Run: what happened here; before that, the document's own, which is of no state here."""
    carried, status = mapping(mapping(raw.get("spec")).get("status")), mapping(raw.get("status"))
    return dict(status) if status.keys() - {"state"} else {**carried, "state": "CREATED"}


def _carried(raw: JSON) -> dict[str, Any]:
    """The status of an artifact and the like: as it was reported, with the metrics that were logged since."""
    found, metrics = (
        dict(mapping(mapping(raw.get("spec")).get("status"))),
        mapping(raw.get("status")).get("metrics"),
    )
    return found | ({"metrics": dict(metrics)} if metrics else {})
