"""The next step of a Run with a Job, and of any Run without a child: not started yet, stopped, or its child is lost."""

from __future__ import annotations

from dataclasses import replace

from run_operator.api.conditions import State
from run_operator.children import JobView
from run_operator.children.job_outcome import JobOutcome, observe
from run_operator.children.pod_summary import summaries
from run_operator.lifecycle import (
    continuation,
    deadlines,
    deletion,
    finish,
    orphans,
    program_end,
    retry,
    run_phase,
    start,
    stop,
    unseen_end,
)
from run_operator.lifecycle.context import Context
from run_operator.lifecycle.model import Plan
from run_operator.lifecycle.no_pod_left import Answer, no_pod_left


def with_job(ctx: Context, job: JobView) -> Plan:
    """The step when the Job of the current attempt is there. Its verdict counts before `suspend` and every deadline."""
    seen = observe(job, ctx.witnesses)
    ctx.draft.of_job(job.uid)
    ctx.draft.pods(summaries(ctx.observed.pods))
    if ctx.draft.last_attempt.get("interruptedBy") and not seen.interruption:
        seen = continuation.recorded(ctx)  # whatever the Job made of that pod meanwhile
    retried = seen.progress == "FAILED" and retry.is_left(ctx, job, seen)
    if seen.progress in ("SUCCEEDED", "FAILED") and not retried and (made := _over(ctx, job, seen)):
        return made
    verdict = deadlines.recorded(ctx) or deadlines.unconfirmed(ctx, job)
    if verdict := verdict or (deadlines.expired(ctx) if seen.progress == "PENDING" else None):
        return finish.give_up(ctx, verdict)
    if program_end.is_over(ctx, job, seen):
        return program_end.ended(ctx, job, seen)
    if _stopping(ctx):
        return stop.stop(ctx, job)
    return retry.begin(ctx, job, seen) if retried else _onwards(ctx, job, seen)


def _over(ctx: Context, job: JobView, seen: JobOutcome) -> Plan | None:
    """The step after the Job's verdict; None: the pod is gone, and a stop may have ended it."""
    if seen.evidence:
        return finish.finished(ctx, seen)
    if not ctx.observed.fresh:
        return Plan(reread=True)
    if _stopping(ctx) and (job.suspend or unseen_end.was_asked(ctx, job)):
        return None
    return unseen_end.finished(ctx, job, seen)


def without_child(ctx: Context, leftover: JobView | None = None) -> Plan:
    """The step when the current attempt has no child; `leftover` is the Job of an earlier attempt."""
    if leftover is None and (done := program_end.without_job(ctx)):
        return done
    question = None if leftover else unseen_end.about_lost_job(ctx)
    if question is None:
        return _onwards_without(ctx, leftover)
    if not ctx.observed.fresh:
        return Plan(reread=True)
    if over := unseen_end.finished_without_job(ctx):
        return over
    made = _onwards_without(ctx, leftover)
    return made if ctx.observed.said else replace(made, ask=question)


def _onwards_without(ctx: Context, leftover: JobView | None) -> Plan:
    """The end of the child is not known."""
    interrupted = leftover is None and continuation.is_interrupted(ctx)
    if leftover is None and not interrupted and not ctx.run.suspend and _had_child(ctx):
        if not ctx.observed.fresh:
            return Plan(reread=True)
        start.record_loss(ctx)
    if verdict := deadlines.recorded(ctx) or deadlines.expired(ctx):
        return finish.give_up(ctx, verdict)
    if interrupted and not ctx.run.suspend and ctx.draft.state != State.STOP:
        return continuation.without_job(ctx)
    return _clear(ctx, leftover) or (_down(ctx, leftover) if ctx.run.suspend else _up(ctx, leftover))


def _clear(ctx: Context, leftover: JobView | None) -> Plan | None:
    """End what is left of an earlier attempt; None: nothing is left that can write."""
    if leftover is not None and not leftover.suspend and not leftover.over:
        return stop.end_leftover(ctx, leftover)
    if not ctx.writers:
        return deletion.unconfirmed(ctx) if leftover is None else None
    return orphans.await_pods(ctx) if leftover is None else stop.await_pods(ctx)


def _onwards(ctx: Context, job: JobView, seen: JobOutcome) -> Plan:
    """The step of a Run that should run."""
    if seen.interruption and not (job.suspend and ctx.draft.ended):  # a stop has ended the attempt before
        return (
            _left_to_job(ctx, job, seen)
            if ctx.run.is_dispatched
            else continuation.interrupted(ctx, job, seen.interruption)
        )
    if not job.suspend:
        return run_phase.under_way(ctx, job, seen)
    if ctx.draft.state == State.CREATED and not ctx.run.queue:
        return stop.stop(ctx, job)  # the status was lost: most likely this stop had been begun here
    if ctx.draft.state != State.STOPPED:
        # Kueue in the cluster that sent it gives quota back when the condition says that nothing can write.
        ending = ctx.run.is_dispatched and (bool(ctx.observed.live_pods) or job.busy())
        return start.held(ctx, ending=ending)
    return _resumed(ctx, job)


def _left_to_job(ctx: Context, job: JobView, seen: JobOutcome) -> Plan:
    """The pod of a Run that MultiKueue sent was interrupted: the Job makes another one, or has its verdict. Kueue knows this Job alone."""
    if job.over and not ctx.observed.live_pods:
        return finish.finished(ctx, replace(seen, progress="FAILED", message=f"interrupted: {seen.message}"))
    message = f"interrupted: {seen.message}; its Job makes another pod"
    return run_phase.pending(ctx, replace(seen, progress="PENDING", message=message))


def _resumed(ctx: Context, job: JobView) -> Plan:
    if (ended := no_pod_left(ctx, job)) is Answer.UNKNOWN:
        return Plan(reread=True)
    return stop.await_pods(ctx) if ended is Answer.NO else start.next_attempt(ctx, leftover=job)


def _up(ctx: Context, leftover: JobView | None) -> Plan:
    if ctx.draft.attempt and ctx.draft.state == State.PENDING and not ctx.draft.ended:
        return start.create(ctx, leftover)  # counted before, but the child was not created then
    if (until := continuation.paused_until(ctx)) is not None:
        return continuation.pause(ctx, until)
    return start.next_attempt(ctx, leftover)


def _down(ctx: Context, leftover: JobView | None) -> Plan:
    """The streams may not have reported a child that was created a moment ago: read it before the decision."""
    born_suspended = ctx.draft.state == State.CREATED and ctx.run.generation == 1
    if ctx.draft.state != State.STOPPED and not born_suspended and not ctx.observed.fresh:
        return Plan(reread=True)
    return stop.stopped(ctx, leftover)


def _stopping(ctx: Context) -> bool:
    return ctx.run.suspend or ctx.draft.state == State.STOP


def _had_child(ctx: Context) -> bool:
    """Whether the current attempt had a child that the operator did not delete: its pods are there, or it ran.

    An attempt that ran may be PENDING again, if its pod was gone before its Job.
    """
    if ctx.draft.state != State.PENDING:
        return ctx.draft.state == State.RUNNING
    return bool(ctx.observed.live_pods) or ctx.draft.surely_ran
