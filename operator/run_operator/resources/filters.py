"""Which Runs are meant: what the API server selects by field, and what only a look at the document can tell."""

from __future__ import annotations

from run_operator.resources.raw import JSON

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from run_operator.document.errors import DocumentError
from run_operator.document.kinds import of_run
from run_operator.resources.raw import mapping, text



def selector(
    *,
    project: str | None = None,
    kind: str | None = None,
    state: str | None = None,
    reported: str | None = None,
) -> str:
    """The field selector; what would not be one is compared to nothing there can be.

    `state` is that of a Run, `reported` that of an artifact and the like, which whoever uploads it reports.
    """
    wanted = {
        "spec.project": project,
        "spec.kind": kind,
        "status.state": state,
        "spec.status.state": reported,
    }
    return ",".join(f"{field}={_escaped(value)}" for field, value in wanted.items() if value)


def matches(document: JSON, wanted: Mapping[str, str | None]) -> bool:
    """Whether the document agrees with every condition that is given (see `list_runs`)."""
    return all(_TESTS[what](document, value) for what, value in wanted.items() if value)


def action_of(document: JSON) -> str:
    """What a Run does: `job`, `serve`, ...; empty where the kind is none."""
    try:
        return of_run(text(document.get("kind")), text(mapping(document.get("spec")).get("task"))).action
    except DocumentError:
        return ""


def _escaped(value: str) -> str:
    return re.sub(r"([\\,=])", r"\\\1", value)


def _field(*path: str) -> Callable[[JSON, str], bool]:
    def test(document: JSON, value: str) -> bool:
        found: Any = document
        for key in path:
            found = mapping(found).get(key)
        return bool(found == value)

    return test


def _begins(key: str) -> Callable[[JSON, str], bool]:
    return lambda document, value: text(mapping(document.get("metadata")).get(key)).startswith(value)


def _anywhere(document: JSON, value: str) -> bool:
    parts = document.get("id"), document.get("kind"), mapping(document.get("status")).get("state")
    return any(value.lower() in text(part).lower() for part in parts)


_TESTS: Final[Mapping[str, Callable[[JSON, str], bool]]] = {
    "name": _field("name"),
    "user": _field("user"),
    "function": _field("spec", "function"),
    "workflow": _field("spec", "workflow"),
    "task": _field("spec", "task"),
    "created": _begins("created"),
    "updated": _begins("updated"),
    "action": lambda document, value: action_of(document) == value,
    "q": _anywhere,
}
