"""A document that cannot become a workload is the end of its Run, until it is edited.

As long as nothing was started the Run can be mended: an edit is looked at as if the Run were new, and begins attempt 1.
"""

from __future__ import annotations

from dataclasses import replace

from run_operator.api.conditions import FINAL, state_of
from run_operator.lifecycle import finish, not_applied
from run_operator.lifecycle.context import Context
from run_operator.lifecycle.model import Plan
from run_operator.lifecycle.status_builder import StatusBuilder
from run_operator.workloads.fields import WorkloadError


def is_mended(ctx: Context) -> bool:
    """Whether a Run that ended before anything was started was edited after its end."""
    status = ctx.run.status
    never_started = state_of(status.get("state")) in FINAL and not status.get("attempt")
    return never_started and ctx.run.generation != status.get("observedGeneration")


def reopen(ctx: Context) -> None:
    """Take back the end of a Run that was mended: it is looked at as if it were new."""
    ctx.draft.reopen()


def cannot(ctx: Context, error: WorkloadError) -> Plan:
    """The end of a Run that cannot be; one that runs in spite of a bad edit reports it and goes on."""
    message = str(error)
    if ctx.writers:
        ctx.draft.event(error.reason, f"not applied: {message}", warning=True)
        return ctx.decided()
    if ctx.run.status.get("attempt"):
        return finish.impossible(ctx, error.reason, message)
    ctx = replace(ctx, draft=StatusBuilder(ctx.run, ctx.now))  # without the attempt that was about to begin
    if is_mended(ctx) and ctx.run.status.get("message") == message:
        return finish.after_the_end(ctx)
    if is_mended(ctx):
        reopen(ctx)
    return finish.impossible(not_applied.reported(ctx), error.reason, message)
