"""A job's way: with its Job there, and without (which a service shares): not started yet, stopped, or robbed of it."""

from __future__ import annotations

from run_operator.api.conditions import State
from run_operator.children import JobView
from run_operator.children.job_outcome import JobOutcome, observe
from run_operator.children.pod_summary import summaries
from run_operator.lifecycle import deadlines, finish, run_phase, start, stop
from run_operator.lifecycle.context import Context
from run_operator.lifecycle.model import Plan


def with_job(ctx: Context, job: JobView) -> Plan:
    """The Job of the current attempt is there. Its own verdict comes before every wish and every deadline."""
    seen = observe(job, ctx.witnesses)
    ctx.draft.pods(summaries(ctx.observed.pods))
    if seen.progress in ("SUCCEEDED", "FAILED"):
        if not seen.evidence and not ctx.observed.fresh:
            return Plan(reread=True)
        return finish.finished(ctx, seen)
    if verdict := deadlines.sealed(ctx) or (deadlines.expired(ctx) if seen.progress == "PENDING" else None):
        return finish.give_up(ctx, verdict)
    if ctx.run.suspend or ctx.draft.state == State.STOP:
        return stop.stop(ctx, job)
    return _onwards(ctx, job, seen)


def without_child(ctx: Context, leftover: JobView | None = None) -> Plan:
    """No child of the current attempt; `leftover` is the Job of an earlier one."""
    if leftover is None and not ctx.run.suspend and _had_child(ctx):
        if not ctx.observed.fresh:
            return Plan(reread=True)
        start.record_loss(ctx)
    if verdict := deadlines.sealed(ctx) or deadlines.expired(ctx):
        return finish.give_up(ctx, verdict)
    if leftover is not None and not leftover.suspend:
        return stop.end_leftover(ctx, leftover)
    if ctx.writers:
        return stop.await_pods(ctx)
    return _down(ctx, leftover) if ctx.run.suspend else _up(ctx, leftover)


def _onwards(ctx: Context, job: JobView, seen: JobOutcome) -> Plan:
    """The wish is that it runs."""
    if not job.suspend:
        return run_phase.under_way(ctx, job, seen)
    if ctx.draft.state == State.CREATED and not ctx.run.queue:
        return stop.stop(ctx, job)  # the status was lost: most likely this stop had been begun here
    if ctx.draft.state != State.STOPPED:
        return start.held(ctx)
    if ctx.writers or job.busy(len(ctx.lost)):
        return stop.await_pods(ctx)
    return start.next_attempt(ctx, leftover=job)


def _up(ctx: Context, leftover: JobView | None) -> Plan:
    if ctx.draft.attempt and ctx.draft.state == State.PENDING and not ctx.draft.ended:
        return start.create(ctx, leftover)  # counted before, but the child was not created then
    return start.next_attempt(ctx, leftover)


def _down(ctx: Context, leftover: JobView | None) -> Plan:
    """A child asked for a moment ago may be there although no stream has told of it yet: look before it is said."""
    born_suspended = ctx.draft.state == State.CREATED and ctx.run.generation == 1
    if ctx.draft.state != State.STOPPED and not born_suspended and not ctx.observed.fresh:
        return Plan(reread=True)
    return stop.stopped(ctx, leftover)


def _had_child(ctx: Context) -> bool:
    """Whether the current attempt had a child that nobody asked to go: its pods are there, or it ran.

    One that ran may be PENDING again: its pod was gone before its Job was.
    """
    if ctx.draft.state != State.PENDING:
        return ctx.draft.state == State.RUNNING
    return bool(ctx.observed.live_pods) or ctx.draft.surely_ran
