"""Documents of the SDK and custom resources: the document in an answer, and the changes in a PUT."""

from __future__ import annotations

from typing import Any, Final

from run_operator.api.conditions import FINAL, State, state_of
from run_operator.api.earlier_documents import of_today
from run_operator.api.exported import entity_key, entity_word, id_of, of_object
from run_operator.api.filters import changed_at, name_of
from run_operator.api.raw import JSON, mapping, parse, precise_stamp, stamp, text
from run_operator.api.run_state import state_shown
from run_operator.gateway.sdk_models import ID as SDK_ID
from run_operator.gateway.sdk_models import readable
from run_operator.kube.resource import CONTENT_ENTITIES, RUNS

HIDDEN: Final = frozenset({"metricsIngest"})
"""Fields of a Run's status that are not shown."""
STILL: Final = frozenset({State.STOPPED, *FINAL})
"""States in which the program writes nothing."""
UPLOADED: Final = ("READY", "ERROR")
"""States of a model and the like that do not change any more."""
CONTENT_KINDS: Final = frozenset(one.kind for one in CONTENT_ENTITIES)


def entity(raw: JSON, project: str, *, whole: bool = False) -> dict[str, Any]:
    """The document of an object, as the SDK reads it.

    Its project is the namespace, even if the document names another project, from which it was exported: the SDK makes its next
    request from that name. `whole`: with metrics, so that an export has them. Only for a Run whose program has ended: the
    SDK does not ask again for metrics that it has.
    """
    found = of_object(raw)
    if raw.get("kind") == RUNS.kind:
        found = of_today(found)
        state, message = state_shown(raw)
        found["status"] |= {"state": state.value} | ({"message": message} if message else {})
    shown = whole and _is_still(text(raw.get("kind")), text(found["status"]["state"]))
    hidden = HIDDEN if shown else HIDDEN | {"metrics"}
    found["status"] = {key: value for key, value in found["status"].items() if key not in hidden}
    found["id"] = shown_id(raw)
    found["name"] = name_of(found)
    found["metadata"] = _metadata(raw, found, project)
    return {**found, "project": project, "key": entity_key(entity_word(raw), project, found)}


def for_sdk(raw: JSON, project: str, *, whole: bool = False) -> dict[str, Any]:
    """As `entity`, without the fields that the SDK's own models refuse."""
    document = entity(raw, project, whole=whole)
    return document if raw.get("kind") in CONTENT_KINDS else readable(document)


def shown_id(raw: JSON) -> str:
    """The id of an entity; the object's name in place of an id that the SDK refuses, which would break its lists."""
    entity_id = id_of(raw)
    return entity_id if SDK_ID.fullmatch(entity_id) else text(mapping(raw.get("metadata")).get("name"))


def _metadata(raw: JSON, document: JSON, project: str) -> dict[str, Any]:
    """The metadata with the times of creation and last change, which the object has."""
    created = text(mapping(raw.get("metadata")).get("creationTimestamp"))
    given = {key: value for key, value in mapping(document.get("metadata")).items() if value is not None}
    found = {"name": document.get("name"), "created": created, **given, "project": project}
    changed, made = changed_at(raw), parse(found["created"]) or 0.0
    return {**found, "updated": stamp(changed) if changed > made else found["created"]}


def _is_still(kind: str, state: str) -> bool:
    return state in UPLOADED if kind in CONTENT_KINDS else state_of(state) in STILL


def newest_first(document: JSON) -> tuple[float, str]:
    """Sort key, in reverse order: time of creation, then id; the operator finds the latest Function in the same way."""
    created = mapping(document.get("metadata")).get("created")
    return parse(text(created)) or 0.0, text(document.get("id"))


def stamped(document: JSON, now: float) -> dict[str, Any]:
    """The document with the time of creation, if it has none."""
    metadata = dict(mapping(document.get("metadata")))
    metadata.setdefault("created", precise_stamp(now))
    metadata.setdefault("updated", metadata["created"])
    return {**document, "metadata": metadata}
