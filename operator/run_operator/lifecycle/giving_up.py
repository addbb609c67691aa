"""Giving a Run up because a deadline is over: its pods end first, then it is an ERROR."""

from __future__ import annotations

from run_operator.lifecycle import finishing, settling
from run_operator.lifecycle.actions import Action, DeleteChild, Plan, ScaleChild
from run_operator.lifecycle.deadlines import Verdict
from run_operator.lifecycle.situation import Situation
from run_operator.resources import conditions
from run_operator.resources.states import State


def give_up(here: Situation, verdict: Verdict) -> Plan:
    """End whatever may still have pods; the verdict is kept in the Running condition until they are gone."""
    actions = _ends(here)
    deployment = here.observed.deployment
    counted = deployment is not None and deployment.busy(len(here.lost))
    if not actions and not here.writers and not counted:
        if (at := settling.until(here)) is not None:
            return Plan(wake_at=at)
        if not here.observed.fresh:
            # A pod made a moment ago may be there although no stream has told of it yet.
            return Plan(reread=True)
        return finishing.impossible(here, verdict.reason, verdict.message)
    here.draft.become(State.STOP, verdict.message)
    here.draft.condition(conditions.RUNNING, status=False, reason=verdict.reason, message=verdict.message)
    return here.decided(*actions, wake_at=here.next_loss)


def _ends(here: Situation) -> tuple[Action, ...]:
    job, deployment = here.observed.job, here.observed.deployment
    if job is not None and not job.deleting:
        return (DeleteChild(job.name, job.uid, version=job.resource_version),)
    if deployment is not None and deployment.replicas and not deployment.deleting:
        return (ScaleChild(deployment.name, deployment.uid, 0),)
    return ()
