"""Beginning an attempt: counted and stored first, then its child is created.

The first attempt of a job that needs nothing from elsewhere is the exception: its Job says all there is to store, so it
comes first and the status follows it, at RUNNING if that is soon.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Final

from run_operator.lifecycle import address, deadlines, finishing, queueing, resolving
from run_operator.lifecycle.actions import CreateWorkload, DeleteChild, Plan
from run_operator.lifecycle.evidence import record_stop
from run_operator.lifecycle.observed import Refusal
from run_operator.lifecycle.situation import Situation
from run_operator.resources import conditions
from run_operator.resources.states import State, state_of
from run_operator.resources.times import parse
from run_operator.workloads.build import build, child_kind
from run_operator.workloads.views import DeploymentView, JobView
from run_operator.workloads.workload import Workload

STARTING: Final = "waiting for the pod to start"
UNTOLD: Final = 1.0
"""Seconds after the Job's creation in which a new Run says nothing: its next event may well be RUNNING."""
PATIENCE: Final = 10.0
"""Seconds a pod may take to start before an ordinary reason (image being pulled...) is worth a status write."""


def next_attempt(here: Situation, leftover: JobView | None = None) -> Plan:
    """Count the next attempt, then create its child; `leftover` is the child of an earlier one."""
    end_last(here)
    if verdict := deadlines.used_up(here):
        return finishing.impossible(here, verdict.reason, verdict.message)
    count(here)
    plan = create(here, leftover)
    if leftover is None and _told_by_its_job(here):
        return replace(plan, status=None, wake_at=here.now + UNTOLD)
    return plan


def _told_by_its_job(here: Situation) -> bool:
    """Whether the Job alone is enough to find the attempt again: its number is 1, its document cannot change."""
    first = state_of(here.run.status.get("state")) == State.CREATED and here.draft.attempt == 1
    return first and child_kind(here.run) == "Job" and not here.run.queue and here.resolution.record is None


def adopt(here: Situation, child: JobView | DeploymentView) -> None:
    """The child is of an attempt that the status does not know: its Job came first, or the status was lost."""
    if isinstance(child, JobView) and not child.suspend:
        _adopt(here, child.attempt, parse(child.created) or here.now)
    else:
        _adopt(here, child.attempt, None)


def adopt_pods(here: Situation) -> None:
    """The same when the Job is gone again already and only its pods are left."""
    pods = [pod for pod in here.observed.live_pods if pod.attempt > here.draft.attempt]
    if pods:
        last = max(pods, key=lambda pod: pod.attempt)
        _adopt(here, last.attempt, parse(last.created) or here.now)


def _adopt(here: Situation, attempt: int, began: float | None) -> None:
    here.draft.adopt(attempt, began)
    if began is not None and here.draft.state == State.CREATED:
        here.draft.become(State.PENDING, STARTING, at=began)
        here.draft.condition(conditions.RUNNING, status=False, reason="Starting", message=STARTING)


def end_last(here: Situation) -> None:
    """An attempt that was stopped and resumed before the stop was told has ended all the same."""
    record_stop(here)


def count(here: Situation) -> None:
    """The next attempt begins; its child comes after this is stored. Raises WorkloadError."""
    resolving.require(here)
    draft = here.draft
    number = draft.begin_attempt()
    draft.suspended_by("")
    if number > 1:
        draft.event("Resumed", f"Attempt {number} begins")
    if conditions.find(here.run.status.get("conditions", ()), conditions.SUSPENDED):
        draft.condition(
            conditions.SUSPENDED, status=False, reason="JobResumed", message=f"attempt {number} begins"
        )
    if here.run.queue and child_kind(here.run) == "Job":
        queueing.held(here)
        return
    draft.become(State.PENDING, STARTING)
    draft.condition(conditions.RUNNING, status=False, reason="Starting", message=STARTING)


def create(here: Situation, leftover: JobView | None = None) -> Plan:
    """Create the child of the attempt that is counted already. Raises WorkloadError."""
    workload = prepare(here)
    # A Job whose pod is refused (priority class, quota) says nothing at all: nobody else would wake us.
    wake_at = min(here.now + PATIENCE, deadlines.due(here) or math.inf)
    if leftover is None:
        return here.decided(
            *address.brought_up(here, workload.service), CreateWorkload(workload), wake_at=wake_at
        )
    # Only as it was seen: one that was let go by hand meanwhile has pods again, which end before others begin.
    clear = DeleteChild(leftover.name, leftover.uid, version=leftover.resource_version)
    return here.decided(clear, CreateWorkload(workload), wake_at=wake_at)


def prepare(here: Situation) -> Workload:
    """The workload of the attempt that is counted already; says what of the document is not applied. Raises WorkloadError."""
    resolving.record(here)
    workload = build(here.run.with_status(here.draft.current), here.draft.attempt, here.options)
    for warning in (*here.resolution.warnings, *workload.warnings):
        here.draft.event("NotApplied", warning, warning=True)
    return workload


def record_loss(here: Situation) -> None:
    """The child of the attempt is gone though nobody stopped the Run: the next attempt will make it anew."""
    message = f"the {child_kind(here.run)} of attempt {here.draft.attempt} was deleted; set spec.suspend to stop a Run"
    here.draft.end_attempt("ChildDeleted", message, None, None, here.now)
    here.draft.event("ChildDeleted", message, warning=True)


def refused(here: Situation, refusal: Refusal) -> Plan:
    """The API server said no to the child: for good, or for now (quota, policy)."""
    if not here.draft.attempt:
        here.draft.begin_attempt()
    serving = here.observed.deployment is not None and here.observed.deployment.replicas > 0
    if refusal.final and not serving:  # with pods that go on running it cannot be the end
        return finishing.impossible(here, refusal.reason, refusal.message)
    draft, message = here.draft, refusal.message
    said = str(here.run.status.get("message") or "")
    if _words(said) == _words(message):
        message = said  # a quota's numbers change with what others do: a write each time would never end
    else:
        draft.event(refusal.reason, message, warning=True)
    draft.become(State.PENDING, message)
    draft.condition(conditions.RUNNING, status=False, reason=refusal.reason, message=message)
    return here.decided(wake_at=deadlines.due(here))


def _words(message: str) -> str:
    """The message without its numbers."""
    return re.sub(r"\d+", "", message)
