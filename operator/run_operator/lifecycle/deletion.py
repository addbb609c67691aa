"""The Job or Deployment of a Run is being deleted by somebody: nothing begins until it is gone.

`--cascade=foreground` makes it wait for its pods, a finalizer for its owner. The Run's message says so, and the
silent, and deadlines hold meanwhile.
"""

from __future__ import annotations

from typing import Final

from run_operator.api import conditions
from run_operator.api.conditions import State
from run_operator.api.raw import parse
from run_operator.children import DeploymentView, JobView
from run_operator.lifecycle import deadlines, finish, orphans, stop
from run_operator.lifecycle.context import Context
from run_operator.lifecycle.model import Plan
from run_operator.lifecycle.start import CHILD_DELETED as REASON
from run_operator.workloads.builder import child_kind

AGAIN: Final = 300.0
"""Seconds until the Run is looked at again."""


def awaited(ctx: Context, child: JobView | DeploymentView) -> Plan:
    """Report what the child waits for, and end pods that nobody else ends. The next attempt follows when it is gone."""
    if verdict := deadlines.recorded(ctx) or deadlines.expired(ctx):
        return finish.give_up(ctx, verdict)
    if ctx.draft.state == State.STOP:
        return stop.await_pods(ctx)
    draft = ctx.draft
    message = f"its {child_kind(ctx.run)} {child.name} is being deleted; {_what(ctx, child)}"
    known = conditions.find(draft.current.get("conditions", ()), conditions.RUNNING) or {}
    if known.get("message") != message:
        draft.event(REASON, message, warning=True)
    draft.become(draft.state, message)
    draft.condition(conditions.RUNNING, status=False, reason=REASON, message=message)
    since = parse(known.get("lastTransitionTime")) if known.get("reason") == REASON else None
    # A finalizer that holds the child keeps the garbage collector from its pods as well.
    ends = orphans.ends(ctx) if since is not None and ctx.now >= since + orphans.GRACE else ()
    asked_at = None if ends or not _unasked(ctx) else (since or ctx.now) + orphans.GRACE
    moments = [at for at in (ctx.next_loss, deadlines.due(ctx), asked_at, ctx.now + AGAIN) if at is not None]
    return ctx.decided(*ends, wake_at=min(moments))


def unconfirmed(ctx: Context) -> Plan | None:
    """The Job was deleted, and its pod on a dead node may still write: a person has to decide what happens."""
    waits = (
        ctx.lost
        and not ctx.run.suspend
        and child_kind(ctx.run) == "Job"
        and ctx.draft.state != State.STOPPED
        and ctx.draft.last_attempt.get("reason") == REASON
    )
    if not waits:
        return None
    stop.ending(ctx, f"its Job was deleted; {_lost(ctx)}", again=True)
    return ctx.decided()


def _unasked(ctx: Context) -> bool:
    return any(not pod.facts.deleting for pod in ctx.writers)


def _what(ctx: Context, child: JobView | DeploymentView) -> str:
    if ctx.writers:
        pod = min(ctx.writers, key=lambda one: one.name)
        return f"waiting for pod {pod.name} on node {pod.facts.node or '?'} to end"
    if ctx.lost:
        return _lost(ctx)
    kind = child_kind(ctx.run).lower()
    return f"if it is not deleted, a finalizer keeps it: kubectl get {kind} {child.name} -o yaml shows which"


def _lost(ctx: Context) -> str:
    pod = ctx.lost[0]
    return (
        f"pod {pod.name} on node {pod.facts.node or '?'} has not confirmed its end within "
        f"{ctx.run.policy.pod_termination_timeout} s: the node may be dead. Delete the Node if it is gone for good, or stop "
        "and resume the Run if the pod surely does not write any more"
    )
