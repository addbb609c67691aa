"""The Runs that a pipeline makes: one that builds its workflow, and one for each step."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from run_operator.api.constants import (
    API_VERSION,
    KUEUE_PREFIX,
    LABEL_PIPELINE,
    LABEL_PROJECT,
    LABEL_STEP,
    RUN_KIND,
)
from run_operator.api.run import Run
from run_operator.pipelines.placeholders import OF_INPUT, OF_STEP, OF_WORKFLOW, as_text, filled
from run_operator.pipelines.step_fields import used
from run_operator.pipelines.workflow import Step, Workflow
from run_operator.workloads.fields import InvalidSpecError, WorkloadError
from run_operator.workloads.metadata import label_value, owner, shortened

BUILD: Final = "hera+build:run"
LONGEST: Final = 315_360_000
"""Seconds, ten years: a step is there as long as its pipeline, which takes it along."""
MAX_VALUE: Final = 16 * 1024
"""Characters of a parameter."""
_STEP_OF: Final = "step_of"
_RUN_OF: Final = "run_of"
"""The platform's relationships."""

Outputs = Mapping[str, Mapping[str, str]]
"""By step: name to text."""


def build_name(run: Run) -> str:
    """The name of the Run that builds the workflow."""
    return shortened(f"{run.name}-build")


def step_name(run: Run, step: Step) -> str:
    """The name of the Run of a step."""
    return shortened(f"{run.name}-{step.number}")


def build_run(run: Run) -> dict[str, Any]:
    """Builds the workflow from the source that the pipeline was resolved with."""
    taken = ("workflow", "source", "image", "requirements", "envs", "resources", "profile", "run_as_user")
    spec = {name: run.spec[name] for name in taken if run.spec.get(name)}
    return _manifest(run, build_name(run), "build", BUILD, spec, [])


def step_run(run: Run, step: Step, workflow: Workflow, outputs: Outputs) -> dict[str, Any]:
    """With a text in place of every placeholder. Raises WorkloadError."""
    given = parameters(run, workflow)
    inputs = {
        name: filled(value, lambda one: _of_pipeline(step, one, given, outputs))
        for name, value in step.inputs.items()
    }

    for name, text in inputs.items():
        if len(text) > MAX_VALUE:
            raise WorkloadError(
                "StepTooLarge", f"input {name} of step {step.title} has more than {MAX_VALUE} characters"
            )

    def value(inside: str) -> str:
        match = OF_INPUT.fullmatch(inside)
        return inputs[match[1]] if match else _of_pipeline(step, inside, given, outputs)

    spec = {"function": str(step.function), **used(filled(dict(step.spec), value))}
    relations = [
        {"type": _STEP_OF, "dest": run.key_of_document or f"store://{run.project}/run/{run.kind}/{run.id}"},
        {"type": _RUN_OF, "dest": str(step.function)},
    ]
    return _manifest(run, step_name(run, step), step.title, step.run_kind, spec, relations)


def parameters(run: Run, workflow: Workflow) -> dict[str, str]:
    """The values that the Run gives, else the workflow's defaults. Raises InvalidSpecError."""
    given = run.spec.get("parameters") or {}
    if not isinstance(given, Mapping):
        raise InvalidSpecError("spec.spec.parameters", "must be a map")
    found = {
        name: as_text(given[name]) if name in given else default
        for name, default in workflow.parameters.items()
    }
    if unknown := sorted(set(given) - set(found)):
        known = ", ".join(found) or "none"
        raise InvalidSpecError(
            f"spec.spec.parameters.{str(unknown[0])[:80]}",
            f"is not a parameter of the workflow; its parameters are {known}",
        )
    for name, value in found.items():
        if value is None:
            raise InvalidSpecError(
                f"spec.spec.parameters.{name}", "is missing: the workflow has no default for it"
            )
        if len(value) > MAX_VALUE:
            raise InvalidSpecError(f"spec.spec.parameters.{name}", f"has more than {MAX_VALUE} characters")
    return {name: value for name, value in found.items() if value is not None}


def returned(step: Step, status: Mapping[str, Any]) -> dict[str, str]:
    """The outputs of a step that others ask for: keys of entities, or results as texts. Raises WorkloadError."""
    outputs, results = status.get("outputs") or {}, status.get("results") or {}
    found = {name: as_text(value) for name, value in {**results, **outputs}.items()}
    for name in step.outputs:
        if name not in found:
            has = ", ".join(sorted(found))[:300] or "none"
            raise WorkloadError(
                "OutputMissing", f"step {step.title} has no output {name}; its outputs are {has}"
            )
        if len(found[name]) > MAX_VALUE:
            raise WorkloadError(
                "OutputMissing",
                f"output {name} of step {step.title} has more than {MAX_VALUE} characters: log it as an artifact",
            )
    return {name: found[name] for name in step.outputs}


def _of_pipeline(step: Step, inside: str, given: Mapping[str, str], outputs: Outputs) -> str:
    if match := OF_WORKFLOW.fullmatch(inside):
        return given[match[1]]
    match = OF_STEP.fullmatch(inside)
    found = outputs.get(match[1], {}).get(match[2]) if match else None
    if found is None:
        raise WorkloadError("OutputMissing", f"step {step.title} needs {inside}, which does not exist")
    return found


def _manifest(
    run: Run, name: str, title: str, kind: str, spec: Mapping[str, Any], relations: list[dict[str, str]]
) -> dict[str, Any]:
    queue = {key: value for key, value in run.labels.items() if key.startswith(KUEUE_PREFIX)}
    labels = {
        LABEL_PROJECT: label_value(run.project),
        LABEL_PIPELINE: run.uid,
        LABEL_STEP: label_value(title),
    }
    metadata: dict[str, Any] = {"project": run.project, "name": title}
    return {
        "apiVersion": API_VERSION,
        "kind": RUN_KIND,
        "metadata": {
            "name": name,
            "namespace": run.namespace,
            "labels": {**queue, **{key: value for key, value in labels.items() if value}},
            "ownerReferences": owner(run),
        },
        "spec": {
            "kind": kind,
            "project": run.project,
            "id": re.sub(r"[^a-z0-9]+", "-", name),
            "name": title,
            "metadata": metadata | ({"relationships": relations} if relations else {}),
            "spec": dict(spec),
            "runPolicy": {
                "backoffLimit": run.policy.backoff_limit,
                "activeDeadlineSeconds": run.policy.active_deadline,
                "terminationGracePeriodSeconds": run.policy.termination_grace_period,
                "podTerminationTimeoutSeconds": run.policy.pod_termination_timeout,
                "ttlSecondsAfterFinished": LONGEST,
            },
        },
    }
