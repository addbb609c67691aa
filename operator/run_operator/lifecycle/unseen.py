"""The verdict of a Job whose pod is gone, and nobody saw how its program ended: the operator was away.

The Job counts a pod that was deleted as completed if its program saved its work and exited with 0, and as failed if not. The
kubelet's Event that it ended the program outlives the pod by an hour. Without one the Job is believed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from run_operator.api.raw import parse, stamp
from run_operator.children import JobView
from run_operator.children.interruption import POD_DELETED, Interruption
from run_operator.children.job_outcome import JobOutcome
from run_operator.children.kubelet_events import about_ended_pods
from run_operator.lifecycle import continuation, finish
from run_operator.lifecycle.context import Context
from run_operator.lifecycle.model import Plan

SLACK: Final = 60.0
"""Seconds beyond the grace period from the kubelet's Event to the Job's verdict: a busy controller takes its time."""


def finished(ctx: Context, job: JobView, seen: JobOutcome) -> Plan:
    """The end, unless an Event says that the program was asked to end: these Events are asked for first."""
    if cut := _interruption(ctx, job):
        return continuation.interrupted(ctx, job, cut)
    return replace(finish.finished(ctx, seen), ask=None if ctx.observed.said else about_ended_pods(job))


def _interruption(ctx: Context, job: JobView) -> Interruption | None:
    """The Event has to be one about the last pod of the Job: it came shortly before the verdict."""
    verdict = job.condition("Complete") or job.condition("Failed")
    decided = parse(job.completion_time) or (parse(verdict.time) if verdict else None)
    if decided is None:
        return None
    longest = ctx.run.policy.termination_grace_period + SLACK
    moments = [ctx.now - said.ago for said in ctx.observed.said]
    killed = max((at for at in moments if at <= decided + 1), default=None)
    if killed is None or decided - killed > longest:
        return None
    message = (
        f"a pod of its Job was asked to end at {stamp(killed)} and is gone; nobody saw how its program ended, so its work "
        "may not be done"
    )
    return Interruption(POD_DELETED, message, "", began=True, exit_code=None, finished_at=None)
