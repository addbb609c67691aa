"""A Job that its controller does not look at any more, though the controller works: it is removed, so that the Run goes on.

Before Kubernetes 1.37 the Job controller keeps by name what it expects of pods. It may wait for pods of an earlier Job of this
name; then it makes no pod of this one, and does not report that this one is suspended.

A controller that is down or slow has forgotten nothing. A Job that runs is removed only after its controller has looked at it,
and only where its Events can be read and name no reason: a quota, a policy or a queue that holds it would hold the next one too.
"""

from __future__ import annotations

from typing import Final

from run_operator.api import conditions
from run_operator.api.conditions import State
from run_operator.api.raw import parse
from run_operator.children import JobView
from run_operator.children.event_facts import FAILED_CREATE
from run_operator.lifecycle.context import Context
from run_operator.lifecycle.model import DeleteChild
from run_operator.lifecycle.no_pod_left import ended_uncounted

EVENT: Final = "JobForgotten"
NO_POD_FOR: Final = 120.0
"""Seconds until a Job counts as forgotten that its controller has looked at and that has no pod."""
SILENT: Final = 30.0
"""Seconds from the stop until a suspended Job without pods counts as forgotten that is not reported as suspended."""


def makes_no_pod(ctx: Context, job: JobView) -> bool:
    """Whether a Job that is not suspended may be forgotten; its Events decide, if they can be read."""
    facts = job.facts
    has_pod = any(pod.attempt == job.attempt for pod in ctx.witnesses) or job.busy() or facts.failed > 0
    if has_pod or facts.managed_elsewhere or ctx.draft.state != State.PENDING or refusal(ctx):
        return False
    # Its creation says nothing: a queue may have held it for days. Each of these clocks may be wrong; the latest counts.
    began = (parse(job.started), parse(ctx.draft.current.get("startTime")), ctx.state_since)
    moments = [at for at in began if at is not None]
    return len(moments) == len(began) and ctx.now >= max(moments) + NO_POD_FOR


def is_not_suspended(ctx: Context, job: JobView) -> bool:
    """Whether a Job that a stop suspended is forgotten. A pod that ended by itself and is not counted yet still gets its verdict."""
    answered = job.condition("Suspended") or job.decided or job.busy() or job.facts.managed_elsewhere
    if answered or ctx.observed.live_pods or ctx.draft.state != State.STOP:
        return False
    return ctx.now >= ctx.state_since + SILENT and not ended_uncounted(ctx, job)


def refusal(ctx: Context) -> str:
    """The message of an Event that the Job's pod was refused; empty: there was none. Its controller writes no Event for some of the later tries."""
    known = conditions.find(ctx.draft.current.get("conditions", ()), conditions.RUNNING) or {}
    return str(known.get("message") or "") if known.get("reason") == FAILED_CREATE else ""


def remove(ctx: Context, job: JobView, why: str) -> DeleteChild:
    """Delete the Job as it was seen, and report it."""
    ctx.draft.event(EVENT, f"Attempt {ctx.draft.attempt}: {why}", warning=True)
    return DeleteChild(job.name, job.uid, version=job.resource_version)
