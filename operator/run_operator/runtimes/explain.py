"""Translates a document without a cluster: for people who write Runtimes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from run_operator.api.raw import mapping, text
from run_operator.api.run import Run
from run_operator.api.runtime_object import RuntimeView
from run_operator.document.merge import merge
from run_operator.runtimes.compiled_runtimes import definition
from run_operator.runtimes.definition import Definition, InvalidRuntimeError
from run_operator.runtimes.translate import translated
from run_operator.workloads.builder import build
from run_operator.workloads.fields import WorkloadError
from run_operator.workloads.types import ImageBuilding, Options
from run_operator.workloads.unused_fields import without_effect

PLACEHOLDER: Final = Options(
    ingest_url="https://ingest.example",
    pod_api_url="https://ingest.example",
    building=ImageBuilding("registry.example"),
)
"""Addresses that the operator's settings would give."""
UID: Final = "00000000-0000-0000-0000-000000000000"


class ExplainError(Exception):
    """The Runtime or the document is wrong."""


Raw = Mapping[str, Any]


def counting(raws: Sequence[Raw], kind: str, namespace: str) -> RuntimeView | None:
    """The one of these Runtimes that counts for a kind (`<runtime>+<action>`) in a namespace."""
    views = (RuntimeView.from_object(raw) for raw in raws)
    found = [view for view in views if kind in view.kinds and view.namespace in ("", namespace)]
    return min(found, key=lambda view: view.order, default=None)


def fields_of(view: RuntimeView) -> Iterator[tuple[str, str, str, str]]:
    """Name, type, what counts without it, description. Raises ExplainError."""
    for name, rule in _compiled(view).rules.items():
        default = "required" if rule.required else "" if rule.default is None else str(rule.default)
        said = text(mapping(mapping(view.spec.get("fields")).get(name)).get("description"))
        values = f" One of {', '.join(map(str, rule.values))}." if rule.values else ""
        yield name, rule.type, default, said + values


def objects_of(view: RuntimeView, raw: Raw, function: Raw | None = None) -> tuple[list[Raw], tuple[str, ...]]:
    """The objects that a Run becomes, and what of its document is not applied.

    `raw`: the Run as an object; `function`: the Function it names. Raises ExplainError.
    """
    known = _compiled(view)
    given = Run.from_object({**raw, "metadata": {"uid": UID, **mapping(raw.get("metadata"))}})
    spec = merge({}, given.spec, mapping(mapping((function or {}).get("spec")).get("spec")))
    whole = Run.from_object(
        {**raw, "metadata": {"uid": UID, **raw["metadata"]}, "spec": {**raw["spec"], "spec": spec}}
    )
    try:
        run = translated(whole, known, {"kind": view.what, "name": view.name})
        made = build(run, 1, PLACEHOLDER)
    except WorkloadError as error:
        raise ExplainError(str(error)) from error
    service = [made.service] if made.service else []
    return [*made.needs, *service, made.child], (*without_effect(run, given.spec), *made.warnings)


def _compiled(view: RuntimeView) -> Definition:
    try:
        return definition(view.spec)
    except InvalidRuntimeError as error:
        raise ExplainError(str(error)) from error
