"""An attempt under way: its pod is being started, or runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from run_operator.api import conditions
from run_operator.api.conditions import State, state_of
from run_operator.api.raw import parse
from run_operator.api.run import remaining
from run_operator.children import JobView
from run_operator.children.event_facts import (
    FAILED_ATTACH,
    FAILED_CREATE,
    FAILED_MOUNT,
    FAILED_SANDBOX,
    Question,
    answer,
)
from run_operator.children.job_outcome import MAX_MESSAGE, NO_POD, NODE_NOT_READY, JobOutcome
from run_operator.children.pending_reason import PendingReason
from run_operator.lifecycle import deadlines, forgotten_job, program_end, start
from run_operator.lifecycle.context import Context
from run_operator.lifecycle.first_attempt import QUIET
from run_operator.lifecycle.model import Action, Plan, SetDeadline
from run_operator.lifecycle.start import REPORT_AFTER, STARTING

NOTEWORTHY: Final = frozenset(
    {
        "ClaimNotFound",
        "ConfigMapNotFound",
        "CreateContainerConfigError",
        "CrashLoopBackOff",
        "CreateContainerError",
        FAILED_ATTACH,
        FAILED_CREATE,
        FAILED_MOUNT,
        FAILED_SANDBOX,
        "ImagePullFailed",
        "SecretNotFound",
        "Queued",
        "Unschedulable",
    }
)
"""Reasons of PENDING that a person has to act on: they are written at once."""
LONGEST_PAUSE: Final = 300.0
"""Seconds between two questions for Events about a pod without a reason, at most; the pause doubles each time."""
REPORTED_AGAIN: Final = frozenset({"ConfigMapNotFound", "CrashLoopBackOff", "SecretNotFound"})
"""Reasons whose messages change only when the cause changes."""


def under_way(ctx: Context, job: JobView, seen: JobOutcome) -> Plan:
    """Report the state of the pod with few writes: the ordinary steps of its start are not written one by one."""
    if seen.progress == "ENDING":
        return program_end.ended(ctx, job, seen)
    start.admitted(ctx)
    deadline = _deadline(ctx, job)
    if seen.progress == "RUNNING":
        return _running(ctx, seen, *deadline)
    if not deadline and (quiet_until := _quiet_until(ctx, job, seen)):
        return Plan(wake_at=quiet_until)
    if seen.reason == NO_POD and forgotten_job.makes_no_pod(ctx, job):
        if not ctx.observed.fresh:
            return Plan(reread=True)
        deadline = (*deadline, *_made_again(ctx, job, seen))
    return waiting(ctx, seen, *deadline, wake_at=deadlines.due(ctx))


def _made_again(ctx: Context, job: JobView, seen: JobOutcome) -> tuple[Action, ...]:
    """Delete the Job if its Events were read and none says why it has no pod; the same attempt then creates the next one."""
    if ctx.observed.said or seen.ask not in ctx.observed.asked:
        return ()
    why = f"Job {job.name} has no pod, and its controller reports no reason: the operator deletes it and creates it again"
    return (forgotten_job.remove(ctx, job, why),)


def _quiet_until(ctx: Context, job: JobView, seen: JobOutcome) -> float | None:
    """Until when a new Run writes nothing, because it most likely runs soon: one write then shows PENDING and RUNNING."""
    created = parse(job.created)
    if state_of(ctx.run.status.get("state")) != State.CREATED or seen.reason in NOTEWORTHY or created is None:
        return None
    return created + QUIET if created <= ctx.now < created + QUIET else None


def _deadline(ctx: Context, job: JobView) -> tuple[Action, ...]:
    """The Job's own deadline follows the Run's when that is changed."""
    wanted = max(1, remaining(ctx.run.with_status(ctx.draft.current)) - job.facts.late)
    return () if job.facts.deadline == wanted else (SetDeadline(job.name, job.uid, wanted),)


def _running(ctx: Context, seen: JobOutcome, *actions: Action) -> Plan:
    known = conditions.find(ctx.run.status.get("conditions", ()), conditions.RUNNING) or {}
    if seen.reason == NODE_NOT_READY != known.get("reason"):
        ctx.draft.event(NODE_NOT_READY, seen.message, warning=True)
    if ctx.draft.state != State.RUNNING:
        ctx.draft.event("Started", f"Attempt {ctx.draft.attempt}: {seen.message}")
    ctx.draft.become(State.RUNNING, seen.message)
    ctx.draft.condition(conditions.RUNNING, status=True, reason=seen.reason, message=seen.message)
    return ctx.decided(*actions, wake_at=ctx.next_loss)


def waiting(ctx: Context, seen: JobOutcome, *actions: Action, wake_at: float | None = None) -> Plan:
    """Why the program does not run yet; from Events where no status says it (a quota, a volume)."""
    question = seen.ask
    if question is None:
        return pending(ctx, seen, *actions, wake_at=wake_at)
    waited = _waited(ctx, question)
    ask = waited >= REPORT_AFTER
    again = ctx.now + (min(LONGEST_PAUSE, waited) if ask else REPORT_AFTER - waited)
    if found := answer(question, ctx.observed.said) or _refused_before(ctx, seen):
        seen = replace(seen, reason=found.reason, message=found.message[:MAX_MESSAGE])
    ask = ask and not ctx.observed.said and question not in ctx.observed.asked
    made = pending(ctx, seen, *actions, wake_at=again if wake_at is None else min(wake_at, again))
    return replace(made, ask=question if ask else None)


def _refused_before(ctx: Context, seen: JobOutcome) -> PendingReason | None:
    """The refusal that an Event reported earlier. Events expire, and later ones of the same kind are left out."""
    if seen.reason != NO_POD or not (known := forgotten_job.refusal(ctx)):
        return None
    return PendingReason(FAILED_CREATE, known)


def _waited(ctx: Context, question: Question) -> float:
    """Seconds since then, at least 0: the clocks of nodes differ."""
    since = parse(ctx.run.status.get("startTime")) if question.since is None else question.since
    return 0.0 if since is None else max(0.0, ctx.now - since)


def pending(ctx: Context, seen: JobOutcome, *actions: Action, wake_at: float | None = None) -> Plan:
    """Report why the program does not run yet: NOTEWORTHY reasons at once, others after REPORT_AFTER."""
    since = parse(ctx.run.status.get("startTime"))
    report_at = (ctx.now if since is None else since) + REPORT_AFTER
    is_reported = seen.reason in NOTEWORTHY or ctx.now >= report_at
    reason, message = (seen.reason, seen.message) if is_reported else ("Starting", STARTING)
    known = conditions.find(ctx.run.status.get("conditions", ()), conditions.RUNNING)
    if known and known.get("reason") == reason and reason in NOTEWORTHY - REPORTED_AGAIN:
        message = str(
            known.get("message")
        )  # the words change with every retry of the kubelet, the reason does not
    if seen.reason in NOTEWORTHY and ctx.run.status.get("message") != message:
        ctx.draft.event(reason, message, warning=True)
    ctx.draft.become(State.PENDING, message)
    ctx.draft.condition(conditions.RUNNING, status=False, reason=reason, message=message)
    moments = [at for at in (wake_at, None if is_reported else report_at) if at is not None]
    decision = ctx.decided(*actions, wake_at=min(moments, default=None))
    first = state_of(ctx.run.status.get("state")) == State.CREATED
    return replace(decision, can_wait=first and not is_reported and not actions)
