"""The next step of one Run: a pure function of the Run, its children and the clock.

The plan follows from what is there now, whatever event led to it. The truth rules of
docs/architecture.md are kept in this room and nowhere else; docs/lifecycle.md is its table, and tested against it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from run_operator.api.conditions import FINAL, State, state_of
from run_operator.api.constants import MULTIKUEUE
from run_operator.api.references import NotLoadedError
from run_operator.api.run import Run
from run_operator.children import DeploymentView, JobView
from run_operator.lifecycle import (
    custom_resource,
    deletion,
    dispatch,
    finish,
    first_attempt,
    invalid_document,
    job,
    local_execution,
    not_applied,
    orphans,
    pipeline,
    program_end,
    resolution,
    restored,
    service,
    start,
)
from run_operator.lifecycle.context import Context
from run_operator.lifecycle.model import Observed, Plan, Refusal
from run_operator.lifecycle.status_builder import StatusBuilder
from run_operator.resolution.resolve import Resolution
from run_operator.workloads.builder import child_kind
from run_operator.workloads.custom import CHILD as CUSTOM_CHILD
from run_operator.workloads.fields import UnresolvedError, WorkloadError
from run_operator.workloads.pipeline_kinds import STEPS
from run_operator.workloads.types import Options

LOOKED_AT_AGAIN: Final = 300.0
"""Seconds."""


def plan(run: Run, observed: Observed, now: float, options: Options) -> Plan:
    """The next step. `now` is seconds since the epoch."""
    if not (run.is_ours or run.managed_by == MULTIKUEUE):
        return Plan()
    try:
        return _planned(run, observed, now, options)
    except NotLoadedError as error:
        return Plan(load=error.view)


def _planned(run: Run, observed: Observed, now: float, options: Options) -> Plan:
    if run.deleting:
        # A finalizer of somebody else holds it back: nobody can ask for a stop any more, and nothing is to start.
        run = replace(run, suspend=True)
    ctx = Context(run, observed, now, options, StatusBuilder(run, now), Resolution(run))
    return _never_forgotten(ctx, _decided(ctx) if run.is_ours else _dispatched(ctx))


def _never_forgotten(ctx: Context, made: Plan) -> Plan:
    """A Run that waits for something is looked at again, even if no event comes.

    Except RUNNING and STOPPED: they wait for the program, or for a person.
    """
    state = state_of((made.status or ctx.run.status).get("state"))
    if state in FINAL or state in (State.RUNNING, State.STOPPED) or made.reread or made.actions:
        return made
    return made if made.wake_at is not None else replace(made, wake_at=ctx.now + LOOKED_AT_AGAIN)


def _decided(ctx: Context) -> Plan:
    """The plan of the first case that fits."""
    run, observed = ctx.run, ctx.observed
    is_final = ctx.draft.state in FINAL
    if run.deleting and (is_final or _never_began(ctx)):
        return Plan()
    if is_final and not invalid_document.is_corrected(ctx):
        return finish.after_the_end(ctx, *restored.marks(ctx))
    if observed.refusal:
        return _refused(ctx, observed.refusal)
    if is_final:
        invalid_document.reopen(ctx)
    ctx = resolution.resolved(ctx)
    try:
        is_first = ctx.is_new and child_kind(ctx.run) not in (CUSTOM_CHILD, STEPS)
        return first_attempt.begin(ctx) if is_first else _next_step(not_applied.reported(ctx))
    except UnresolvedError as error:
        return resolution.wait(ctx, error)
    except WorkloadError as error:
        return invalid_document.cannot(ctx, error)


def _refused(ctx: Context, refusal: Refusal) -> Plan:
    if refusal.reason == orphans.ADOPTED:
        return orphans.adopted(ctx, refusal)
    return (pipeline.refused if child_kind(ctx.run) == STEPS else start.refused)(ctx, refusal)


def _dispatched(ctx: Context) -> Plan:
    """The plan of a Run that MultiKueue runs in another cluster."""
    if ctx.observed.refusal:
        return dispatch.refused(ctx, ctx.observed.refusal)
    ctx = resolution.resolved(ctx)
    try:
        return dispatch.step(ctx)
    except UnresolvedError as error:
        return resolution.wait(ctx, error)
    except WorkloadError as error:
        return invalid_document.cannot(ctx, error)


def _never_began(ctx: Context) -> bool:
    seen = ctx.observed
    return ctx.draft.state == State.CREATED and not (seen.job or seen.deployment or seen.pods)


def _next_step(ctx: Context) -> Plan:
    """The step of a Run that was started, or that shall not start."""
    if not ctx.draft.attempt and not ctx.has_child:
        if local_execution.ran_elsewhere(ctx):
            return local_execution.shown(ctx)
        if restored.is_restored(ctx):
            return restored.shown(ctx)
    if program_end.is_decided(ctx):
        return program_end.end(ctx)
    if child_kind(ctx.run) == STEPS:
        return pipeline.step(ctx)
    if child_kind(ctx.run) == CUSTOM_CHILD:
        return custom_resource.step(ctx)
    child = ctx.observed.deployment if child_kind(ctx.run) == "Deployment" else ctx.observed.job
    return job.without_child(start.adopt_pods(ctx)) if child is None else _with_child(ctx, child)


def _with_child(ctx: Context, child: JobView | DeploymentView) -> Plan:
    if child.attempt > ctx.draft.attempt:
        start.adopt(ctx, child)
    if child.deleting and not _tells_the_end(ctx, child):
        # Somebody deletes it, and nothing begins until it is gone. A stop does not wait for that: it may be never.
        return job.without_child(ctx) if ctx.run.suspend else deletion.awaited(ctx, child)
    if isinstance(child, DeploymentView):
        return service.with_deployment(ctx, child)
    if child.attempt != ctx.draft.attempt:
        return job.without_child(ctx, leftover=child)
    return job.with_job(ctx, child)


def _tells_the_end(ctx: Context, child: JobView | DeploymentView) -> bool:
    """Whether this is the Job of the current attempt, with its verdict: that counts even if the Job is being deleted."""
    return isinstance(child, JobView) and child.over and child.attempt == ctx.draft.attempt
