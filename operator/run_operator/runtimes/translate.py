"""From a document of a Runtime's kind to one of a built-in kind: the operator builds that as any other.

So security context, volumes, resources, variables, Secrets, metrics and logs are the operator's, and a Runtime cannot
say anything that the author of a container document could not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from run_operator.api.raw import mappings, text
from run_operator.api.run import Run
from run_operator.api.translation import Fetched, Translation
from run_operator.document.errors import InvalidReferenceError
from run_operator.document.merge import is_empty
from run_operator.document.names import Reference
from run_operator.runtimes.definition import Definition
from run_operator.runtimes.expression import ExpressionError, bounded
from run_operator.runtimes.template import TemplateError
from run_operator.workloads import fields
from run_operator.workloads.fields import InvalidSpecError, WorkloadError
from run_operator.workloads.service import service_name

ADDED: Final = ("envs", "secrets", "volumes", "tolerations")
"""Lists that have the document's entries, then the Runtime's."""
MERGED: Final = ("resources", "node_selector")
"""Maps in which the document's entries win."""
REASON: Final = "RuntimeFailed"


def translated(run: Run, definition: Definition, runtime: Mapping[str, str]) -> Run:
    """The Run as it is built. `runtime`: kind, name and namespace of the object, for messages. Raises WorkloadError."""
    values = variables(run, definition)
    try:
        made = definition.document.render(values)
        files = tuple(
            Fetched(text(one.get("source")), text(one.get("path")))
            for one in mappings(definition.files.render(values))
            if one.get("source")
        )
        ready = definition.readiness.render(values)
    except TemplateError as error:
        who = f"{runtime.get('kind')} {runtime.get('name')}"
        raise WorkloadError(REASON, f"{who} cannot translate this document: {error}") from error
    spec = {
        **{name: run.spec[name] for name in definition.common if not is_empty(run.spec.get(name))},
        **{name: value for name, value in _as_is(run.spec, definition) if value is not None},
    }
    if definition.kind.endswith("+build") and run.spec.get("function"):
        spec["function"] = run.spec["function"]  # an image is named after it
    return replace(
        run,
        spec=_joined(made, spec),
        translation=Translation(
            definition.kind,
            definition.used,
            files,
            definition.resource,
            text(ready.get("path")),
            runtime=dict(runtime),
        ),
    )


def variables(run: Run, definition: Definition) -> dict[str, Any]:
    """The values that expressions see. Raises InvalidSpecError for a field of the wrong type, or one that is too large."""
    spec: dict[str, Any] = {}
    for name, rule in definition.rules.items():
        value = rule.value(run.spec, name)
        if value is None and rule.required:
            raise InvalidSpecError(f"{fields.ROOT}.{name}", f"is missing: {run.kind} needs it")
        if value is not None and not rule.as_is:
            try:
                spec[name] = bounded(value, f"{fields.ROOT}.{name}")
            except ExpressionError as error:
                raise InvalidSpecError(f"{fields.ROOT}.{name}", f"cannot be used: {error}") from error
    return {
        "run": {
            "name": run.name, "namespace": run.namespace, "id": run.id, "kind": run.kind,
            "service": service_name(run), "activeDeadlineSeconds": run.policy.active_deadline, "spec": spec,
        },
        "func": _function(run.spec),
        "project": {"name": run.project},
        "settings": definition.settings,
        "object": {"metadata": {"name": run.name}, "status": {}},
    }  # fmt: skip


def _function(spec: Mapping[str, Any]) -> dict[str, str]:
    try:
        found = Reference.parse(text(spec.get("function")))
    except InvalidReferenceError:
        return {"kind": "", "name": "", "id": ""}
    return {"kind": found.kind, "name": found.name, "id": found.id or ""}


def _as_is(spec: Mapping[str, Any], definition: Definition) -> list[tuple[str, Any]]:
    return [(name, rule.value(spec, name)) for name, rule in definition.rules.items() if rule.as_is]


def _joined(made: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The Runtime's part, and what the document says beside it: that wins, and its entries keep their numbers."""
    spec = {**made, **own}
    for name in ADDED:
        if made.get(name) and own.get(name):
            theirs = fields.items(own, name)
            named = {one.get("name") for one in mappings(theirs)} if name == "envs" else set()
            added = [one for one in fields.items(made, name) if not named or one.get("name") not in named]
            spec[name] = [*theirs, *added]
    for name in MERGED:
        if isinstance(made.get(name), Mapping) and isinstance(own.get(name), Mapping):
            spec[name] = {**made[name], **own[name]}
    return spec
