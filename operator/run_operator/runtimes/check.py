"""A Runtime is tried when it is applied, with documents made up from its own fields: no Run is the first to find a mistake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from run_operator.api.run import Run
from run_operator.runtimes.definition import Definition, InvalidRuntimeError, read
from run_operator.runtimes.expression import Compiler, ExpressionError, bounded
from run_operator.runtimes.translate import translated, variables
from run_operator.workloads.builder import build
from run_operator.workloads.fields import WorkloadError
from run_operator.workloads.types import ImageBuilding, Options

INGEST: Final = "https://ingest.invalid"
REGISTRY: Final = "registry.example"
"""Here only the Runtime is looked at, not what this operator is set to."""
TRIAL: Final = {"kind": "ClusterRuntime", "name": "trial", "namespace": ""}


def checked(spec: Mapping[str, Any], compiler: Compiler) -> Definition:
    """The compiled Runtime. Raises InvalidRuntimeError with every mistake that was found, each with its place."""
    definition = read(spec, compiler)
    mistakes = list(dict.fromkeys(_tried(definition)))
    if mistakes:
        raise InvalidRuntimeError(mistakes)
    return definition


def samples(definition: Definition) -> Iterator[tuple[str, dict[str, Any]]]:
    """Documents that a person may write: with all fields, with switches off, and with as little as is allowed."""
    known = definition.rules
    everything = {name: rule.sample for name, rule in known.items()}
    yield "every field", everything
    off = {name: False for name, rule in known.items() if rule.type == "boolean"}
    if off:
        yield "every switch off", everything | off
    yield "the required fields alone", {name: rule.sample for name, rule in known.items() if rule.required}


def _tried(definition: Definition) -> Iterator[str]:
    try:
        bounded(definition.settings, "spec.settings")
    except ExpressionError as error:
        yield str(error)
        return
    for words, sample in samples(definition):
        yield from _tried_with(definition, _run(definition, sample), f"a document with {words}")


def _tried_with(definition: Definition, run: Run, what: str) -> Iterator[str]:
    try:
        values = variables(run, definition)
    except WorkloadError as error:
        yield f"spec.fields: {what} cannot be read: {error}"
        return
    yield from (
        f"{mistake} (tried with an object that has no status yet)"
        for mistake in definition.state.trials(values)
    )
    wrong = [
        f"{mistake} (tried with {what})"
        for template in (definition.document, definition.files, definition.readiness)
        for mistake in template.trials(values)
    ]
    yield from wrong
    if wrong:
        return
    try:
        build(
            translated(run, definition, TRIAL),
            1,
            Options(ingest_url=INGEST, building=ImageBuilding(REGISTRY)),
        )
    except WorkloadError as error:
        yield f"spec.document: {what} becomes a document that cannot be built: {error}"


def _run(definition: Definition, sample: Mapping[str, Any]) -> Run:
    kind = definition.kinds[0]
    raw = {
        "metadata": {"name": "trial", "namespace": "trial", "uid": "trial"},
        "spec": {"kind": f"{kind}:run", "project": "trial", "id": "trial", "spec": dict(sample)},
    }
    return Run.from_object(raw)
