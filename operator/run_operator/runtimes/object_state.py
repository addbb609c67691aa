"""The state of a Run, read from an object of another operator by the expressions of the ClusterRuntime."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from run_operator.api.raw import mapping, text
from run_operator.api.run import Run
from run_operator.runtimes.compiled_runtimes import definition
from run_operator.runtimes.definition import InvalidRuntimeError
from run_operator.runtimes.expression import MAX_DEPTH, MAX_ENTRIES, MAX_TEXT
from run_operator.runtimes.template import TemplateError


class ObjectState(NamedTuple):
    """`message` says what is wrong too, where an expression cannot read the object."""

    is_running: bool = False
    is_succeeded: bool = False
    is_failed: bool = False
    message: str = ""
    url: str = ""


def state_of_object(spec: Mapping[str, Any], run: Run, raw: Mapping[str, Any]) -> ObjectState:
    """`spec`: of the ClusterRuntime that the Run was started with. Never raises."""
    values = {
        "run": {"name": run.name, "namespace": run.namespace, "id": run.id, "kind": run.kind},
        "func": {}, "project": {"name": run.project}, "settings": mapping(spec.get("settings")),
        "object": object_value(raw),
    }  # fmt: skip
    try:
        found = definition(spec).state.render(values)
    except (TemplateError, InvalidRuntimeError) as error:
        return ObjectState(message=f"its ClusterRuntime cannot read the object: {error}")
    return ObjectState(
        found.get("running") is True,
        found.get("succeeded") is True,
        found.get("failed") is True,
        text(found.get("message")),
        text(found.get("url")),
    )


def object_value(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The part of an object that expressions see: its name and its status."""
    name = text(mapping(raw.get("metadata")).get("name"))
    return {"metadata": {"name": name}, "status": _trimmed(mapping(raw.get("status")))}


def _trimmed(value: Any, depth: int = 1) -> Any:
    """As much of a status as an expression may get: others wrote it, and it may be of any size."""
    if isinstance(value, str):
        return value[:MAX_TEXT]
    if isinstance(value, dict):
        entries = list(value.items())[: MAX_ENTRIES if depth <= MAX_DEPTH else 0]
        return {str(key): _trimmed(inner, depth + 1) for key, inner in entries}
    if isinstance(value, list):
        return [_trimmed(inner, depth + 1) for inner in value[: MAX_ENTRIES if depth <= MAX_DEPTH else 0]]
    return value
