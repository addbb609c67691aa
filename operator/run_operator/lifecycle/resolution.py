"""A Run that refers to a Function, a Task or a profile: it waits for them, and remembers what it was started with.

A Run waits for what cannot be found only when it is about to start: an attempt under way goes on
with what it has.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

from run_operator.api import conditions
from run_operator.api.conditions import State
from run_operator.api.translation import Translation
from run_operator.lifecycle import deadlines
from run_operator.lifecycle.context import Context, record_stop
from run_operator.lifecycle.model import Plan, RunEvent
from run_operator.resolution.resolve import resolve
from run_operator.workloads.builder import child_kind, setting_lacks
from run_operator.workloads.fields import UnresolvedError, WorkloadError

NOT_GENUINE: Final = "RecordNotGenuine"
FORGED: Final = "status.resolved was not written by this operator and is ignored"


def resolved(ctx: Context) -> Context:
    """Look up what the Run refers to and merge it into the Run. Decides and writes nothing."""
    found = resolve(ctx.run, ctx.observed.catalog, ctx.options)
    if found.run.translation is None and ctx.observed.deployment and child_kind(found.run) == "Job":
        # Its Runtime is gone, and the record of it is not there or not genuine: what runs is a service all the same.
        found = replace(found, run=replace(found.run, translation=Translation("container+deploy")))
    if found.error is None:
        found = replace(found, error=setting_lacks(found.run, ctx.options))
    return replace(ctx, run=found.run, resolution=found, document=ctx.run.spec)


def require(ctx: Context) -> None:
    """Raise the WorkloadError that names what is missing, if anything is."""
    if ctx.resolution.error:
        raise ctx.resolution.error


def record(ctx: Context) -> None:
    """Store in the draft what the next attempt uses; drop what it does not use any more. Raises WorkloadError."""
    require(ctx)
    found = ctx.resolution
    ctx.draft.events += forgery(ctx, ctx.draft.attempt)
    signed = ctx.options.signer.sign(ctx.run.uid, found.record.to_object()) if found.record else None
    ctx.draft.resolved(signed)
    if found.record:
        ctx.draft.condition(conditions.RESOLVED, status=True, reason="Resolved", message=found.message)


def forgery(ctx: Context, attempt: int) -> tuple[RunEvent, ...]:
    """The Event about a record that is not the operator's; none if there is no such record."""
    text = f"{FORGED}; attempt {attempt} uses the objects that exist now"
    return (RunEvent("Warning", NOT_GENUINE, text),) if ctx.resolution.is_forged else ()


class ResolutionOutcome(NamedTuple):
    """The report of a stopped Run about the objects that it refers to."""

    text: str = ""
    """Added to the Run's message; empty when nothing is missing."""
    news: bool = False
    """Whether this differs from the last report."""


def report(ctx: Context) -> ResolutionOutcome:
    """Set the condition Resolved of a stopped Run: can it start?

    Raises the WorkloadError of a Run that was never started and can never be.
    """
    found, before = ctx.resolution, _condition(ctx)
    if isinstance(found.error, UnresolvedError):
        _missing(ctx, found.error)
        return ResolutionOutcome(f"; it would wait: {found.error}", _condition(ctx) != before)
    if found.error:
        if ctx.draft.attempt == 0:
            raise found.error
        return ResolutionOutcome()
    if found.record:
        ctx.draft.condition(conditions.RESOLVED, status=True, reason="Resolved", message=found.message)
    else:
        ctx.draft.resolved(None)
    return ResolutionOutcome(news=_condition(ctx).get("status") != before.get("status"))


def wait(ctx: Context, error: UnresolvedError) -> Plan:
    """Wait for what is missing: in CREATED, or in STOPPED if the Run had attempts."""
    draft, message = ctx.draft, str(error)
    _missing(ctx, error)
    if draft.attempt:
        record_stop(ctx)
        draft.become(State.STOPPED, message)
        if not conditions.is_true(draft.current.get("conditions", ()), conditions.SUSPENDED):
            draft.condition(conditions.SUSPENDED, status=True, reason="JobSuspended", message=message)
    else:
        draft.become(State.CREATED, message)
        if conditions.find(draft.current.get("conditions", ()), conditions.SUSPENDED):
            draft.condition(conditions.SUSPENDED, status=False, reason="JobResumed", message=message)
    draft.condition(conditions.RUNNING, status=False, reason=error.reason, message=message)
    draft.pause()
    draft.suspended_by("")
    return ctx.decided(wake_at=deadlines.due(ctx))


def _missing(ctx: Context, error: WorkloadError) -> None:
    known, message = _condition(ctx), str(error)[: conditions.MAX_MESSAGE]
    if (known.get("reason"), known.get("message")) != (error.reason, message):
        ctx.draft.event(error.reason, message, warning=True)
    ctx.draft.condition(conditions.RESOLVED, status=False, reason=error.reason, message=message)


def _condition(ctx: Context) -> conditions.Condition:
    return conditions.find(ctx.draft.current.get("conditions", ()), conditions.RESOLVED) or {}
