"""The retry of a failed program that its Job does not make: what was left of the pod was disrupted, and the Job failed for that."""

from __future__ import annotations

from run_operator.children import JobView
from run_operator.children.job_outcome import POLICY, JobOutcome
from run_operator.lifecycle import start
from run_operator.lifecycle.context import Context
from run_operator.lifecycle.model import Plan
from run_operator.workloads.retries import retries_left, retries_used


def is_left(ctx: Context, job: JobView, seen: JobOutcome) -> bool:
    """Whether the program failed by itself before its pod was disrupted, and may begin again."""
    failed = job.condition("Failed")
    disrupted = failed is not None and failed.reason == POLICY
    return disrupted and bool(seen.exit_code) and _failures(job) <= retries_left(ctx.run)


def begin(ctx: Context, job: JobView, seen: JobOutcome) -> Plan:
    """Count the failure, and begin the retry as the next attempt: the Job makes no pod any more."""
    if not ctx.observed.fresh:
        return Plan(reread=True)
    draft = ctx.draft
    message = f"{seen.message}; then its pod was disrupted, so the retry is the next attempt"
    draft.event(start.RETRIED, f"Attempt {draft.attempt}: {message}", warning=True)
    draft.retried(retries_used(ctx.run) + _failures(job))
    ended = ctx.now if seen.finished_at is None else min(seen.finished_at, ctx.now)
    draft.end_attempt(start.RETRIED, message, seen.exit_code, seen.pod_name, ended)
    return start.next_attempt(ctx, leftover=job)


def _failures(job: JobView) -> int:
    """Failed pods of the Job, the one included that it may not have counted yet."""
    return max(1, job.facts.failed)
