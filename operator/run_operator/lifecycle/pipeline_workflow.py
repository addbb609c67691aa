"""Where the workflow of a pipeline comes from: its document, else a Run that builds it first."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from run_operator.api.conditions import State, state_of
from run_operator.api.raw import mapping, text
from run_operator.api.run import Run
from run_operator.children.job_outcome import JobOutcome
from run_operator.fairness import Memo
from run_operator.lifecycle import finish
from run_operator.lifecycle.context import Context
from run_operator.lifecycle.model import Plan
from run_operator.pipelines.step_run import build_name, build_run
from run_operator.pipelines.workflow import MAX_BYTES, InvalidPipelineError, Workflow, parse

BUILD_FAILED: Final = "WorkflowNotBuilt"
BUILD_GONE: Final = "WorkflowDeleted"
KEPT: Final = 16
"""Workflows that are kept as they were understood, of all namespaces."""


@dataclass(frozen=True, slots=True)
class Source:
    """The workflow, or why it is not there yet."""

    workflow: Workflow | None = None
    create: Mapping[str, Any] | None = None
    """The Run that builds it, which is to be made."""
    message: str = ""


def source(ctx: Context) -> Source | Plan:
    """A Plan: what has to happen before that is known, or the end. Raises WorkloadError."""
    if encoded := text(mapping(ctx.run.spec.get("build")).get("base64")):
        return Source(_read(ctx, encoded, "spec.spec.build.base64"))
    name = build_name(ctx.run)
    built = next((one for one in ctx.observed.steps if one.name == name), None)
    return _unbuilt(ctx, name) if built is None else _of_build(ctx, built)


def _unbuilt(ctx: Context, name: str) -> Source | Plan:
    """Nothing was built yet, or what was built is gone, and the steps with it."""
    if not ctx.observed.steps and not ctx.run.status.get("nodes"):
        return Source(create=build_run(ctx.run), message="building the workflow")
    if not ctx.observed.fresh:
        return Plan(reread=True)
    gone = f"Run {name}, which stored the workflow, was deleted: the steps of the pipeline are unknown"
    return finish.finished(ctx, JobOutcome("FAILED", BUILD_GONE, gone))


def _of_build(ctx: Context, built: Run) -> Source | Plan:
    state, said = state_of(built.status.get("state")), text(built.status.get("message"))
    if state == State.ERROR:
        why = f"the workflow was not built (Run {built.name}): {said or state}"
        return finish.finished(ctx, JobOutcome("FAILED", BUILD_FAILED, why))
    if state != State.COMPLETED:
        return Source(message="building the workflow" + (f" (Run {built.name}: {said})" if said else ""))
    if built.name not in ctx.observed.returned:
        return Plan(returned=(built.name,))
    found = mapping(ctx.observed.returned[built.name].get("results"))
    return Source(_read(ctx, text(found.get("workflow")), f"Run {built.name}"))


def _read(ctx: Context, encoded: str, where: str) -> Workflow:
    return _kept().get(ctx.run.namespace, f"{ctx.run.project}\n{where}\n{encoded}")


@lru_cache(maxsize=1)
def _kept() -> Memo[Workflow]:
    """A pipeline is looked at with each event of its steps."""
    return Memo(_parsed, KEPT)


def _parsed(known: str) -> Workflow:
    project, where, encoded = known.split("\n", 2)
    if len(encoded) > 2 * MAX_BYTES:
        raise InvalidPipelineError(where, f"is longer than {2 * MAX_BYTES} characters")
    try:
        data = base64.b64decode(encoded, validate=False)
    except (binascii.Error, ValueError) as error:
        raise InvalidPipelineError(where, "is not base64") from error
    if not data:
        raise InvalidPipelineError(where, "has no workflow")
    return parse(data, project)
