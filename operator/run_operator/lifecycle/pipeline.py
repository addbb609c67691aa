"""A pipeline: a Run whose work is other Runs, one for each step of its workflow, which the operator makes and owns.

It has no pod of its own. A stop stops the Runs of its steps, and it is STOPPED when all of them are; a resume resumes those that have not
ended. A step that fails lets those under way end, and no other begins, as in Argo Workflows.
"""

from __future__ import annotations

from typing import Final

from run_operator.api import conditions
from run_operator.api.conditions import FINAL, State, state_of
from run_operator.api.raw import parse
from run_operator.api.run import Run, remaining
from run_operator.children.job_outcome import JobOutcome
from run_operator.lifecycle import deadlines, finish, resolution, start, stop
from run_operator.lifecycle.context import Context
from run_operator.lifecycle.deadlines import Verdict
from run_operator.lifecycle.model import Action, CreateRun, Plan, Refusal, SuspendRun
from run_operator.lifecycle.pipeline_state import Progress, progress
from run_operator.lifecycle.pipeline_workflow import Source, source
from run_operator.pipelines.step_run import step_run
from run_operator.pipelines.workflow import Workflow

FAILED: Final = "StepFailed"
REFUSED: Final = "StepRefused"
GIVEN_UP_FOR: Final = frozenset({deadlines.ACTIVE, deadlines.PENDING, REFUSED})
"""Reasons for which a pipeline is being given up: they stay until its steps have ended."""
MAX_NAMED: Final = 5
"""Steps that a message names."""


def step(ctx: Context) -> Plan:
    """The next step of such a Run. Raises WorkloadError."""
    if verdict := deadlines.recorded(ctx, GIVEN_UP_FOR) or _expired(ctx):
        return _given_up(ctx, verdict)
    if ctx.run.suspend or ctx.draft.state == State.STOP:
        return _stopping(ctx)
    if ctx.draft.state in (State.CREATED, State.STOPPED) or not ctx.draft.attempt:
        return _begin(ctx)
    return _onwards(ctx)


def refused(ctx: Context, refusal: Refusal) -> Plan:
    """The API server said no to the Run of a step: for good, or for now."""
    message = f"a step cannot be started: {refusal.message}"
    if refusal.final:
        return _stop_steps(ctx, Verdict(REFUSED, message), _live(ctx))
    if ctx.run.status.get("message") != message:
        ctx.draft.event(refusal.reason, message, warning=True)
    ctx.draft.become(ctx.draft.state, message)
    return ctx.decided(wake_at=deadlines.due(ctx))


def _begin(ctx: Context) -> Plan:
    """Count the attempt; its steps begin, or go on, with the next look."""
    if _live(ctx):
        return _stopping(ctx)
    resolution.require(ctx)
    if ctx.draft.attempt and remaining(ctx.run.with_status(ctx.draft.current)) <= 0:
        return finish.impossible(
            ctx,
            deadlines.ACTIVE,
            "runPolicy.activeDeadlineSeconds is used up by earlier attempts; raise it to continue",
        )
    start.count(ctx)
    resolution.record(ctx)
    return ctx.decided(*_resumed(ctx), wake_at=ctx.now)


def _onwards(ctx: Context) -> Plan:
    """The attempt is under way."""
    found = source(ctx)
    if isinstance(found, Plan):
        return found
    if found.workflow is None:
        return _building(ctx, found)
    seen = progress(ctx, found.workflow)
    if isinstance(seen, Plan):
        return seen
    ctx.draft.nodes(seen.nodes)
    if seen.failed:
        return _failing(ctx, seen)
    if seen.is_done:
        return finish.finished(
            ctx, JobOutcome("SUCCEEDED", "Completed", f"all {seen.total} steps have ended")
        )
    actions: list[Action] = _resumed(ctx) if ctx.draft.state == State.PENDING else []
    actions += _started(ctx, found.workflow, seen)
    return _running(ctx, seen.message, *actions)


def _building(ctx: Context, found: Source) -> Plan:
    actions: list[Action] = [CreateRun(found.create)] if found.create else []
    if ctx.draft.state == State.PENDING:
        actions += _resumed(ctx)
    return _running(ctx, found.message, *actions)


def _started(ctx: Context, workflow: Workflow, seen: Progress) -> list[Action]:
    """The Runs of the steps that may begin. Raises WorkloadError."""
    free = max(0, workflow.parallel - len(seen.under_way))
    return [CreateRun(step_run(ctx.run, one, workflow, seen.outputs)) for one in seen.ready[:free]]


def _failing(ctx: Context, seen: Progress) -> Plan:
    """Those under way end first; nothing of the pipeline is left running then but services."""
    if seen.under_way:
        left = named(seen.under_way)
        return _running(ctx, f"{seen.failed}; the pipeline ends when its running steps have ended: {left}")
    return finish.finished(ctx, JobOutcome("FAILED", seen.reason or FAILED, seen.failed))


def _running(ctx: Context, message: str, *actions: Action) -> Plan:
    if ctx.draft.state != State.RUNNING:
        ctx.draft.event("Started", f"Attempt {ctx.draft.attempt}: {message}")
    ctx.draft.become(State.RUNNING, message)
    ctx.draft.condition(conditions.RUNNING, status=True, reason="Running", message=message)
    return ctx.decided(*actions, wake_at=_until(ctx))


def _stopping(ctx: Context) -> Plan:
    """Stop the Runs of all steps; STOPPED only when none of them can write."""
    live = _live(ctx)
    if live:
        stop.ending(ctx, f"waiting for its steps to stop: {named([one.name for one in live])}")
        return ctx.decided(*_suspended(live))
    if not ctx.observed.fresh:
        return Plan(reread=True)  # the Run of a step that was made a moment ago may be there
    return stop.stopped(ctx) if ctx.run.suspend else _begin(ctx)


def _given_up(ctx: Context, verdict: Verdict) -> Plan:
    live = _live(ctx)
    if live:
        return _stop_steps(ctx, verdict, live)
    if not ctx.observed.fresh:
        return Plan(reread=True)
    return finish.impossible(ctx, verdict.reason, verdict.message)


def _stop_steps(ctx: Context, verdict: Verdict, live: list[Run]) -> Plan:
    """Keep the verdict until all steps have ended."""
    ctx.draft.become(State.STOP, verdict.message)
    ctx.draft.condition(conditions.RUNNING, status=False, reason=verdict.reason, message=verdict.message)
    return ctx.decided(*_suspended(live), wake_at=None if live else ctx.now)


def _live(ctx: Context) -> list[Run]:
    """Runs of steps that may have pods, or will have some."""
    return [one for one in ctx.observed.steps if not _is_still(one)]


def _is_still(one: Run) -> bool:
    state = state_of(one.status.get("state"))
    return state in FINAL or (state == State.STOPPED and one.suspend)


def _suspended(live: list[Run]) -> list[Action]:
    return [
        SuspendRun(one.name, one.uid, suspend=True) for one in live if not one.suspend and not one.deleting
    ]


def _resumed(ctx: Context) -> list[Action]:
    """The steps that a stop of the pipeline has stopped."""
    held = [one for one in ctx.observed.steps if one.suspend and not one.deleting]
    return [
        SuspendRun(one.name, one.uid, suspend=False)
        for one in held
        if state_of(one.status.get("state")) not in FINAL
    ]


def _expired(ctx: Context) -> Verdict | None:
    at = _until(ctx)
    if at is not None and ctx.now >= at:
        return Verdict(deadlines.ACTIVE, "runPolicy.activeDeadlineSeconds is exceeded")
    return deadlines.expired(ctx)


def _until(ctx: Context) -> float | None:
    """When the pipeline's own time is over; None: it is not active."""
    began = parse(ctx.draft.current.get("startTime"))
    if began is None or ctx.draft.ended or ctx.draft.state not in (State.PENDING, State.RUNNING):
        return None
    return began + remaining(ctx.run.with_status(ctx.draft.current))


def named(names: list[str]) -> str:
    """The first of them, and how many more."""
    more = len(names) - MAX_NAMED
    return ", ".join(names[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")
