"""The beginning of an attempt: it is counted and stored, then its child is created. Raises WorkloadError."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from run_operator.api import conditions
from run_operator.api.conditions import State
from run_operator.api.raw import parse
from run_operator.children import DeploymentView, JobView, ServiceView, service_address
from run_operator.lifecycle import deadlines, finish, not_applied, resolution
from run_operator.lifecycle.context import Context, record_stop
from run_operator.lifecycle.model import (
    Action,
    CreateService,
    CreateWorkload,
    DeleteChild,
    PatchService,
    Plan,
    Refusal,
)
from run_operator.lifecycle.no_pod_left import COUNTED, is_counting
from run_operator.workloads.builder import build, child_kind
from run_operator.workloads.job import made_again
from run_operator.workloads.retries import retries_used
from run_operator.workloads.types import Workload

QUEUED: Final = "Queued"
ENDING: Final = "Ending"
HELD: Final = "Suspended"
CHILD_DELETED: Final = "ChildDeleted"
RETRIED: Final = "Retried"
"""Reason of an attempt whose program failed, and whose retry is the next attempt."""
STARTING: Final = "waiting for the pod to start"
REPORT_AFTER: Final = 10.0
"""Seconds until an ordinary reason of a pod that starts (its image is pulled) is written to the status."""


def next_attempt(ctx: Context, leftover: JobView | None = None) -> Plan:
    """Count the next attempt, then create its child; `leftover` is the child of an earlier one."""
    record_stop(ctx)  # one that was stopped and resumed before the stop was written has ended all the same
    if verdict := deadlines.used_up(ctx):
        return finish.impossible(ctx, verdict.reason, verdict.message)
    count(ctx)
    return create(ctx, leftover)


def count(ctx: Context) -> None:
    """Count the next attempt in the status; its child is created after that is stored. Raises WorkloadError."""
    resolution.require(ctx)
    draft = ctx.draft
    before = draft.last_attempt
    goes_on = before.get("interruptedBy") or before.get("reason") == RETRIED
    goes_on = bool(goes_on) and draft.state != State.STOPPED
    if not goes_on:
        draft.forget_interruptions()
    number = draft.begin_attempt(retries=retries_used(ctx.run.with_status(draft.current)) if goes_on else 0)
    draft.suspended_by("")
    if number > 1:
        draft.event("Resumed", f"Attempt {number} begins")
    if conditions.find(ctx.run.status.get("conditions", ()), conditions.SUSPENDED):
        draft.condition(
            conditions.SUSPENDED, status=False, reason="JobResumed", message=f"attempt {number} begins"
        )
    if ctx.run.queue and child_kind(ctx.run) == "Job":
        held(ctx)
        return
    draft.become(State.PENDING, STARTING)
    draft.condition(conditions.RUNNING, status=False, reason="Starting", message=STARTING)


def create(ctx: Context, leftover: JobView | None = None) -> Plan:
    """Create the child of the attempt that is counted already. Raises WorkloadError."""
    workload = prepare(ctx)
    if late := _late(ctx):
        made_again(workload.child, late)
    # A Job whose pod is refused (priority class, quota) causes no event.
    wake_at = min(ctx.now + REPORT_AFTER, deadlines.due(ctx) or math.inf)
    if leftover is None:
        return ctx.decided(*brought_up(ctx, workload.service), CreateWorkload(workload), wake_at=wake_at)
    if leftover.suspend and is_counting(ctx, leftover):
        return _await_count(ctx, leftover, min(wake_at, ctx.now + COUNTED))
    # Only as it was seen: one that was let go by hand meanwhile has pods again, which end before others begin.
    clear = DeleteChild(leftover.name, leftover.uid, version=leftover.resource_version)
    return ctx.decided(clear, CreateWorkload(workload), wake_at=wake_at)


def _late(ctx: Context) -> int:
    """Seconds since the attempt began, if it had a Job already: its deadline goes on, and does not begin again."""
    began = parse(ctx.draft.current.get("startTime"))
    if began is None or not ctx.draft.last_attempt.get("jobUid"):
        return 0
    return max(0, int(ctx.now - began))


def _await_count(ctx: Context, leftover: JobView, wake_at: float) -> Plan:
    """Wait for the Job controller, and report it if that takes long: the controller may be down."""
    began = parse(ctx.draft.current.get("startTime"))
    if began is not None and ctx.now >= began + REPORT_AFTER:
        message = (
            f"waiting until kube-controller-manager has counted the ended pods of Job {leftover.name} of attempt {leftover.attempt}; "
            "then the next Job is created"
        )
        ctx.draft.become(State.PENDING, message)
        ctx.draft.condition(conditions.RUNNING, status=False, reason="Starting", message=message)
    return ctx.decided(wake_at=wake_at)


def prepare(ctx: Context) -> Workload:
    """Build the workload of the attempt that is counted already, and report fields without effect. Raises WorkloadError."""
    resolution.record(ctx)
    workload = build(ctx.run.with_status(ctx.draft.current), ctx.draft.attempt, ctx.options)
    ctx.draft.events += not_applied.events(ctx, workload)
    return workload


def brought_up(ctx: Context, wanted: Mapping[str, Any] | None) -> list[Action]:
    """Actions that create or change the Service before an attempt's pods; None: the document names no ports."""
    name = wanted["metadata"]["name"] if wanted else ""
    actions: list[Action] = [
        DeleteChild(old.name, old.uid, "Service") for old in ctx.observed.services if old.name != name
    ]
    found = named(ctx, name)
    if wanted is None:
        ctx.draft.service(None)
    elif found is None:
        actions.append(CreateService(wanted))
    elif service_address.differs(found, wanted):
        actions.append(PatchService(found.uid, wanted))
    return actions


def named(ctx: Context, name: str) -> ServiceView | None:
    """The Service of that name, unless it is being deleted."""
    return next((s for s in ctx.observed.services if s.name == name and not s.facts.deleting), None)


def held(ctx: Context, *, ending: bool = False) -> Plan:
    """The Run waits because its Job is suspended and the Run is not: a queue holds the Job. Deadlines do not count.

    `ending`: its pods can still write, and the condition says so.
    """
    draft, queue = ctx.draft, ctx.run.queue
    if queue:
        reason, message = QUEUED, waiting_text(queue)
        if ending:
            reason, message = ENDING, f"queue {queue} took the Job back, and its pods are ending"
        draft.condition(conditions.QUEUED, status=True, reason=reason, message=message)
    else:
        reason = HELD
        message = "another client suspended its Job; to continue, set spec.suspend of the Job to false"
    if draft.state == State.RUNNING:
        draft.event(reason, message)
    draft.become(State.PENDING, message)
    draft.condition(conditions.RUNNING, status=False, reason=reason, message=message)
    draft.suspended_by("Queue" if queue else "Other")
    draft.pause()
    return ctx.decided(wake_at=deadlines.due(ctx))


def admitted(ctx: Context) -> None:
    """Report that no queue holds the Job back."""
    draft = ctx.draft
    draft.unpause()
    draft.suspended_by("")
    if conditions.is_true(draft.current.get("conditions", ()), conditions.QUEUED):
        message = f"admitted by queue {ctx.run.queue}"
        draft.condition(conditions.QUEUED, status=False, reason="Admitted", message=message)


def waiting_text(queue: str) -> str:
    """The message of a Run in a queue."""
    return f"waiting in queue {queue}"


def adopt(ctx: Context, child: JobView | DeploymentView) -> None:
    """Take over the attempt of this child, which the status does not have: its Job came first, or the status was lost."""
    if isinstance(child, JobView) and not child.suspend:
        _adopt(ctx, child.attempt, parse(child.created) or ctx.now)
    else:
        _adopt(ctx, child.attempt, None)


def adopt_pods(ctx: Context) -> Context:
    """The same when the Job is already deleted and only its pods are left."""
    pods = [pod for pod in ctx.observed.live_pods if pod.attempt > ctx.draft.attempt]
    if pods:
        last = max(pods, key=lambda pod: pod.attempt)
        _adopt(ctx, last.attempt, parse(last.created) or ctx.now)
    return ctx


def _adopt(ctx: Context, attempt: int, began: float | None) -> None:
    ctx.draft.adopt(attempt, began)
    if began is not None and ctx.draft.state == State.CREATED:
        ctx.draft.become(State.PENDING, STARTING, at=began)
        ctx.draft.condition(conditions.RUNNING, status=False, reason="Starting", message=STARTING)


def record_loss(ctx: Context) -> None:
    """Record that the child is gone although nobody stopped the Run; the next attempt creates another one."""
    message = f"the {child_kind(ctx.run)} of attempt {ctx.draft.attempt} was deleted; set spec.suspend to stop a Run"
    ctx.draft.end_attempt(CHILD_DELETED, message, None, None, ctx.now)
    ctx.draft.event(CHILD_DELETED, message, warning=True)


def refused(ctx: Context, refusal: Refusal) -> Plan:
    """Report that the API server refused the child: for good, or for now (quota, policy)."""
    serving = ctx.observed.deployment is not None and ctx.observed.deployment.replicas > 0
    if refusal.final and not serving:  # with pods that go on running it cannot be the end
        if ctx.draft.attempt == 1 and not ctx.has_child:
            ctx.draft.forget_attempts()
        return finish.impossible(ctx, refusal.reason, refusal.message)
    draft, message = ctx.draft, refusal.message
    if not draft.attempt:
        draft.begin_attempt()
    said = str(ctx.run.status.get("message") or "")
    if _words(said) == _words(message):
        message = said  # a quota's numbers change with what others do: a write each time would never end
    else:
        draft.event(refusal.reason, message, warning=True)
    draft.become(State.PENDING, message)
    draft.condition(conditions.RUNNING, status=False, reason=refusal.reason, message=message)
    return ctx.decided(wake_at=deadlines.due(ctx))


def _words(message: str) -> str:
    """The words of a message, without numbers."""
    return re.sub(r"\d+", "", message)
