"""From an object in the cluster back to its document, as the SDK writes it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from run_operator.api.conditions import FINAL, state_of
from run_operator.api.constants import API_VERSION, LABEL_PROJECT
from run_operator.api.raw import JSON, mapping, text
from run_operator.api.unknown_keys import check_export
from run_operator.document.entity import Entity
from run_operator.document.errors import DocumentError, NotAnExportError
from run_operator.document.kinds import CONTENT, NAMED, WORKFLOWS, EntityType, of_run
from run_operator.document.names import object_name

ORDER: Final = ("kind", "metadata", "spec", "status", "user", "project", "id", "name", "key", "extensions")
"""The order of keys, as the SDK writes them."""
_CONTENT: Final = frozenset(one.value for one in CONTENT)
_NAMED: Final = frozenset({"workflow", *(one.value.lower() for one in NAMED)})


def of_object(raw: JSON) -> dict[str, Any]:
    """The document of an object, with the status that it has in the cluster.

    The status that the document was exported with is kept while the object has none of its own.
    """
    spec = mapping(raw.get("spec"))
    found = {key: spec[key] for key in ORDER if key in spec}
    found["status"] = _carried(raw) if raw.get("kind") in _CONTENT else _happened(raw)
    found["status"].setdefault("state", "CREATED")
    found.setdefault("metadata", {})
    found["id"], found["project"] = id_of(raw), project_of(raw)
    found.setdefault("name", found["id"])
    found.setdefault("extensions", [])
    kind = text(found.get("kind"))
    if "spec" in found and kind.endswith(":run") and not mapping(found["spec"]).get("task"):
        rest = {key: value for key, value in found["spec"].items() if key != "task"}
        found["spec"] = {"task": default_task(kind, found["project"], found["id"]), **rest}
    entity = entity_word(raw)
    found.setdefault("key", entity_key(entity, str(found.get("project", "")), found))
    return {key: found[key] for key in ORDER if key in found}


def entity_word(raw: JSON) -> str:
    """The platform's word for an object's document: run, function, workflow and so on."""
    if raw.get("kind") == EntityType.FUNCTION.value and mapping(raw.get("spec")).get("kind") in WORKFLOWS:
        return "workflow"
    return str(raw.get("kind") or EntityType.RUN.value).lower()


def id_of(raw: JSON) -> str:
    """The id of an object's document; without an id: the object's name."""
    return text(mapping(raw.get("spec")).get("id")) or text(mapping(raw.get("metadata")).get("name"))


def project_of(raw: JSON) -> str:
    """The project of an object's document; without a project: the namespace."""
    return text(mapping(raw.get("spec")).get("project")) or text(
        mapping(raw.get("metadata")).get("namespace")
    )


def default_task(kind: str, project: str, run_id: str) -> str:
    """A task for a Run whose document names none, because the SDK needs one."""
    return f"{kind.removesuffix(':run')}://{project}/{run_id}"


def store_key(project: str, kind: str, run_id: str) -> str:
    """The platform's key of a Run."""
    return f"store://{project}/run/{kind}/{run_id}"


def entity_key(entity: str, project: str, document: JSON) -> str:
    """The platform's key of an entity. `entity`: run, function, artifact and so on."""
    kind, name, entity_id = (str(document.get(key, "")) for key in ("kind", "name", "id"))
    return f"store://{project}/{entity}/{kind}/{f'{name}:{entity_id}' if entity in _NAMED else entity_id}"


def relationships(document: JSON) -> list[JSON]:
    """The relationships in an entity's document; of a Run also those that follow from its spec and status.

    The document's author claims them; nothing proves them.
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
    """The status of a Run in this cluster; before it has one, the document's own without its state."""
    carried, status = mapping(mapping(raw.get("spec")).get("status")), mapping(raw.get("status"))
    return dict(status) if status.keys() - {"state"} else {**carried, "state": "CREATED"}


def _carried(raw: JSON) -> dict[str, Any]:
    """The status of an artifact, data item or model: as its client reported it, with metrics that were logged later."""
    found, metrics = (
        dict(mapping(mapping(raw.get("spec")).get("status"))),
        mapping(raw.get("status")).get("metrics"),
    )
    return found | ({"metrics": dict(metrics)} if metrics else {})


KEPT: Final = ("kind", "metadata", "spec", "status", "user", "project", "id", "name", "key", "extensions")
"""Keys of an export that are fields of the custom resource; the platform writes no others."""
_LABEL_VALUE: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")


def manifest(
    entity: Entity, *, namespace: str | None = None, name: str | None = None, suspend: bool = False
) -> dict[str, Any]:
    """The object to apply: a Run, Function, Task or another entity. Raises NotAnExportError."""
    if suspend and entity.type is not EntityType.RUN:
        raise NotAnExportError(f"this is a {entity.type.value}, which cannot be suspended")
    check_export(entity.document, KEPT)
    metadata: dict[str, Any] = {"name": name or object_name(entity.id)}
    if namespace:
        metadata["namespace"] = namespace
    if _LABEL_VALUE.fullmatch(entity.project):
        metadata["labels"] = {LABEL_PROJECT: entity.project}
    spec: Mapping[str, Any] = dict(entity.document) | ({"suspend": True} if suspend else {})
    return {"apiVersion": API_VERSION, "kind": entity.type.value, "metadata": metadata, "spec": spec}


def selector(
    *,
    project: str | None = None,
    kind: str | None = None,
    state: str | None = None,
    reported: str | None = None,
) -> str:
    """A field selector; a value that no object can have selects nothing.

    `state` is that of a Run; `reported` that of an artifact, data item or model, which its client reports.
    """
    wanted = {
        "spec.project": project,
        "spec.kind": kind,
        "status.state": state,
        "spec.status.state": reported,
    }
    return ",".join(f"{field}={_escaped(value)}" for field, value in wanted.items() if value)


def selectors(
    namespace: str, *, project: str | None = None, kind: str | None = None, state: str | None = None
) -> list[str]:
    """Field selectors that together select a project's objects: documents of the project, and those without a project in its namespace."""
    found = [selector(project=project, kind=kind, state=state)]
    if project and project == namespace:
        found.append(",".join(filter(None, ("spec.project=", selector(kind=kind, state=state)))))
    return found


def action_of(document: JSON) -> str:
    """The action in a kind: `job`, `serve`, ...; empty for a malformed kind."""
    try:
        return of_run(text(document.get("kind")), text(mapping(document.get("spec")).get("task"))).action
    except DocumentError:
        return ""


def _escaped(value: str) -> str:
    return re.sub(r"([\\,=])", r"\\\1", value)


def refusal(raw: Mapping[str, Any], verb: str) -> str:
    """A sentence that says why the Run cannot be stopped or resumed (`verb`); empty if it can be."""
    status = mapping(raw.get("status"))
    state = state_of(status.get("state"))
    if state not in FINAL:
        return ""
    name = text(mapping(raw.get("metadata")).get("name"))
    advice = "there is nothing to stop" if verb == "stop" else f"to run it again: runctl rerun {name}"
    said = f" ({status['message']})" if status.get("message") else ""
    return f"run {name} is {state.value} already{said}: {advice}"
