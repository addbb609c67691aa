"""A Run that Kueue's MultiKueue runs in another cluster: this operator makes Kueue's Workload, and switches it off for a stop.

While the Workload holds quota, MultiKueue copies the status of the Run in the other cluster, so nothing here writes it. Before and
after that nobody else does. Kueue gives quota back only when the controller of the job says that nothing runs any more; that is
this operator, which reads it from the copied status.

A stop evicts the Workload first, as a preemption does: then Kueue there ends the pods, and the status says so. Only after that it is
switched off, because Kueue deletes the Run there as soon as the Workloads of both clusters differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from run_operator.api import conditions
from run_operator.api.conditions import FINAL, State
from run_operator.api.constants import KUEUE_QUEUE
from run_operator.api.raw import parse, stamp
from run_operator.children.dispatch_view import DispatchView, Fact
from run_operator.children.job_outcome import JobOutcome
from run_operator.lifecycle import finish, invalid_document, not_applied, restored, start, stop
from run_operator.lifecycle.context import Context
from run_operator.lifecycle.model import CreateWorkload, PatchCustom, Plan, Refusal
from run_operator.workloads.builder import build, child_kind
from run_operator.workloads.fields import UnresolvedError, UnsupportedError
from run_operator.workloads.kueue_workload import kind_of, kueue_workload

AGAIN: Final = 10.0
"""Seconds until the Workload is read again."""
SOON: Final = 2.0
"""The same while it is switched off or on."""
COPIED: Final = 5.0
"""Seconds after the end or the eviction of the Workload in which what the other cluster says may still be copied."""
SWITCHED_OFF: Final = "Deactivated"
"""Reason of an eviction after which Kueue queues the Workload again when it is switched on."""
TAKEN_BACK: Final = frozenset({"Preempted", "NodeFailures"})
"""Reasons of an eviction after which Kueue queues the Workload again by itself."""


def step(ctx: Context) -> Plan:
    """The next step. Raises WorkloadError."""
    if ctx.run.deleting:
        return Plan()
    if ctx.draft.state in FINAL:
        if not invalid_document.is_corrected(ctx):
            return _after_the_end(ctx)
        invalid_document.reopen(ctx)
    seen = ctx.observed.custom
    if seen is None:
        return Plan(look=kind_of(ctx.run))
    if seen.problem and ctx.draft.attempt:
        return Plan(wake_at=ctx.now + AGAIN)  # it may run in the other cluster all the same
    if seen.problem:
        raise UnresolvedError("ComponentMissing", seen.problem)
    return _enqueued(ctx) if seen.raw is None else _followed(ctx, DispatchView.of(seen.raw))


def _enqueued(ctx: Context) -> Plan:
    """Make the Workload, unless the Run is stopped."""
    if child_kind(ctx.run) != "Job":
        raise UnsupportedError(
            "UnsupportedKind",
            f"{ctx.run.kind} makes no Job, and MultiKueue runs only Jobs; apply it as a new Run without spec.managedBy",
        )
    if restored.is_restored(ctx):
        return restored.shown(ctx)
    if ctx.run.suspend:
        return _stopped(ctx)
    if not ctx.run.queue:
        raise UnresolvedError("NoQueue", f"MultiKueue needs a queue: set the label {KUEUE_QUEUE}")
    if ctx.resolution.error:
        raise ctx.resolution.error
    made = kueue_workload(ctx.run, build(ctx.run, 1, ctx.options))
    ctx.draft.events += not_applied.events(ctx, made)
    if ctx.draft.state != State.PENDING:  # one that was refused goes on to say why
        _queued(ctx)
    return ctx.decided(CreateWorkload(made), wake_at=ctx.now + AGAIN)


def refused(ctx: Context, refusal: Refusal) -> Plan:
    """Report that the API server refused the Workload: for good, or for now."""
    if refusal.final:
        return finish.impossible(ctx, refusal.reason, refusal.message)
    if ctx.run.status.get("message") != refusal.message:
        ctx.draft.event(refusal.reason, refusal.message, warning=True)
    ctx.draft.become(State.PENDING, refusal.message)
    ctx.draft.condition(conditions.RUNNING, status=False, reason=refusal.reason, message=refusal.message)
    return ctx.decided()


def _followed(ctx: Context, seen: DispatchView) -> Plan:
    """The step when the Workload is there."""
    if seen.finished:
        return _over(ctx, seen.finished)
    if seen.reserved and (ctx.run.suspend or seen.evicted):
        return _taken_back(ctx, seen)
    if seen.active == ctx.run.suspend:
        return _switched(ctx, seen)
    if seen.reserved:
        return Plan(wake_at=ctx.now + AGAIN)  # MultiKueue writes the status
    if ctx.run.suspend:
        return _stopped(ctx)
    _queued(ctx)
    return ctx.decided(wake_at=ctx.now + AGAIN)


def _queued(ctx: Context) -> None:
    if conditions.is_true(ctx.draft.current.get("conditions", ()), conditions.SUSPENDED):
        message = "it is in its queue again"
        ctx.draft.condition(conditions.SUSPENDED, status=False, reason="JobResumed", message=message)
    start.held(ctx)


def _stopped(ctx: Context) -> Plan:
    ended = ctx.draft.state == State.STOPPED or not ctx.draft.attempt or _ended_there(ctx)
    return stop.stopped(ctx, unconfirmed="" if ended else "the other cluster")


def _switched(ctx: Context, seen: DispatchView) -> Plan:
    """Switch the Workload off for a stop, and on for a resume."""
    active = not ctx.run.suspend
    action = PatchCustom(kind_of(ctx.run), seen.name, seen.uid, {"spec": {"active": active}})
    if active and not seen.reserved:
        _queued(ctx)
        return ctx.decided(action, wake_at=ctx.now + SOON)
    return Plan(actions=(action,), wake_at=ctx.now + SOON)


def _taken_back(ctx: Context, seen: DispatchView) -> Plan:
    """The step of a Workload with quota whose Run is to be stopped, or that Kueue has evicted."""
    if not seen.evicted:
        return _evicted(ctx, seen) if seen.active else Plan(wake_at=ctx.now + AGAIN)
    until = _ends_at(ctx, seen, seen.evicted)
    if until > ctx.now:
        return Plan(wake_at=until)
    if seen.active == ctx.run.suspend:
        return _switched(ctx, seen)
    return _given_back(ctx, seen, seen.evicted)


def _evicted(ctx: Context, seen: DispatchView) -> Plan:
    """Take the Workload back, with what Kueue itself changes at an eviction: no cluster is chosen any more, and its checks begin again."""
    now = stamp(ctx.now)
    evicted = {
        "type": "Evicted",
        "status": "True",
        "reason": SWITCHED_OFF,
        "message": "the Run is stopped",
        "lastTransitionTime": now,
    }
    checks = [
        {
            "name": one.get("name"),
            "state": "Pending",
            "message": "the Run was stopped",
            "lastTransitionTime": now,
        }
        for one in seen.checks
    ]
    others = [one for one in seen.conditions if one.get("type") != "Evicted"]
    body = {"status": {"conditions": [*others, evicted], "admissionChecks": checks, "clusterName": None}}
    return Plan(actions=(_of_status(ctx, seen, body),), wake_at=ctx.now + SOON)


def _ends_at(ctx: Context, seen: DispatchView, evicted: Fact) -> float:
    """The time until which something of an evicted Run may write in the other cluster, or until which it is looked at again."""
    since = evicted.since if evicted.since is not None else ctx.now
    if ctx.now < since + COPIED:
        return since + COPIED
    if _ended_there(ctx) or not (seen.may_run or ctx.draft.attempt):
        return ctx.now
    policy = ctx.run.policy
    return min(since + policy.termination_grace_period + policy.pod_termination_timeout, ctx.now + SOON)


def _given_back(ctx: Context, seen: DispatchView, evicted: Fact) -> Plan:
    """Give up the reservation: nothing of the Run can write in the other cluster any more, or nobody there has said so in time."""
    body = {"status": _without_quota(seen, evicted, stamp(ctx.now))}
    return Plan(actions=(_of_status(ctx, seen, body),), wake_at=ctx.now + SOON)


def _of_status(ctx: Context, seen: DispatchView, body: Mapping[str, Any]) -> PatchCustom:
    return PatchCustom(
        kind_of(ctx.run), seen.name, seen.uid, body, subresource="status", version=seen.resource_version
    )


def _ended_there(ctx: Context) -> bool:
    """Whether the copied status says that no pod can write: the queue there holds the Job, and its pods have ended."""
    status = ctx.run.status
    queued = conditions.find(status.get("conditions", ()), conditions.QUEUED) or {}
    is_held = queued.get("status") == "True" and queued.get("reason") == start.QUEUED
    return ctx.draft.state == State.STOPPED or (
        ctx.draft.state == State.PENDING and ctx.draft.attempt > 0 and is_held
    )


def _without_quota(seen: DispatchView, evicted: Fact, now: str) -> dict[str, Any]:
    """The status of the Workload without its reservation, as Kueue's own controllers of jobs write it."""
    requeued = evicted.reason in TAKEN_BACK
    wanted = {
        "QuotaReserved": ("False", "Pending", evicted.message),
        "Admitted": ("False", "NoReservation", "The workload has no reservation"),
        "Requeued": (str(requeued), evicted.reason, evicted.message),
    }
    found = {str(one.get("type")): one for one in seen.conditions}
    for kind, (status, reason, message) in wanted.items():
        old = found.get(kind, {})
        since = old.get("lastTransitionTime") if old.get("status") == status else now
        found[kind] = {
            "type": kind,
            "status": status,
            "reason": reason,
            "message": message,
            "lastTransitionTime": since,
        }
    return {"conditions": list(found.values()), "admission": None, "clusterName": None}


def _after_the_end(ctx: Context) -> Plan:
    """As of every Run, once MultiKueue copies nothing any more."""
    ended = parse(ctx.run.status.get("completionTime"))
    if ended is not None and ctx.now < ended + COPIED:
        return Plan(wake_at=ended + COPIED)
    return finish.after_the_end(ctx, *restored.marks(ctx))


def _over(ctx: Context, finished: Fact) -> Plan:
    """Kueue says that it is over. MultiKueue has copied the status before; the end may have come later than that."""
    since = finished.since if finished.since is not None else ctx.now
    if ctx.now < since + COPIED:
        return Plan(wake_at=since + COPIED)
    if finished.reason == "Succeeded":
        return finish.finished(ctx, JobOutcome("SUCCEEDED", "Completed", finished.message or "it completed"))
    if finished.reason == "OutOfSync":
        message = (
            f"Kueue in the other cluster found another Job than expected ({finished.message}): the operators of both clusters "
            "need the same version and settings, and the same Functions and profiles"
        )
        return finish.finished(ctx, JobOutcome("FAILED", "OutOfSync", message))
    return finish.finished(
        ctx, JobOutcome("FAILED", finished.reason or "Failed", finished.message or "it failed")
    )
