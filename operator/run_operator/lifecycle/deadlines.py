"""Deadlines that a Job cannot enforce: for an attempt that does not begin to run, and for a Run that is stopped or queued."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NamedTuple

from run_operator.api import conditions
from run_operator.api.conditions import State
from run_operator.api.policy import DeadlinePolicy
from run_operator.api.raw import parse
from run_operator.api.run import remaining
from run_operator.children import JobView
from run_operator.lifecycle.context import Context
from run_operator.workloads.builder import child_kind

ACTIVE: Final = "DeadlineExceeded"
PENDING: Final = "PendingDeadlineExceeded"


class Verdict(NamedTuple):
    """Reason and message of the Failed condition."""

    reason: str
    message: str


def recorded(ctx: Context, reasons: Collection[str] = (ACTIVE, PENDING)) -> Verdict | None:
    """The verdict for one of these reasons that ends the Run already: the status names it, and nothing changes it later."""
    known = conditions.find(ctx.draft.current.get("conditions", ()), conditions.RUNNING) or {}
    if ctx.draft.state == State.STOP and known.get("reason") in reasons:
        return Verdict(str(known["reason"]), str(known.get("message")))
    return None


def unconfirmed(ctx: Context, job: JobView) -> Verdict | None:
    """The Job's own deadline is over, and a pod that it asked to end has not confirmed its end."""
    target = job.condition("FailureTarget")
    if target is None or target.reason != ACTIVE or ctx.writers or not ctx.lost:
        return None
    pod = ctx.lost[0]
    return Verdict(
        ACTIVE,
        f"runPolicy.activeDeadlineSeconds is exceeded; pod {pod.name} on node {pod.facts.node or '?'} has not confirmed its end: "
        "the node may be dead, or the pod may still write",
    )


def expired(ctx: Context) -> Verdict | None:
    """The deadline that is over, for a Run whose program does not run; None: no deadline is over."""
    if (at := _pending_until(ctx)) is not None and ctx.now >= at:
        why = ctx.run.status.get("message") or "its program did not start"
        return Verdict(PENDING, f"runPolicy.pendingDeadlineSeconds is exceeded: {why}")
    if (at := _active_until(ctx)) is not None and ctx.now >= at:
        return Verdict(ACTIVE, "runPolicy.activeDeadlineSeconds is exceeded")
    if (at := _wall_until(ctx)) is not None and ctx.now >= at:
        return Verdict(
            ACTIVE, "runPolicy.activeDeadlineSeconds is exceeded (WallClock: it counts stopped time too)"
        )
    return None


def used_up(ctx: Context) -> Verdict | None:
    """Whether the Run has no time left for another attempt."""
    if child_kind(ctx.run) != "Job" or remaining(ctx.run.with_status(ctx.draft.current)) > 0:
        return None
    return Verdict(
        ACTIVE, "runPolicy.activeDeadlineSeconds is used up by earlier attempts; raise it to continue"
    )


def due(ctx: Context) -> float | None:
    """When the next deadline is over, in seconds since the epoch; None: no deadline counts."""
    found = (_pending_until(ctx), _active_until(ctx), _wall_until(ctx))
    return min((at for at in found if at is not None and at > ctx.now), default=None)


def _active_until(ctx: Context) -> float | None:
    """The end of the active time of an attempt whose Job, and so its own deadline, is gone or being deleted."""
    began = parse(ctx.draft.current.get("startTime"))
    job = ctx.observed.job
    gone = (job is None or job.deleting) and bool(ctx.observed.live_pods) and child_kind(ctx.run) == "Job"
    if began is None or not gone or ctx.draft.ended:
        return None
    return began + remaining(ctx.run.with_status(ctx.draft.current))


def _pending_until(ctx: Context) -> float | None:
    limit, began = ctx.run.policy.pending_deadline, _waiting_since(ctx)
    waits = ctx.draft.state == State.PENDING and not ctx.draft.ran and not ctx.run.suspend
    if limit is None or began is None or not waits:
        return None
    return began + limit


def _waiting_since(ctx: Context) -> float | None:
    """When the wait began. An attempt whose pod was refused before it began is one wait with the attempt after it."""
    began = parse(ctx.draft.current.get("startTime"))
    if began is None:
        return None
    for entry in reversed(ctx.draft.current.get("attempts", ())[:-1]):
        if entry.get("reason") != "NotStarted":
            break
        began = parse(entry.get("startTime")) or began
    return began


def _wall_until(ctx: Context) -> float | None:
    """The end of the WallClock deadline while no Job's own deadline counts."""
    first = parse(ctx.draft.current.get("firstStartTime"))
    kept = ctx.run.policy.deadline_policy == DeadlinePolicy.WALL_CLOCK and child_kind(ctx.run) == "Job"
    if first is None or not kept or "startTime" in ctx.draft.current:
        return None
    return first + ctx.run.policy.active_deadline
