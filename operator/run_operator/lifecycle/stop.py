"""Stopping: STOP while a pod can still write, STOPPED only when none can."""

from __future__ import annotations

from typing import Final

from run_operator.api import conditions
from run_operator.api.conditions import State
from run_operator.api.raw import parse
from run_operator.children import JobView
from run_operator.lifecycle import deadlines, forgotten_job, resolution
from run_operator.lifecycle.context import Context, record_stop
from run_operator.lifecycle.model import DeleteChild, Plan, SuspendChild
from run_operator.lifecycle.no_pod_left import COUNTED, Answer, is_counting, no_pod_left
from run_operator.lifecycle.start import next_attempt
from run_operator.workloads.builder import validate
from run_operator.workloads.fields import WorkloadError

LEFTOVER_KEPT: Final = 5.0
"""Seconds until the suspended Job of a stopped Run is deleted, so that the next attempt can begin without delay."""
REPORT_AFTER: Final = 10.0
"""Seconds after which the message of an unfinished stop says what it waits for."""
TERMINATION_TIMEOUT: Final = "PodTerminationTimeout"


def stop(ctx: Context, job: JobView) -> Plan:
    """End the pods of the current attempt. A stop that has begun is finished, even if `suspend` becomes false meanwhile."""
    if ctx.run.queue:
        # A queue would only admit a suspended Job again, so its label is removed.
        ending(ctx, "the operator deleted the Job")
        return ctx.decided(DeleteChild(job.name, job.uid, version=job.resource_version))
    if not job.suspend and not job.over:
        ending(ctx, "suspended the Job, which ends its pods")
        return ctx.decided(SuspendChild(job.name, job.uid))
    return _remove_forgotten(ctx, job) if forgotten_job.is_not_suspended(ctx, job) else _await_end(ctx, job)


def _await_end(ctx: Context, job: JobView) -> Plan:
    """The step when the Job is suspended, or has its verdict."""
    ended = no_pod_left(ctx, job)
    if ended is Answer.NO:
        return await_pods(ctx)
    if ended is Answer.UNKNOWN:
        return Plan(reread=True)
    return stopped(ctx, leftover=job) if ctx.run.suspend else next_attempt(ctx, leftover=job)


def _remove_forgotten(ctx: Context, job: JobView) -> Plan:
    if not ctx.observed.fresh:
        return Plan(reread=True)
    message = f"the Job controller does not report that Job {job.name} is suspended: the Job is removed"
    ending(ctx, message, again=True)
    return ctx.decided(forgotten_job.remove(ctx, job, message))


def end_leftover(ctx: Context, leftover: JobView) -> Plan:
    """Delete the Job of an earlier attempt that somebody unsuspended, before anything else begins."""
    ending(ctx, f"Job {leftover.name} belongs to an earlier attempt; the operator deletes it")
    return ctx.decided(DeleteChild(leftover.name, leftover.uid))


def await_pods(ctx: Context) -> Plan:
    """Wait for pods of this Run that live, or may; the message names them when that takes long."""
    ending(ctx, "waiting for its pods to end")
    report_at = ctx.state_since + REPORT_AFTER
    if ctx.now >= report_at and (what := _what_it_waits_for(ctx)):
        ending(ctx, what, again=True)
    silent_at = None if ctx.writers else ctx.state_since + forgotten_job.SILENT
    moments = [at for at in (ctx.next_loss, report_at, silent_at) if at is not None and at > ctx.now]
    return ctx.decided(wake_at=min(moments, default=None))


def _what_it_waits_for(ctx: Context) -> str:
    if ctx.lost and not ctx.writers:
        return ""
    if not ctx.writers:
        return "its pods have ended, and kube-controller-manager has not reported that yet"
    first = min(ctx.writers, key=lambda pod: pod.name)
    return f"waiting for pod {first.name} on node {first.facts.node or '?'} to end"


def stopped(ctx: Context, leftover: JobView | None = None, *, unconfirmed: str = "") -> Plan:
    """The plan of a Run that shall stay stopped and has no pod that can write; `unconfirmed`: who has not said so in time."""
    draft = ctx.draft
    missing = resolution.report(ctx)
    if draft.attempt == 0 and not missing.text:
        validate(ctx.run, ctx.options)  # report an impossible document now, not at the resume
    else:
        missing = _wrong(ctx, missing)
    reason, message = _explained(ctx, unconfirmed)
    if conditions.is_true(draft.current.get("conditions", ()), conditions.QUEUED):
        draft.condition(conditions.QUEUED, status=False, reason="Suspended", message=message)
    if draft.state != State.STOPPED:
        record_stop(ctx)
        if reason == TERMINATION_TIMEOUT:
            draft.event(reason, message, warning=True)
        else:
            draft.event("Suspended", f"Attempt {draft.attempt}: {message}" if draft.attempt else message)
        draft.become(State.STOPPED, message + missing.text)
        draft.condition(conditions.SUSPENDED, status=True, reason=reason, message=message)
        draft.condition(conditions.RUNNING, status=False, reason="Suspended", message=message)
    elif missing.news:
        draft.become(State.STOPPED, message + missing.text)
    draft.pause()
    draft.suspended_by("User")
    return _kept_for_a_while(ctx, leftover)


def _wrong(ctx: Context, missing: resolution.ResolutionOutcome) -> resolution.ResolutionOutcome:
    """Report a mistake in an edit at once, because it would end the Run at the resume."""
    if missing.text or ctx.run.generation == ctx.run.status.get("observedGeneration"):
        return missing
    try:
        resolution.require(ctx)
        validate(ctx.run, ctx.options)
    except WorkloadError as error:
        ctx.draft.event(error.reason, f"the document has a mistake: {error}", warning=True)
        return resolution.ResolutionOutcome(f"; the document has a mistake: {error}", news=True)
    return resolution.ResolutionOutcome(news=True)


def ending(ctx: Context, message: str, *, again: bool = False) -> None:
    """Set the state STOP: asked to stop, and not stopped yet. It is written once, unless `again`."""
    draft = ctx.draft
    if ctx.run.suspend:
        draft.suspended_by("User")
    if draft.state == State.STOP and not again:
        return
    if draft.state != State.STOP:
        draft.event("Suspending", f"Attempt {draft.attempt}: {message}")
    draft.become(State.STOP, message)
    draft.condition(conditions.SUSPENDED, status=False, reason="Suspending", message=message)


def _explained(ctx: Context, unconfirmed: str) -> tuple[str, str]:
    """Reason and message of `Suspended`."""
    limit = ctx.run.policy.pod_termination_timeout
    if unconfirmed:
        return TERMINATION_TIMEOUT, (
            f"stopped, but {unconfirmed} has not confirmed that its pods have ended: they may write until their grace period is over"
        )
    if ctx.draft.attempt == 0:
        return "JobSuspended", "not started yet; set spec.suspend to false to start"
    if not ctx.lost:
        return "JobSuspended", "stopped; set spec.suspend to false to resume"
    pod = ctx.lost[0]
    return TERMINATION_TIMEOUT, (
        f"stopped, but pod {pod.name} on node {pod.facts.node or '?'} has not confirmed its end within "
        f"{limit} s: the node may be dead, or the pod may still write"
    )


def _kept_for_a_while(ctx: Context, leftover: JobView | None) -> Plan:
    """The plan that deletes the suspended Job LEFTOVER_KEPT seconds after the stop."""
    if leftover is None:
        return ctx.decided(wake_at=deadlines.due(ctx))
    known = conditions.find(ctx.draft.current.get("conditions", ()), conditions.SUSPENDED) or {}
    tidy_at = (parse(known.get("lastTransitionTime")) or ctx.now) + LEFTOVER_KEPT
    if ctx.now < tidy_at or is_counting(ctx, leftover):
        return ctx.decided(wake_at=tidy_at if ctx.now < tidy_at else ctx.now + COUNTED)
    return ctx.decided(DeleteChild(leftover.name, leftover.uid, version=leftover.resource_version))
