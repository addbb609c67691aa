"""The first attempt of a new Run. Its Job is created first where it records all there is to store; else the status is."""

from __future__ import annotations

from typing import Final

from run_operator.api.conditions import State, state_of
from run_operator.lifecycle import not_applied, resolution, start
from run_operator.lifecycle.context import Context
from run_operator.lifecycle.model import CreateWorkload, Plan
from run_operator.workloads.builder import build, child_kind

QUIET: Final = 1.0
"""Seconds after the Job's creation in which no status is written: the next event may be RUNNING."""


def begin(ctx: Context) -> Plan:
    """The first step of a new Run (`Context.is_new`). Raises WorkloadError."""
    if _is_recorded_by_its_job(ctx):
        return _job_first(ctx)
    return start.next_attempt(not_applied.reported(ctx))


def _is_recorded_by_its_job(ctx: Context) -> bool:
    """Whether the attempt can be found again from its Job alone: its number is 1, and its document cannot change.

    A status that says more than CREATED has to be taken back first (`invalid_document.py`).
    """
    is_untouched = state_of(ctx.run.status.get("state")) == State.CREATED
    needs_nothing = ctx.resolution.record is None and ctx.resolution.error is None
    return is_untouched and needs_nothing and child_kind(ctx.run) == "Job" and not ctx.run.queue


def _job_first(ctx: Context) -> Plan:
    """Create the Job, with one write. The status is written later, with RUNNING if that comes soon."""
    workload = build(ctx.run, 1, ctx.options)
    events = (*resolution.forgery(ctx, 1), *not_applied.events(ctx, workload))
    return Plan(actions=(CreateWorkload(workload),), events=events, wake_at=ctx.now + QUIET)
