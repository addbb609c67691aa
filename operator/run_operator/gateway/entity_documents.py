"""Between the SDK's documents and our objects: what an answer shows, and what of a PUT is a change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from run_operator.api.conditions import FINAL, State, state_of
from run_operator.api.exported import entity_key, id_of, of_object
from run_operator.api.filters import changed_at, name_of
from run_operator.api.raw import JSON, mapping, parse, precise_stamp, stamp, text
from run_operator.gateway.run_state import state_shown
from run_operator.gateway.sdk_models import ID as SDK_ID
from run_operator.gateway.sdk_models import readable
from run_operator.kube.resource import MATERIALS, RUNS

HIDDEN: Final = frozenset({"metricsIngest"})
"""Of a Run's status."""
STILL: Final = frozenset({State.STOPPED, *FINAL})
"""Whose program writes nothing."""
UPLOADED: Final = ("READY", "ERROR")
"""States of a model and the like that is written no more."""
MATERIAL_KINDS: Final = frozenset(one.kind for one in MATERIALS)
TIMES: Final = frozenset({"created", "updated"})
"""Of the metadata; the gateway says them, whatever a document says."""
CHANGEABLE: Final = ("metadata", "spec", "extensions")


def entity(raw: JSON, project: str, *, whole: bool = False) -> dict[str, Any]:
    """The document of a Run, Function or Task object as the SDK reads it.

    The namespace is the project: the document may name another one (it was exported there), and the SDK, which finds
    its way by that name, would not find back. `whole`: with metrics, so that they are in an export, once the program
    is still. Before, the SDK would ask for them no more, and show what it has.
    """
    found = of_object(raw)
    if raw.get("kind") == RUNS.kind:
        state, message = state_shown(raw)
        found["status"] |= {"state": state.value} | ({"message": message} if message else {})
    shown = whole and _is_still(text(raw.get("kind")), text(found["status"]["state"]))
    hidden = HIDDEN if shown else HIDDEN | {"metrics"}
    found["status"] = {key: value for key, value in found["status"].items() if key not in hidden}
    found["id"] = shown_id(raw)
    found["name"] = name_of(found)
    found["metadata"] = _metadata(raw, found, project)
    return {**found, "project": project, "key": entity_key(text(raw.get("kind")).lower(), project, found)}


def for_sdk(raw: JSON, project: str, *, whole: bool = False) -> dict[str, Any]:
    """As `entity`, without the fields that the SDK's own models refuse."""
    document = entity(raw, project, whole=whole)
    return document if raw.get("kind") in MATERIAL_KINDS else readable(document)


def shown_id(raw: JSON) -> str:
    """The id of an entity. One that the SDK refuses would break its lists: there the object's name stands for it."""
    entity_id = id_of(raw)
    return entity_id if SDK_ID.fullmatch(entity_id) else text(mapping(raw.get("metadata")).get("name"))


def _metadata(raw: JSON, document: JSON, project: str) -> dict[str, Any]:
    """With the times of its creation and of its last change, which the document itself cannot know."""
    created = text(mapping(raw.get("metadata")).get("creationTimestamp"))
    given = {key: value for key, value in mapping(document.get("metadata")).items() if value is not None}
    found = {"name": document.get("name"), "created": created, **given, "project": project}
    changed, made = changed_at(raw), parse(found["created"]) or 0.0
    return {**found, "updated": stamp(changed) if changed > made else found["created"]}


def _is_still(kind: str, state: str) -> bool:
    return state in UPLOADED if kind in MATERIAL_KINDS else state_of(state) in STILL


def newest_first(document: JSON) -> tuple[float, str]:
    """To sort by, in reverse: when it was created, then by id, as the operator looks for the latest Function."""
    created = mapping(document.get("metadata")).get("created")
    return parse(text(created)) or 0.0, text(document.get("id"))


def changes(shown: JSON, given: JSON, *, announcing: bool) -> dict[str, Any]:
    """What a PUT changes of the document that was shown: field of the document to its new value.

    The SDK leaves out what it does not know and what is null, at any depth, and adds empty values of its own; so only
    what is said, and said differently, is a change. `announcing`: fields the document does not have at all are the
    SDK's defaults.
    """
    found: dict[str, Any] = {}
    for part in CHANGEABLE:
        before, after = shown.get(part), given.get(part)
        if after is None or _within(after, before):
            continue
        if not isinstance(before, Mapping) or not isinstance(after, Mapping):
            found[part] = after
            continue
        new = {
            key: value
            for key, value in after.items()
            if not _within(value, before.get(key))
            and not (announcing and key not in before)
            and not (part == "metadata" and key in TIMES)
        }
        if new:
            found[part] = {**before, **new}
    return found


def _within(given: Any, there: Any) -> bool:
    """Whether `given` says nothing that `there` does not say."""
    if given is None or given is False or given in ({}, []):
        return given is not False or there in (None, False)
    if isinstance(given, Mapping) and isinstance(there, Mapping):
        return all(_within(value, there.get(key)) for key, value in given.items())
    if isinstance(given, list) and isinstance(there, list):
        return len(given) == len(there) and all(map(_within, given, there))
    return isinstance(given, bool) == isinstance(there, bool) and bool(given == there)


def stamped(document: JSON, now: float) -> dict[str, Any]:
    """With the times of its creation, where it says none."""
    metadata = dict(mapping(document.get("metadata")))
    metadata.setdefault("created", precise_stamp(now))
    metadata.setdefault("updated", metadata["created"])
    return {**document, "metadata": metadata}
