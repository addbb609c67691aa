"""A service: a Deployment that goes up and down between nothing and the wanted number, at one address.

It has no end of its own: whatever its pods do, it is told and not torn down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from run_operator.lifecycle import address, deadlines, giving_up, running, starting, stopping
from run_operator.lifecycle.actions import (
    CreateService,
    Plan,
    RestartChild,
    ScaleChild,
)
from run_operator.lifecycle.situation import Situation
from run_operator.resources import conditions
from run_operator.resources.states import State
from run_operator.resources.times import parse
from run_operator.workloads import service
from run_operator.workloads.deployment import replicas
from run_operator.workloads.digest import digest
from run_operator.workloads.errors import WorkloadError
from run_operator.workloads.events import answer
from run_operator.workloads.observe import Observation
from run_operator.workloads.readiness import Readiness, read
from run_operator.workloads.summary import summaries
from run_operator.workloads.views import DeploymentView, ServiceView

DEGRADED: Final = "Degraded"
DEGRADED_AFTER: Final = 30.0
"""Seconds after which a missing replica of a service that still answers is told, and its return too."""
STEADY: Final = 10.0
"""Seconds a restarted pod has to run before it counts, and a service may take to answer again before it is told."""
STEADIEST: Final = 300.0
FLIPS: Final = 4
"""Changes of state within MEMORY seconds of one attempt; what comes after them has to be ever steadier."""
MEMORY: Final = 600.0


def with_deployment(here: Situation, deployment: DeploymentView) -> Plan:
    """The Deployment is there: up, down, or on its way."""
    here.draft.pods(summaries(here.observed.pods))
    if verdict := deadlines.sealed(here):
        return giving_up.give_up(here, verdict)
    lost = (
        here.draft.state == State.CREATED and not deployment.replicas
    )  # the status of a stop that was begun
    halted = lost or here.draft.state in (State.STOP, State.STOPPED)
    if here.run.suspend or halted or deployment.attempt != here.draft.attempt:
        return _down(here, deployment)
    return _up(here, deployment)


def _down(here: Situation, deployment: DeploymentView) -> Plan:
    """To no pods at all, and from there up again if that is the wish."""
    if deployment.replicas:
        stopping.ending(here, "asked the Deployment to end its pods")
        return here.decided(ScaleChild(deployment.name, deployment.uid, 0))
    if here.writers or deployment.busy(len(here.lost)):
        return stopping.await_pods(here)
    if here.draft.state != State.STOPPED and not here.observed.fresh:
        return Plan(reread=True)  # not every cluster's Deployments count pods that end: a stream may be late
    if here.run.suspend:
        return stopping.stopped(here)
    if here.draft.state != State.PENDING:
        starting.end_last(here)
        starting.count(here)
    workload = starting.prepare(here)
    return here.decided(
        *address.brought_up(here, workload.service), RestartChild(deployment.name, deployment.uid, workload)
    )


def _up(here: Situation, deployment: DeploymentView) -> Plan:
    wanted = _wanted(here, deployment)
    if deployment.facts.digest != digest(here.run.spec):
        here.draft.event(
            "NotApplied",
            "an edit made while the service runs, of more than its replicas, counts from the next attempt: "
            "stop and resume the Run to apply it",
            warning=True,
        )
        found = next((one for one in here.observed.services if not one.facts.deleting), None)
    else:
        named = service.ports(here.run.spec)
        found = address.named(here, service.service_name(here.run)) if named else None
        if named and found is None:
            return _address_lost(here, service.service(here.run, named))
    scale = (ScaleChild(deployment.name, deployment.uid, wanted),) if deployment.replicas != wanted else ()
    steady = _steady(here)
    seen = read(deployment, here.observed.pods, here.now, steady)
    if here.draft.state == State.RUNNING:
        gone_at = seen.changed_at + steady
        if not seen.ready and not seen.stuck and here.now < gone_at:
            return here.decided(*scale, wake_at=gone_at)
        serves = seen.ready > 0
    else:
        serves = seen.settled >= wanted
    if not serves:
        if verdict := deadlines.expired(here):
            return giving_up.give_up(here, verdict)
        return running.waiting(
            here,
            Observation("PENDING", seen.reason, seen.message, ask=seen.ask),
            *scale,
            wake_at=_earliest(seen.settles_at, deadlines.due(here)),
        )
    if found:
        here.draft.service(service.summary(found))
    made = here.decided(*scale, wake_at=_serving(here, seen, wanted, found))
    told = any(event.reason == DEGRADED for event in made.events)  # its words are chosen now, and stay
    return replace(made, ask=seen.ask) if told and not here.observed.said else made


def _wanted(here: Situation, deployment: DeploymentView) -> int:
    """How many pods the document asks for; as many as there are to be now, where an edit asks for what cannot be."""
    try:
        return replicas(here.run.spec)
    except WorkloadError as error:
        here.draft.event(error.reason, f"not applied: {error}", warning=True)
        return deployment.replicas


def _address_lost(here: Situation, wanted: Mapping[str, Any]) -> Plan:
    """The address is not there: first look again, then make it anew; the rest follows when it is back."""
    if not here.observed.fresh:
        return Plan(reread=True)
    if here.draft.has_service:
        name = wanted["metadata"]["name"]
        here.draft.event(
            "ServiceDeleted",
            f"Service {name} was deleted: it is made anew, with another address",
            warning=True,
        )
    return here.decided(CreateService(wanted))


def _serving(here: Situation, seen: Readiness, wanted: int, there: ServiceView | None) -> float | None:
    """RUNNING, with all replicas or with some; returns when to look again."""
    draft = here.draft
    entering = draft.state != State.RUNNING
    known = conditions.find(here.run.status.get("conditions", ()), conditions.RUNNING) or {}
    reason = "Ready" if entering or seen.ready >= wanted else DEGRADED
    if reason != known.get("reason") and not entering and here.now < seen.changed_at + DEGRADED_AFTER:
        return seen.changed_at + DEGRADED_AFTER  # it may not last
    message = f"{wanted} replica{'s' if wanted > 1 else ''} ready"
    if reason == DEGRADED:
        # The words stay while it lasts: kubectl get deployment has the numbers of the moment.
        told = answer(seen.ask, here.observed.said) if seen.ask else None
        message = f"fewer than {wanted} replicas ready: {told.message if told else seen.message}"
        if known.get("reason") == DEGRADED:
            message = str(known.get("message"))
        else:
            draft.event(DEGRADED, message, warning=True)
    elif there:
        message += f" at {service.summary(there)['url']}"
    if entering:
        draft.event("Started", f"Attempt {draft.attempt}: {message}")
    draft.become(State.RUNNING, message)
    draft.condition(conditions.RUNNING, status=True, reason=reason, message=message)
    return None


def _earliest(*moments: float | None) -> float | None:
    return min((at for at in moments if at is not None), default=None)


def _steady(here: Situation) -> float:
    """How long things have to stay as they are before they count: the longer the more often they changed lately."""
    since = max(parse(here.run.status.get("startTime")) or 0.0, here.now - MEMORY)
    times = (parse(entry.get("time")) or 0.0 for entry in here.run.status.get("transitions", ()))
    flips = sum(time >= since for time in times)
    return float(min(STEADIEST, STEADY * 2 ** max(0, flips - FLIPS)))
