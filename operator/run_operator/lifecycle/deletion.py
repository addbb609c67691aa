"""Somebody deletes the Job or Deployment of a Run, and it is not gone yet: nothing begins until it is.

With `--cascade=foreground` it waits for its pods; with a finalizer of somebody else it waits for that one. Neither may be
silent, and deadlines hold meanwhile.
"""

from __future__ import annotations

from typing import Final

from run_operator.api import conditions
from run_operator.api.conditions import State
from run_operator.children import DeploymentView, JobView
from run_operator.lifecycle import deadlines, finish, stop
from run_operator.lifecycle.context import Context
from run_operator.lifecycle.model import Plan
from run_operator.workloads.builder import child_kind

REASON: Final = "ChildDeleted"
AGAIN: Final = 300.0
"""Seconds after which it is looked at again."""


def awaited(ctx: Context, child: JobView | DeploymentView) -> Plan:
    """What it waits for. The next attempt follows when the child is gone."""
    if verdict := deadlines.sealed(ctx) or deadlines.expired(ctx):
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
    moments = [at for at in (ctx.next_loss, deadlines.due(ctx), ctx.now + AGAIN) if at is not None]
    return ctx.decided(wake_at=min(moments))


def _what(ctx: Context, child: JobView | DeploymentView) -> str:
    if ctx.writers:
        pod = min(ctx.writers, key=lambda one: one.name)
        return f"waiting for pod {pod.name} on node {pod.facts.node or '?'} to end"
    if ctx.lost:
        pod = ctx.lost[0]
        return (
            f"pod {pod.name} on node {pod.facts.node or '?'} has not confirmed its end within "
            f"{ctx.run.policy.pod_termination_timeout} s: the node may be dead. Delete the Node if it is gone for good, or stop "
            "and resume the Run if the pod surely does not write any more"
        )
    kind = child_kind(ctx.run).lower()
    return f"if it stays, a finalizer holds it: kubectl get {kind} {child.name} -o yaml says which"
