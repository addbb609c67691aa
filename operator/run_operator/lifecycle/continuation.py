"""An attempt that was terminated from outside: its pod is ended, then the next attempt begins.

The first write records the cause, before anything is ended. So the operator may be killed at any moment, and a
Job that counts the pod as a success or as a failure changes nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from run_operator.api import conditions
from run_operator.api.conditions import State
from run_operator.api.raw import parse, stamp
from run_operator.children import JobView
from run_operator.children.interruption import Interruption, interruption
from run_operator.children.job_outcome import JobOutcome
from run_operator.lifecycle import deadlines, finish, orphans, start
from run_operator.lifecycle.context import Context
from run_operator.lifecycle.model import Action, DeleteChild, Plan
from run_operator.workloads.retries import retries_used

INTERRUPTED: Final = "Interrupted"
NOT_STARTED: Final = "NotStarted"
"""Reason of an interruption before a container of the pod began: no work can have been done twice."""
EVENT: Final = "RunInterrupted"
EXCEEDED: Final = "MaxInterruptionsExceeded"
NO_ANSWER: Final = "PodTerminationTimeout"
SHORT: Final = 600.0
"""Seconds. After an attempt that lasted longer, earlier interruptions do not count."""
PAUSE: Final = 10.0
LONGEST_PAUSE: Final = 300.0
"""Seconds, at most. The pause before the next attempt doubles from PAUSE with each short interrupted attempt."""
AT_ONCE: Final = {INTERRUPTED: 1, NOT_STARTED: 1, start.CHILD_DELETED: 3}
"""How many in a row are followed without a pause. A person may delete a Job now and then; something that always does goes on."""


def interrupted(ctx: Context, job: JobView, cut: Interruption) -> Plan:
    """Record the interruption and delete the Job: its verdict about that pod says nothing about the program."""
    counted = not cut.pod and job.condition("Failed")  # its pod is gone
    failed = counted or any(pod.name == cut.pod and pod.phase == "Failed" for pod in ctx.witnesses)
    failures = max(
        0, job.facts.failed - bool(failed)
    )  # it is not a failure of the program, though its Job may count it
    first = not ctx.draft.last_attempt.get("interruptedBy")
    ctx.draft.interrupted(cut.by, retries_used(ctx.run) + failures, counts=cut.began or ctx.draft.ran)
    if first:
        ctx.draft.event(EVENT, f"Attempt {ctx.draft.attempt}: {cut.message}", warning=True)
    delete = DeleteChild(job.name, job.uid, version=job.resource_version)
    if ctx.observed.live_pods:
        return _ending(ctx, cut, delete)
    return _over(ctx, cut, job)


def is_interrupted(ctx: Context) -> bool:
    """Whether the current attempt is recorded as interrupted and has not ended yet."""
    return bool(ctx.draft.last_attempt.get("interruptedBy")) and not ctx.draft.ended


def recorded(ctx: Context) -> JobOutcome:
    """The recorded interruption of the current attempt, with the end of its pod if that was seen."""
    cut = _recorded(ctx)
    return JobOutcome("INTERRUPTED", INTERRUPTED, cut.message, interruption=cut)


def without_job(ctx: Context) -> Plan:
    """The Job of the interrupted attempt is gone: its pods end, then the next attempt begins."""
    cut = _recorded(ctx)
    if ctx.observed.live_pods:
        return _ending(ctx, cut, *orphans.ends(ctx))
    return _over(ctx, cut)


def paused_until(ctx: Context) -> float | None:
    """When the next attempt may begin after several interruptions or losses of the Job in a row (seconds since the epoch); None: now."""
    entry = ctx.draft.last_attempt
    ended, at_once = parse(entry.get("endTime")), AT_ONCE.get(str(entry.get("reason")))
    if ended is None or at_once is None:
        return None
    later = min(_row(ctx.draft.current.get("attempts", ())) - at_once, 9)
    pause = min(LONGEST_PAUSE, PAUSE * 2.0 ** (later - 1)) if later > 0 else 0.0
    return ended + pause if ctx.now < ended + pause else None


def pause(ctx: Context, until: float) -> Plan:
    """The plan for the pause before the next attempt: the Run has no active pod until then."""
    why = ctx.draft.last_attempt.get("message", "")
    message = f"interrupted: {why}; attempt {ctx.draft.attempt + 1} begins at {stamp(until)}"
    ctx.draft.become(State.PENDING, message)
    ctx.draft.condition(conditions.RUNNING, status=False, reason=INTERRUPTED, message=message)
    ctx.draft.pause()
    return ctx.decided(wake_at=until)


def _recorded(ctx: Context) -> Interruption:
    mine = [pod for pod in ctx.witnesses if pod.attempt == ctx.draft.attempt]
    newest = max(mine, key=lambda pod: (pod.created, pod.name), default=None)
    if newest is not None and (cut := interruption(newest)):
        return cut
    by = str(ctx.draft.last_attempt["interruptedBy"])
    return Interruption(by, _known(ctx), "", began=ctx.draft.ran, exit_code=None, finished_at=None)


def _ending(ctx: Context, cut: Interruption, *actions: Action) -> Plan:
    """Wait for the pod of the interrupted attempt, which can still write."""
    draft = ctx.draft
    if ctx.lost and not ctx.writers:
        pod = ctx.lost[0]
        reason, message = (
            NO_ANSWER,
            (
                f"interrupted: {cut.message}. Pod {pod.name} on node {pod.facts.node or '?'} has not confirmed its end within "
                f"{ctx.run.policy.pod_termination_timeout} s, so the next attempt cannot begin: the node may be dead. Delete the "
                "Node if it is gone for good, or stop and resume the Run if the pod surely does not write any more"
            ),
        )
        known = conditions.find(draft.current.get("conditions", ()), conditions.RUNNING) or {}
        if known.get("reason") != NO_ANSWER:
            draft.event(NO_ANSWER, message, warning=True)
    else:
        reason, message = (
            INTERRUPTED,
            f"interrupted: {cut.message}; the next attempt begins when it has ended",
        )
    if draft.state == State.CREATED:
        draft.become(State.PENDING, message)
    draft.become(draft.state, message)
    draft.condition(conditions.RUNNING, status=False, reason=reason, message=message)
    moments = [at for at in (ctx.next_loss, deadlines.due(ctx)) if at is not None]
    return ctx.decided(*actions, wake_at=min(moments, default=None))


def _over(ctx: Context, cut: Interruption, leftover: JobView | None = None) -> Plan:
    """No pod of the attempt can write any more: begin the next attempt, or give up after `maxInterruptions`."""
    if not ctx.observed.fresh:
        return Plan(reread=True)  # its Job may have made another pod that no stream has reported yet
    draft, limit = ctx.draft, ctx.run.policy.max_interruptions
    reason = INTERRUPTED if cut.began or draft.ran else NOT_STARTED
    ended = min(cut.finished_at or ctx.now, ctx.now)  # the clock of a node may be ahead
    draft.end_attempt(reason, cut.message, cut.exit_code, cut.pod or None, ended)
    if draft.interruptions > limit:
        message = (
            f"interrupted {draft.interruptions} times, runPolicy.maxInterruptions is {limit}: {cut.message}"
        )
        return finish.impossible(ctx, EXCEEDED, message)
    if (until := paused_until(ctx)) is not None:
        clear = DeleteChild(leftover.name, leftover.uid) if leftover and not leftover.deleting else None
        made = pause(ctx, until)
        return replace(made, actions=(clear,)) if clear else made
    return start.next_attempt(ctx, leftover)


def _row(attempts: Any) -> int:
    """How many of the newest attempts in a row were interrupted within SHORT seconds."""
    row = 0
    for entry in reversed(attempts):
        began, ended = parse(entry.get("startTime")), parse(entry.get("endTime"))
        short = began is not None and ended is not None and ended - began < SHORT
        if entry.get("reason") not in AT_ONCE or not short:
            break
        row += 1
    return row


def _known(ctx: Context) -> str:
    """The recorded message without the text that was added to it."""
    said = str(ctx.run.status.get("message") or "")
    return (
        said.removeprefix("interrupted: ").partition("; the next attempt")[0]
        or "its pod was terminated from outside"
    )
