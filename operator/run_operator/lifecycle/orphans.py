"""Pods whose Job or Deployment was deleted without them: nobody else ends them, so the operator does.

They are ended by uid. A pod that only carries the Run's label is ended too, for nothing may begin beside it; how it ended
says nothing about the Run. So a forged label costs its author their own pod.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from run_operator.api import conditions
from run_operator.api.conditions import State
from run_operator.lifecycle import stop
from run_operator.lifecycle.context import Context
from run_operator.lifecycle.model import Action, DeletePod, DeleteReplicaSet, Plan, Refusal

GRACE: Final = 5.0
"""Seconds for the garbage collector, which deletes the pods of a child that was deleted in the usual way."""
AGAIN: Final = 60.0
"""Seconds until it is looked again whether a ReplicaSet is still another client's: it is not watched."""
REPLICA_SET: Final = "ReplicaSet"
ADOPTED: Final = "PodsAdopted"
"""Reason of a refusal to delete a ReplicaSet that another client controls by now."""


def await_pods(ctx: Context) -> Plan:
    """Wait for the pods that are left, and delete those that are not being deleted."""
    if ctx.writers and _is_adopted(ctx):
        return ctx.decided(*ends(ctx), wake_at=ctx.now + AGAIN)
    made = stop.await_pods(ctx)
    if not any(not pod.facts.deleting for pod in ctx.writers):
        return made
    at = ctx.state_since + GRACE
    if ctx.now < at:
        return replace(made, wake_at=at if made.wake_at is None else min(at, made.wake_at))
    pods = ", ".join(sorted(pod.name for pod in ctx.writers if not pod.facts.deleting)[:3])
    text = f"its Job or Deployment was deleted, but pod {pods} was not: the operator deletes it"
    ctx.draft.event("OrphanEnded", text, warning=True)
    return ctx.decided(*ends(ctx), wake_at=made.wake_at)


def adopted(ctx: Context, refusal: Refusal) -> Plan:
    """Report that the pods are another client's by now: a person has to end them, and nothing begins beside them."""
    if not _is_adopted(ctx):
        ctx.draft.event(ADOPTED, refusal.message, warning=True)
    stop.ending(ctx, refusal.message, again=True)
    ctx.draft.condition(conditions.RUNNING, status=False, reason=ADOPTED, message=refusal.message)
    return ctx.decided(wake_at=ctx.now + AGAIN)


def _is_adopted(ctx: Context) -> bool:
    known = conditions.find(ctx.draft.current.get("conditions", ()), conditions.RUNNING) or {}
    return ctx.draft.state == State.STOP and known.get("reason") == ADOPTED


def ends(ctx: Context) -> tuple[Action, ...]:
    """Delete the pods that are not being deleted, and their ReplicaSet, which would make other pods."""
    found: dict[Action, None] = {}
    for pod in ctx.writers:
        if pod.facts.deleting:
            continue
        if pod.controller.kind == REPLICA_SET:
            found[DeleteReplicaSet(pod.controller.name, pod.controller.uid)] = None
        else:
            found[DeletePod(pod.name, pod.uid)] = None
    return tuple(found)
