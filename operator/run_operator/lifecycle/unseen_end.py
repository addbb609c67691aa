"""How an attempt ended whose pod, or whose Job, is gone, and nobody saw it: the operator was away.

The Job counts a pod that was deleted as completed if its program saved its work and exited with 0, and as failed if not. The
kubelet's Event that it ended the program outlives the pod by an hour. Without one the Job is believed.

The verdict of a Job that was deleted is in an Event of its controller, for an hour too. It is known by the uid of the Job,
which the status keeps. Without one the Run goes on with the next attempt, as after every loss of its Job.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from run_operator.api.raw import parse, stamp
from run_operator.children import JobView
from run_operator.children.event_facts import (
    BACKOFF_LIMIT,
    COMPLETED,
    DEADLINE,
    KILLING,
    VERDICTS,
    Question,
    Said,
    about_ended_job,
    about_ended_pods,
)
from run_operator.children.interruption import POD_DELETED, Interruption, ended_by_itself
from run_operator.children.job_outcome import JobOutcome
from run_operator.children.termination import last_ending
from run_operator.lifecycle import continuation, deadlines, finish, program_end
from run_operator.lifecycle.context import Context
from run_operator.lifecycle.model import Plan
from run_operator.workloads.metadata import child_name

SLACK: Final = 60.0
"""Seconds beyond the grace period from the kubelet's Event to the Job's verdict: a busy controller takes its time."""


def finished(ctx: Context, job: JobView, seen: JobOutcome) -> Plan:
    """The end, unless an Event says that the program was asked to end: these Events are asked for first."""
    if (killed := _killed_before_verdict(ctx, job)) is not None:
        return continuation.interrupted(ctx, job, _interruption(killed))
    return replace(finish.finished(ctx, seen), ask=None if ctx.observed.said else about_ended_pods(job.name))


def was_asked(ctx: Context, job: JobView) -> bool:
    """Whether an Event says that the program was asked to end before the verdict."""
    return _killed_before_verdict(ctx, job) is not None


def about_lost_job(ctx: Context) -> Question | None:
    """The question about the current attempt's Job, which was there; None: its end is known, or is still to come."""
    uid = ctx.draft.last_attempt.get("jobUid")
    known = ctx.draft.ended or continuation.is_interrupted(ctx) or deadlines.recorded(ctx)
    if not uid or known or ctx.observed.live_pods:
        return None
    return about_ended_job(str(uid), child_name(ctx.run.name))


def finished_without_job(ctx: Context) -> Plan | None:
    """The end, where the controller of the Job that is gone said so; None: nobody did, or its program was asked to end."""
    verdict = min((one for one in ctx.observed.said if one.reason in VERDICTS), key=_ago, default=None)
    if verdict is None or ctx.observed.live_pods:
        return None
    decided = ctx.now - verdict.ago
    if verdict.reason != DEADLINE and _killed(ctx, decided) is not None:
        return None
    asked = any(one.reason == KILLING for one in ctx.observed.said)
    question = None if asked else about_ended_pods(child_name(ctx.run.name))
    return replace(finish.finished(ctx, _outcome(ctx, verdict, decided)), ask=question)


def _outcome(ctx: Context, verdict: Said, decided: float) -> JobOutcome:
    pod = program_end.recorded_pod(ctx)
    if verdict.reason == BACKOFF_LIMIT and pod is not None and ended_by_itself(pod):
        seen = last_ending([pod])
        if seen is not None and seen.exit_code:
            return program_end.failed(seen)
    gone = f"its Job reported this at {stamp(decided)} and was deleted; the operator did not see how its program ended"
    if verdict.reason == COMPLETED:
        return JobOutcome("SUCCEEDED", "CompletionsReached", f"completed: {gone}", finished_at=decided)
    return JobOutcome("FAILED", verdict.reason, f"{verdict.message}: {gone}", finished_at=decided)


def _ago(one: Said) -> float:
    return one.ago


def _killed_before_verdict(ctx: Context, job: JobView) -> float | None:
    verdict = job.condition("Complete") or job.condition("Failed")
    decided = parse(job.completion_time) or (parse(verdict.time) if verdict else None)
    return None if decided is None else _killed(ctx, decided)


def _killed(ctx: Context, decided: float) -> float | None:
    """When a kubelet was asked to end the last program of the Job: its Event came shortly before the verdict."""
    longest = ctx.run.policy.termination_grace_period + SLACK
    moments = [ctx.now - said.ago for said in ctx.observed.said if said.reason == KILLING]
    killed = max((at for at in moments if at <= decided + 1), default=None)
    return None if killed is None or decided - killed > longest else killed


def _interruption(killed: float) -> Interruption:
    message = (
        f"a pod of its Job was asked to end at {stamp(killed)} and is gone; the operator did not see how its program ended, so its work "
        "may be incomplete"
    )
    return Interruption(POD_DELETED, message, "", began=True, exit_code=None, finished_at=None)
