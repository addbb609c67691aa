"""A Run whose document cannot become a workload ends in ERROR, and begins when its document is edited.

That holds while nothing was started: the edited Run is treated as a new one, and begins attempt 1.
"""

from __future__ import annotations

from dataclasses import replace

from run_operator.api.conditions import FINAL, state_of
from run_operator.lifecycle import finish, not_applied
from run_operator.lifecycle.context import Context
from run_operator.lifecycle.model import Plan
from run_operator.lifecycle.status_builder import StatusBuilder
from run_operator.workloads.fields import WorkloadError


def is_corrected(ctx: Context) -> bool:
    """Whether the Run ended before anything was started, and was edited after that."""
    status = ctx.run.status
    never_started = state_of(status.get("state")) in FINAL and not status.get("attempt")
    return never_started and ctx.run.generation != status.get("observedGeneration")


def reopen(ctx: Context) -> None:
    """Take back the end of an edited Run, so that it is treated as a new one."""
    ctx.draft.reopen()


def cannot(ctx: Context, error: WorkloadError) -> Plan:
    """End a Run whose document cannot be carried out. A Run that is active already reports the bad edit and goes on."""
    message = str(error)
    if ctx.writers:
        ctx.draft.event(error.reason, f"not applied: {message}", warning=True)
        return ctx.decided()
    if ctx.run.status.get("attempt"):
        return finish.impossible(ctx, error.reason, message)
    message = "; ".join((message, *not_applied.warnings(ctx)))  # all mistakes at once
    ctx = replace(ctx, draft=StatusBuilder(ctx.run, ctx.now))  # without the attempt that was about to begin
    if is_corrected(ctx) and ctx.run.status.get("message") == message:
        return finish.after_the_end(ctx)
    if is_corrected(ctx):
        reopen(ctx)
    return finish.impossible(not_applied.reported(ctx), error.reason, message)
