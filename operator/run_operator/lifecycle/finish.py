"""The end of a Run: success, failure, an impossible document; and what is done after the end."""

from __future__ import annotations

from typing import Final

from run_operator.api import conditions
from run_operator.api.conditions import State
from run_operator.api.raw import parse
from run_operator.children.job_outcome import JobOutcome
from run_operator.lifecycle.context import Context
from run_operator.lifecycle.deadlines import Verdict
from run_operator.lifecycle.model import Action, DeleteChild, DeleteRun, Plan, ScaleChild

UNCOMMITTED: Final = 30.0
"""Seconds after the program's end that the end waits for values that the ingest has taken."""
LAST_WORDS: Final = 5.0
"""Seconds after the program's end that the end waits for a batch that another replica may have taken."""


def until(ctx: Context, ended: float | None = None) -> float | None:
    """When the end is written even without the last metrics (seconds since the epoch); None: do not wait.

    `ended`: seconds since the epoch; None: when the last program ended that was seen to end.
    """
    if ended is None:
        ended = _last_end(ctx)
    if ended is None:
        return None
    wait_seconds = UNCOMMITTED if ctx.observed.uncommitted else 0.0
    if ctx.run.metrics.open_writers:
        wait_seconds = max(wait_seconds, LAST_WORDS)
    if not wait_seconds:  # `ended` may be in the future, by a node's clock
        return None
    return ended + wait_seconds if ctx.now < ended + wait_seconds else None


def metrics_completion(ctx: Context) -> None:
    """Set the condition MetricsComplete, and drop the writers: none of them can send anything after the end."""
    logged = ctx.run.metrics
    if not logged.commit_id and not ctx.observed.uncommitted:
        return
    reason, message = _verdict(ctx)
    complete = reason == conditions.ALL_POINTS
    ctx.draft.condition(conditions.METRICS_COMPLETE, status=complete, reason=reason, message=message)
    if not complete:
        ctx.draft.event(reason, message, warning=reason != conditions.DECIMATED)
    if logged.commit_id:
        ctx.draft.forget_writers()


def _verdict(ctx: Context) -> tuple[str, str]:
    """Status, reason and message, by the worst that happened: values lost, then values refused, then lists thinned."""
    logged = ctx.run.metrics
    silent = logged.open_writers + logged.lost_writers
    if ctx.observed.uncommitted:
        return conditions.WRITER_LOST, f"the last values could not be stored within {UNCOMMITTED:g} s"
    if silent:
        return (
            conditions.WRITER_LOST,
            f"{silent} of the processes that logged metrics ended without a last batch: their last values may be missing",
        )
    if logged.refused:
        return (
            conditions.LIMIT_REACHED,
            f"{logged.refused} values were refused: the budget of metrics, or the number of metrics that a Run can have, is used up",
        )
    if logged.thinned:
        return (
            conditions.DECIMATED,
            "not every value is in the lists; count, min, max, sum and last in metricsInfo include all values",
        )
    return (
        conditions.ALL_POINTS,
        "status.metrics has every value that arrived, and no process is known to have ended with unsent values",
    )


def _last_end(ctx: Context) -> float | None:
    moments = (parse(c.finished_at) for pod in ctx.witnesses for c in pod.facts.containers)
    return max((at for at in moments if at is not None), default=None)


MARKED_AFTER: Final = 5.0
"""Seconds after the end until the annotation is written: later than the writes that people wait for."""
ALREADY_FINISHED: Final = "AlreadyFinished"


def finished(ctx: Context, seen: JobOutcome) -> Plan:
    """The plan for a Job that has ended and has no running pod."""
    if (at := until(ctx, seen.finished_at)) is not None:
        return Plan(wake_at=at)
    ended = seen.finished_at if seen.finished_at is not None else ctx.now
    good = seen.progress == "SUCCEEDED"
    draft = ctx.draft
    if draft.state == State.PENDING and seen.started_at is not None:
        draft.event("Started", f"Attempt {draft.attempt}: pod {seen.pod_name} ran")
        draft.become(State.RUNNING, "", at=seen.started_at)  # faster than it could be watched
    draft.end_attempt(seen.reason, seen.message, seen.exit_code, seen.pod_name, ended)
    draft.completed_at(ended)
    if good:
        draft.event("Completed", seen.message)
        _end(ctx, State.COMPLETED, conditions.COMPLETE, seen.reason, seen.message)
    else:
        draft.event(seen.reason, seen.message, warning=True)
        _end(ctx, State.ERROR, conditions.FAILED, seen.reason, seen.message)
    return ctx.decided(wake_at=_soonest(ctx.now + MARKED_AFTER, _expiry(ctx, ended)))


def impossible(ctx: Context, reason: str, message: str) -> Plan:
    """The final ERROR of a document that cannot be carried out."""
    ctx.draft.completed_at(ctx.now)
    ctx.draft.end_attempt(reason, message, None, None, ctx.now)
    ctx.draft.event(reason, message, warning=True)
    _end(ctx, State.ERROR, conditions.FAILED, reason, message)
    return ctx.decided(wake_at=_soonest(ctx.now + MARKED_AFTER, _expiry(ctx, ctx.now)))


def ended_elsewhere(ctx: Context, state: State, reason: str, message: str) -> Plan:
    """The end of a Run of which nothing ran here."""
    ctx.draft.completed_at(ctx.now)
    _end(ctx, state, conditions.COMPLETE if state == State.COMPLETED else conditions.FAILED, reason, message)
    return ctx.decided(wake_at=_expiry(ctx, ctx.now))


def after_the_end(ctx: Context, *marks: Action) -> Plan:
    """Delete the Run when its time to live is over; answer a stop that came too late. `marks`: see `restored.marks`."""
    expiry = _expiry(ctx, parse(ctx.run.status.get("completionTime")) or ctx.now)
    if expiry is not None and ctx.now >= expiry:
        if not ctx.run.declared_by:
            return Plan(actions=(DeleteRun(ctx.run.uid),))
        message = (
            f"ttlSecondsAfterFinished is exceeded, but the Run is not deleted: {ctx.run.declared_by} would apply it again, and it would start "
            "again; remove the Run there"
        )
        ctx.draft.event("KeptFinished", message)
        expiry = None
    suspended = conditions.find(ctx.run.status.get("conditions", ()), conditions.SUSPENDED)
    if ctx.run.suspend and (suspended is None or suspended.get("reason") != ALREADY_FINISHED):
        message = f"the Run is {ctx.draft.state} already: there is nothing to stop"
        ctx.draft.condition(conditions.SUSPENDED, status=False, reason=ALREADY_FINISHED, message=message)
        ctx.draft.event(ALREADY_FINISHED, message, warning=True)
    unmarked = not marks and ctx.run.end_mark is None and ctx.draft.attempt
    return ctx.decided(*marks, wake_at=_soonest(ctx.now + MARKED_AFTER if unmarked else None, expiry))


def _soonest(*moments: float | None) -> float | None:
    return min((at for at in moments if at is not None), default=None)


def _end(ctx: Context, state: State, outcome: str, reason: str, message: str) -> None:
    draft = ctx.draft
    draft.suspended_by("")
    draft.become(state, message)
    draft.condition(conditions.RUNNING, status=False, reason="Finished", message=message)
    draft.condition(outcome, status=True, reason=reason, message=message)
    draft.condition(conditions.FINISHED, status=True, reason=reason, message=message)
    metrics_completion(ctx)


def _expiry(ctx: Context, ended: float) -> float | None:
    ttl = ctx.run.policy.ttl_after_finished
    return None if ttl is None else ended + ttl


def give_up(ctx: Context, verdict: Verdict) -> Plan:
    """End everything that may have pods; until they are gone, the Running condition holds the verdict."""
    actions = _ends(ctx)
    deployment = ctx.observed.deployment
    counted = deployment is not None and deployment.busy(len(ctx.lost))
    if not actions and not ctx.writers and not counted:
        if (at := until(ctx)) is not None:
            return Plan(wake_at=at)
        if not ctx.observed.fresh:
            # The streams may not have reported a pod that was created a moment ago.
            return Plan(reread=True)
        return impossible(ctx, verdict.reason, verdict.message + unconfirmed(ctx, verdict.message))
    ctx.draft.become(State.STOP, verdict.message)
    ctx.draft.condition(conditions.RUNNING, status=False, reason=verdict.reason, message=verdict.message)
    return ctx.decided(*actions, wake_at=ctx.next_loss)


def unconfirmed(ctx: Context, message: str = "") -> str:
    """A sentence about a pod on a node that does not answer and that may still write; empty: there is none."""
    if not ctx.lost or ctx.lost[0].name in message:
        return ""
    pod = ctx.lost[0]
    return (
        f"; pod {pod.name} on node {pod.facts.node or '?'} has not confirmed its end: the node may be dead, "
        "or the pod may still write"
    )


def _ends(ctx: Context) -> tuple[Action, ...]:
    job, deployment = ctx.observed.job, ctx.observed.deployment
    if job is not None and not job.deleting:
        return (DeleteChild(job.name, job.uid, version=job.resource_version),)
    if deployment is not None and deployment.replicas and not deployment.deleting:
        return (ScaleChild(deployment.name, deployment.uid, 0),)
    return ()
