"""The first attempt of a new Run. A Job that says all there is to store comes first; else the status is stored first."""

from __future__ import annotations

from typing import Final

from run_operator.api.conditions import State, state_of
from run_operator.lifecycle import not_applied, resolution, start
from run_operator.lifecycle.context import Context
from run_operator.lifecycle.model import CreateWorkload, Plan
from run_operator.workloads.builder import build, child_kind

QUIET: Final = 1.0
"""Seconds after the Job's creation in which a new Run writes nothing: its next event may well be RUNNING."""


def begin(ctx: Context) -> Plan:
    """The first step of a Run of which nothing was started (`Context.is_new`). Raises WorkloadError."""
    if _is_recorded_by_its_job(ctx):
        return _job_first(ctx)
    return start.next_attempt(not_applied.reported(ctx))


def _is_recorded_by_its_job(ctx: Context) -> bool:
    """Whether the Job alone is enough to find the attempt again: its number is 1, its document cannot change.

    A status that says more than CREATED has to be taken back first (`mending.py`).
    """
    is_untouched = state_of(ctx.run.status.get("state")) == State.CREATED
    needs_nothing = ctx.resolution.record is None and ctx.resolution.error is None
    return is_untouched and needs_nothing and child_kind(ctx.run) == "Job" and not ctx.run.queue


def _job_first(ctx: Context) -> Plan:
    """One write. The status follows the Job, with RUNNING if that is soon."""
    workload = build(ctx.run, 1, ctx.options)
    events = (*resolution.forgery(ctx, 1), *not_applied.events(ctx, workload))
    return Plan(actions=(CreateWorkload(workload),), events=events, wake_at=ctx.now + QUIET)
