"""The program has ended and its Job does not report it: another container keeps the pod, or made it fail.

The program's own exit code decides. The outcome is recorded first, then the pod is deleted, then the Run ends.
"""

from __future__ import annotations

from typing import Final

from run_operator.api import conditions
from run_operator.api.conditions import State
from run_operator.api.raw import parse
from run_operator.children import JobView, PodView
from run_operator.children.common import SKEW
from run_operator.children.event_facts import BACKOFF_LIMIT
from run_operator.children.interruption import did_its_work, ended_by_itself
from run_operator.children.job_outcome import MAX_MESSAGE, JobOutcome
from run_operator.children.termination import Termination, last_ending
from run_operator.lifecycle import finish
from run_operator.lifecycle.context import Context
from run_operator.lifecycle.model import Action, DeleteChild, DeletePod, Plan
from run_operator.workloads.retries import retries_left

ENDED: Final = "ProgramEnded"
"""Reason of Running=False while the rest of the pod is being ended."""
KEPT: Final = "PodKeptRunning"
GRACE: Final = 10.0
"""Seconds for the other containers to end by themselves after the program's end."""
CONTROLLER: Final = 60.0
"""Seconds after which the message says that the Job has not counted its ended pod."""
AGAIN: Final = 300.0


def ended(ctx: Context, job: JobView, seen: JobOutcome) -> Plan:
    """The step after the program's end, when the Job does not lead to it."""
    finished = ctx.now if seen.finished_at is None else min(seen.finished_at, ctx.now)
    is_ahead = seen.finished_at is not None and seen.finished_at > ctx.now + SKEW
    if not seen.kept_by and not seen.overruled:
        return _await_verdict(ctx, finished, seen)
    grace = 0.0 if seen.overruled or ctx.run.suspend or is_ahead else GRACE
    if grace and seen.sidecars_only:  # the kubelet ends these itself, within the pod's own grace period
        grace += ctx.run.policy.termination_grace_period
    if ctx.now < finished + grace:
        return Plan(wake_at=finished + grace)
    if seen.exit_code and job.facts.failed < retries_left(ctx.run):
        return _retry(ctx, seen)
    return _decide(ctx, job, seen, finished)


def is_over(ctx: Context, job: JobView, seen: JobOutcome) -> bool:
    """Whether the program has ended and only its pod is left, so that a stop is too late."""
    kept = seen.progress == "ENDING" and bool(seen.kept_by or seen.overruled)
    return kept and (not seen.exit_code or job.facts.failed >= retries_left(ctx.run))


def without_job(ctx: Context) -> Plan | None:
    """The step when the Job was deleted after the program had ended by itself: no other attempt begins.

    A failure is the end only without a retry: the Job's count of failures is gone with it.
    """
    newest = recorded_pod(ctx)
    if newest is None or ctx.writers or ctx.draft.state in (State.CREATED, State.STOPPED):
        return None
    found = last_ending([newest])
    if found is not None and did_its_work(newest):
        return finish.finished(ctx, _succeeded(found))
    if found is not None and found.exit_code and ended_by_itself(newest) and not retries_left(ctx.run):
        # The streams may not have reported its Job yet.
        return finish.finished(ctx, failed(found)) if ctx.observed.fresh else Plan(reread=True)
    return None


def recorded_pod(ctx: Context) -> PodView | None:
    """The newest pod of the current attempt, whose Job is gone, if the pod has ended and the attempt's end is not recorded."""
    mine = [p for p in ctx.witnesses if p.attempt == ctx.draft.attempt and p.controller.kind == "Job"]
    newest = max(mine, key=lambda pod: (pod.created, pod.name), default=None)
    # Its owner is gone and proves nothing any more: it has to be a pod that was recorded while the Job was there.
    recorded = {pod.get("name") for pod in ctx.run.status.get("pods", ())}
    if newest is None or newest.name not in recorded or newest.live or ctx.draft.ended:
        return None
    return newest


def _succeeded(found: Termination) -> JobOutcome:
    began, at = found.started_at, found.finished_at
    took = f" after {max(0.0, at - began):.0f} s" if began is not None and at is not None else ""
    return JobOutcome(
        "SUCCEEDED",
        "CompletionsReached",
        f"exited with code 0{took} (pod {found.pod})",
        exit_code=0,
        pod_name=found.pod,
        started_at=began,
        finished_at=at,
    )


def failed(found: Termination) -> JobOutcome:
    """The outcome of a program that failed by itself and is not started again."""
    return JobOutcome(
        "FAILED",
        found.reason or BACKOFF_LIMIT,
        found.message[:MAX_MESSAGE],
        exit_code=found.exit_code,
        pod_name=found.pod,
        started_at=found.started_at,
        finished_at=found.finished_at,
    )


def is_decided(ctx: Context) -> bool:
    """Whether the outcome of the current attempt is recorded while its pod is being ended."""
    known = conditions.find(ctx.draft.current.get("conditions", ()), conditions.RUNNING) or {}
    return known.get("reason") == ENDED and ctx.draft.ended


def end(ctx: Context) -> Plan:
    """End what is left of the pod, then the Run."""
    job = ctx.observed.job
    if job is not None and not job.deleting:
        return ctx.decided(DeleteChild(job.name, job.uid), wake_at=ctx.next_loss)
    if ctx.writers:
        return ctx.decided(*_undeleted(ctx), wake_at=ctx.next_loss)
    if not ctx.observed.fresh:
        return Plan(reread=True)
    entry = ctx.draft.last_attempt
    code, at = entry.get("exitCode"), parse(entry.get("endTime"))
    seen = JobOutcome(
        "FAILED" if code else "SUCCEEDED",
        str(entry.get("reason")),
        str(entry.get("message")) + finish.unconfirmed(ctx),
        exit_code=code,
        pod_name=entry.get("podName"),
        finished_at=at,
    )
    return finish.finished(ctx, seen)


def _await_verdict(ctx: Context, finished: float, seen: JobOutcome) -> Plan:
    """Wait for the Job's verdict, which comes with an event; report it when the verdict does not come."""
    if ctx.now < finished + CONTROLLER:
        return Plan(wake_at=finished + CONTROLLER)
    message = f"{seen.message}; the Job controller has not updated the Job yet"
    ctx.draft.become(ctx.draft.state, message)
    return ctx.decided(wake_at=ctx.now + AGAIN)


def _retry(ctx: Context, seen: JobOutcome) -> Plan:
    """Delete the pod: then the Job counts the failure and begins again."""
    pod = next((p for p in ctx.observed.live_pods if p.name == seen.pod_name), None)
    if pod is None or pod.facts.deleting:
        return ctx.decided(wake_at=ctx.next_loss or ctx.now + AGAIN)
    message = f"{seen.message}; {_keepers(seen)} keeps the pod running: the operator deletes the pod, and the Job creates another one"
    ctx.draft.event(KEPT, message, warning=True)
    ctx.draft.become(ctx.draft.state, message)
    return ctx.decided(DeletePod(pod.name, pod.uid), wake_at=ctx.now + AGAIN)


def _decide(ctx: Context, job: JobView, seen: JobOutcome, finished: float) -> Plan:
    draft = ctx.draft
    good = not seen.exit_code
    message = seen.message
    if good and seen.started_at is not None:
        took = max(0.0, finished - seen.started_at)
        message = f"exited with code 0 after {took:.0f} s (pod {seen.pod_name})"
    if draft.state != State.RUNNING:
        draft.event("Started", f"Attempt {draft.attempt}: pod {seen.pod_name} ran")
        draft.become(State.RUNNING, "", at=seen.started_at)
    known = "" if seen.reason == "Ending" else seen.reason
    reason = "CompletionsReached" if good else known or BACKOFF_LIMIT
    draft.end_attempt(reason, message, seen.exit_code, seen.pod_name, finished)
    if seen.kept_by:
        message = f"{message}; {_keepers(seen)} keeps the pod running: the operator deletes the pod"
        draft.event(KEPT, message, warning=True)
    draft.become(State.RUNNING, message)
    draft.condition(conditions.RUNNING, status=False, reason=ENDED, message=message)
    return ctx.decided(DeleteChild(job.name, job.uid, version=job.resource_version), wake_at=ctx.next_loss)


def _keepers(seen: JobOutcome) -> str:
    return f"container {', '.join(seen.kept_by[:3])}"


def _undeleted(ctx: Context) -> tuple[Action, ...]:
    """Pods that are left although their Job was deleted."""
    return tuple(DeletePod(pod.name, pod.uid) for pod in ctx.writers if not pod.facts.deleting)
