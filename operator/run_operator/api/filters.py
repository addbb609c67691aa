"""Filters of a list, with the platform's meaning: the fields that they compare, and their values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from run_operator.api.exported import action_of
from run_operator.api.raw import JSON, mapping, parse, text

DATES: Final = ("created", "updated")
"""Filters that take a date, or two dates separated by a comma."""
STATES: Final = frozenset(
    [
        "BUILT",
        "CANCELLED",
        "COMPLETED",
        "CREATED",
        "CREATING",
        "DELETED",
        "DELETING",
        "ERROR",
        "FSM_ERROR",
        "IDLE",
        "NONE",
        "ONLINE",
        "PENDING",
        "READY",
        "RESUME",
        "RUN_ERROR",
        "RUNNING",
        "STOP",
        "STOPPED",
        "SUCCESS",
        "UNKNOWN",
        "UPLOADING",
    ]
)
"""The states that the platform knows."""


def check(wanted: Mapping[str, str | None]) -> None:
    """Raise ValueError for a value that no filter of this name takes."""
    for name in DATES:
        if value := wanted.get(name):
            interval(name, value)
    state = wanted.get("state")
    if state and state not in STATES:
        raise ValueError(f"state {state[:40]!r} is unknown; use one of {', '.join(sorted(STATES))}")


def matches(document: JSON, wanted: Mapping[str, str | None]) -> bool:
    """Whether the document agrees with every filter that is given. Raises ValueError as `check` does."""
    return all(_TESTS[name](document, value) for name, value in wanted.items() if value)


def interval(name: str, value: str) -> tuple[float, float]:
    """Begin and end, in seconds since the epoch; the end may be missing. Raises ValueError."""
    first, _, second = value.partition(",")
    return _moment(name, first), _moment(name, second) if second else float("inf")


def name_of(document: JSON) -> str:
    """The name of an entity. In documents of the SDK 0.15 a Run's name is in the metadata; `name` holds its id."""
    name, own = text(document.get("name")), text(mapping(document.get("metadata")).get("name"))
    entity_id = text(document.get("id"))
    return own if own and name in ("", entity_id) else name or entity_id


def changed_at(raw: JSON) -> float:
    """When spec or status were last written, by anybody, in seconds since the epoch."""
    metadata = mapping(raw.get("metadata"))
    fields = metadata.get("managedFields")
    written = [parse(mapping(one).get("time")) for one in fields] if isinstance(fields, list) else []
    return max(filter(None, [*written, parse(metadata.get("creationTimestamp"))]), default=0.0)


def _moment(name: str, value: str) -> float:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError(
            f"{name} must be FROM or FROM,TO, each a time with its offset such as 2026-11-29T08:00:00Z, not {value[:60]!r}"
        )
    return moment.timestamp()


def _field(*path: str) -> Callable[[JSON, str], bool]:
    def test(document: JSON, value: str) -> bool:
        found: Any = document
        for key in path:
            found = mapping(found).get(key)
        return bool(found == value)

    return test


def _between(name: str) -> Callable[[JSON, str], bool]:
    def test(document: JSON, value: str) -> bool:
        first, last = interval(name, value)
        moment = parse(mapping(document.get("metadata")).get(name))
        return moment is not None and first < moment < last

    return test


def _anywhere(document: JSON, value: str) -> bool:
    spec = mapping(document.get("spec"))
    parts = document.get("id"), name_of(document), spec.get("function"), spec.get("workflow")
    return any(value.lower() in text(part).lower() for part in parts)


_TESTS: Final[Mapping[str, Callable[[JSON, str], bool]]] = {
    "name": lambda document, value: value in (name_of(document), document.get("name")),
    "user": _field("user"),
    "state": _field("status", "state"),
    "function": _field("spec", "function"),
    "workflow": _field("spec", "workflow"),
    "task": _field("spec", "task"),
    "created": _between("created"),
    "updated": _between("updated"),
    "action": lambda document, value: action_of(document) == value,
    "q": _anywhere,
}
