"""An exported entity: the document of a Run, Task, Function, artifact and so on, with the checks that all of them need."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from run_operator.document import errors
from run_operator.document.kinds import CONTENT, NAMED, EntityType, check_content_kind, entity_type, of_run
from run_operator.document.yaml_reader import Parsed, read

MAX_ID: Final = 256
ID: Final = re.compile(rf"[a-zA-Z0-9._+-]{{1,{MAX_ID}}}")
"""The platform's own rule for ids and projects."""
_TYPES: Final[dict[str, type]] = {
    "kind": str, "metadata": dict, "spec": dict, "status": dict, "user": str, "project": str, "id": str,
    "name": str, "key": str, "extensions": list,
}  # fmt: skip
_REQUIRED: Final = ("kind", "project", "id", "spec")
_REQUIRED_OF_A_RUN: Final = ("kind", "spec")
"""Its id may be its name alone, and its project is then that of the namespace."""
_KEY: Final = re.compile(r"store://[^/]+/([a-z]+)/")
_ENTITIES: Final = frozenset({"run", "task", "function", "workflow"})
"""The platform's words for those of its entities whose type shows in the kind."""
_CONTENT_KIND: Final = {one.value.lower(): one for one in CONTENT}
"""The others: their kinds (table, sklearn) look like those of Functions, so the key or the caller tells."""
_WORDS: Final[dict[type, str]] = {str: "a text", dict: "a map", list: "a list"}


@dataclass(frozen=True, slots=True)
class Entity:
    """`document` is the whole export in its own order; keys with the value null are left out."""

    type: EntityType
    kind: str
    project: str
    id: str
    document: Mapping[str, Any]


def load(data: bytes) -> Entity:
    """An entity from the bytes of a file. Raises DocumentError."""
    return parse(read(data))


def parse(parsed: Parsed, expected: EntityType | None = None) -> Entity:
    """An entity from a parsed file. Raises DocumentError.

    `expected`: the type that the caller asks for; it decides where the document does not.
    """
    document = parsed.value
    if not isinstance(document, dict):
        raise errors.NotAnExportError("this is not an export: the top level is not a map", parsed.line())
    _check_custom_resource(document, parsed)
    document = {key: value for key, value in document.items() if value is not None or key in _REQUIRED}
    content = _content_type(document, expected)
    if content is None:
        _check_entity(document, parsed)
    is_run = content is None and _is_a_run(document)
    if is_run:
        document = _with_id(document, parsed)
    for field in _REQUIRED_OF_A_RUN if is_run else _REQUIRED:
        if field not in document:
            raise errors.MissingFieldError(
                f"this is not an export: the field '{field}' is missing", parsed.line()
            )
    for field, wanted in _TYPES.items():
        if field in document and not isinstance(document[field], wanted):
            raise _wrong_type(field, document[field], wanted, parsed)
    _check_ids(document, parsed)
    return _entity(document, parsed, content)


def _content_type(document: dict[str, Any], expected: EntityType | None) -> EntityType | None:
    """The type of an entity with content (artifact, data item, model, image); None for other entities."""
    match = _KEY.match(str(document.get("key", "")))
    return _CONTENT_KIND.get(match[1]) if match else expected if expected in CONTENT else None


def _entity(document: dict[str, Any], parsed: Parsed, content: EntityType | None) -> Entity:
    kind = document["kind"]
    try:
        if content is not None:
            check_content_kind(kind)
        kind_type = content or entity_type(kind)
        if kind_type is EntityType.RUN:
            _check_run(document, parsed)
        if kind_type in NAMED and not document.get("name"):
            message = f"the field 'name' is missing: a {kind_type.value} is found by its name"
            raise errors.MissingFieldError(message, parsed.line())
    except errors.InvalidKindError as error:
        error.line = error.line or parsed.line("kind")
        raise
    return Entity(kind_type, kind, document.get("project", ""), document["id"], document)


def _is_a_run(document: Mapping[str, Any]) -> bool:
    kind = document.get("kind")
    return isinstance(kind, str) and "+" in kind and (kind.endswith((":run", "+run")))


def _with_id(document: dict[str, Any], parsed: Parsed) -> dict[str, Any]:
    """The document with its name as its id, where it was written by hand without one."""
    document = {
        key: value for key, value in document.items() if value is not None or key not in ("project", "id")
    }
    metadata = document.get("metadata")
    name = document.get("name") or (metadata.get("name") if isinstance(metadata, dict) else None)
    if "id" not in document and isinstance(name, str):
        return {**document, "id": name}
    if "id" not in document:
        raise errors.MissingFieldError("the field 'id' is missing, and so is the field 'name'", parsed.line())
    return document


def _check_run(document: dict[str, Any], parsed: Parsed) -> None:
    task = document["spec"].get("task")
    if task is not None and not isinstance(task, str):
        raise _wrong_type("spec.task", task, str, parsed)
    of_run(document["kind"], task)


def _check_ids(document: dict[str, Any], parsed: Parsed) -> None:
    for field in ("project", "id"):
        if field in document and not ID.fullmatch(document[field]):
            message = f"the {field} {document[field][:80]!r} is none: 1 to {MAX_ID} letters, digits and . _ + - are allowed"
            raise errors.NotAnExportError(message, parsed.line(field))


def _check_custom_resource(document: dict[str, Any], parsed: Parsed) -> None:
    if "apiVersion" in document:
        message = "this is a Kubernetes manifest (it has an apiVersion), not an export: apply it with kubectl"
        raise errors.NotAnExportError(message, parsed.line("apiVersion"))


def _check_entity(document: dict[str, Any], parsed: Parsed) -> None:
    """Raise NotAnExportError for projects and triggers: a folder of exports holds them too, with kinds like those of Functions."""
    match = _KEY.match(str(document.get("key", "")))
    entity = "project" if document.get("kind") == "project" else match[1] if match else "run"
    if entity not in _ENTITIES:
        message = f"this is an exported {entity[:40]}; the cluster stores only Runs, Functions, Tasks, artifacts, data items and models"
        raise errors.NotAnExportError(message, parsed.line("kind"))


def _wrong_type(field: str, value: Any, wanted: type, parsed: Parsed) -> errors.WrongTypeError:
    hint = "; quote it" if wanted is str and isinstance(value, int | float) else ""
    shown = "nothing" if value is None else repr(value)[:60]
    message = f"the field '{field}' must be {_WORDS[wanted]}, not {shown}{hint}"
    return errors.WrongTypeError(message, parsed.line(*field.split(".")))
