"""The platform's merge of a Run with its Task and its Function: which value wins, and which values count as empty."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from run_operator.document.errors import TooLargeError
from run_operator.document.yaml_reader import MAX_DEPTH

IDENTITY: Final = frozenset({"task", "function", "workflow", "local_execution"})
"""Fields that identify a document; they never pass to another one."""

Spec = Mapping[str, Any]


def merge(task: Spec, own: Spec, function: Spec) -> dict[str, Any]:
    """The merged inner spec: the Function's fields win, then the Run's, then the Task's.

    Fields are taken whole, as the platform does: lists and maps of two documents are not mixed. Merging the
    result again changes nothing. Raises TooLargeError for a document nested without end.
    """
    return passed_on(task) | said(own) | passed_on(function)


def passed_on(spec: Spec) -> dict[str, Any]:
    """Fields of a Task or a Function that pass to its Runs."""
    return {key: value for key, value in said(spec).items() if key not in IDENTITY}


def said(spec: Spec) -> dict[str, Any]:
    """The fields that are not empty: the SDK writes null, `{}`, `[]` and `""` for no value.

    Nulls deeper inside maps go too: a manifest applied by kubectl, and a status patch, do not keep them.
    """
    found = {key: without_nulls(value) for key, value in spec.items()}
    return {key: value for key, value in found.items() if not is_empty(value)}


def is_empty(value: Any) -> bool:
    """Whether a value is empty: null, `{}`, `[]` or `""`."""
    return value is None or (isinstance(value, Mapping | list | str) and not value)


def without_nulls(value: Any, depth: int = 1) -> Any:
    """The value without nulls in maps, as kubectl sends it; nulls in lists stay.

    Raises TooLargeError for one nested without end.
    """
    if depth > MAX_DEPTH:
        raise TooLargeError(f"it is nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, Mapping):
        return {key: without_nulls(inner, depth + 1) for key, inner in value.items() if inner is not None}
    return [without_nulls(inner, depth + 1) for inner in value] if isinstance(value, list) else value
