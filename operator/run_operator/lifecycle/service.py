"""The steps of a service: a Deployment that is scaled between 0 and the number of replicas, behind one Service.

A service has no end of its own: failures of its pods are reported, and the Deployment stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from run_operator.api import conditions
from run_operator.api.conditions import DEGRADED, State
from run_operator.api.constants import LABEL_RUN_UID
from run_operator.api.raw import parse
from run_operator.children import DeploymentView, ServiceView, service_address
from run_operator.children.event_facts import answer
from run_operator.children.job_outcome import JobOutcome
from run_operator.children.pod_summary import summaries
from run_operator.children.service_readiness import Readiness, read
from run_operator.lifecycle import deadlines, finish, run_phase, start, stop
from run_operator.lifecycle.context import Context, record_stop
from run_operator.lifecycle.model import CreateService, Plan, RestartChild, ScaleChild
from run_operator.lifecycle.orphans import REPLICA_SET
from run_operator.workloads import service
from run_operator.workloads.builder import builder
from run_operator.workloads.deployment import digest, replicas
from run_operator.workloads.fields import WorkloadError

DEGRADED_AFTER: Final = 30.0
"""Seconds after which a missing replica of a service that still answers is reported; the same for its return."""
STEADY: Final = 10.0
"""Seconds that a restarted pod has to run before it counts; also seconds of silence before they are reported."""
STEADIEST: Final = 300.0
FLIPS: Final = 4
"""Changes of state within MEMORY seconds of one attempt, after which each further change has to last longer."""
MEMORY: Final = 600.0
NEWS: Final = 60.0
"""Seconds for which a new pod is a reason for an Event."""


def with_deployment(ctx: Context, deployment: DeploymentView) -> Plan:
    """The step when the Deployment is there."""
    ctx.draft.pods(summaries(ctx.observed.pods))
    if verdict := deadlines.recorded(ctx):
        return finish.give_up(ctx, verdict)
    lost = ctx.draft.state == State.CREATED and not deployment.replicas  # the status of a stop that was begun
    halted = lost or ctx.draft.state in (State.STOP, State.STOPPED)
    if ctx.run.suspend or halted or deployment.attempt != ctx.draft.attempt:
        return _down(ctx, deployment)
    return _up(ctx, deployment)


def _down(ctx: Context, deployment: DeploymentView) -> Plan:
    """Scale to no pods; once none is left, start again if the Run should run."""
    if deployment.replicas:
        stop.ending(ctx, "scaled the Deployment to 0")
        return ctx.decided(ScaleChild(deployment.name, deployment.uid, 0))
    if ctx.writers or deployment.busy(len(ctx.lost)):
        return stop.await_pods(ctx)
    if ctx.draft.state != State.STOPPED and not ctx.observed.fresh:
        return Plan(reread=True)  # not every cluster's Deployments count pods that end: a stream may be late
    if ctx.run.suspend:
        return stop.stopped(ctx)
    if ctx.draft.state != State.PENDING:
        record_stop(ctx)
        start.count(ctx)
    workload = start.prepare(ctx)
    return ctx.decided(
        *start.brought_up(ctx, workload.service), RestartChild(deployment.name, deployment.uid, workload)
    )


def _up(ctx: Context, deployment: DeploymentView) -> Plan:
    """Keep the Service and the number of pods as the document asks, and report whether it serves."""
    wanted = _wanted(ctx, deployment)
    address, missing = _address(ctx, deployment)
    if missing is not None:
        return _address_lost(ctx, missing)
    scale = _scaled(ctx, deployment, wanted)
    _report_other_template(ctx, deployment)
    steady = _steady(ctx)
    seen = read(deployment, ctx.observed.pods, ctx.now, steady)
    if ctx.draft.state == State.RUNNING:
        gone_at = seen.changed_at + steady
        if not seen.ready and not seen.stuck and ctx.now < gone_at:
            return ctx.decided(*scale, wake_at=gone_at)
        serves = seen.ready > 0
    else:
        serves = seen.settled >= wanted
    return _serving(ctx, seen, wanted, address, scale) if serves else _not_serving(ctx, seen, scale)


def _address(ctx: Context, deployment: DeploymentView) -> tuple[ServiceView | None, Mapping[str, Any] | None]:
    """The existing Service, or the one to create; neither where the document names no ports.

    An edit of anything but the replicas counts from the next attempt: until then, the Service stays.
    """
    if deployment.facts.digest != digest(ctx.run.spec):
        ctx.draft.event(
            "NotApplied",
            "the document was edited while the service runs; except for replicas, the change takes effect with the next attempt: "
            "stop and resume the Run to apply it",
            warning=True,
        )
        return next((one for one in ctx.observed.services if not one.facts.deleting), None), None
    named = builder(ctx.run).ports(ctx.run)
    if not named:
        return None, None
    found = start.named(ctx, service.service_name(ctx.run))
    return (found, None) if found else (None, service.service(ctx.run, named))


def _scaled(ctx: Context, deployment: DeploymentView, wanted: int) -> tuple[ScaleChild, ...]:
    """The action that gives the Deployment its number of pods; empty if it has that number."""
    if deployment.replicas == wanted:
        return ()
    if ctx.run.status.get("observedGeneration") == ctx.run.generation:
        ctx.draft.event(
            "ReplicasReset",
            f"another client set the replicas of Deployment {deployment.name} to {deployment.replicas}; the operator set them to {wanted} "
            f"again. Change spec.spec.replicas of the Run (kubectl scale run {ctx.run.name}), and point an autoscaler at the Run",
            warning=True,
        )
    return (ScaleChild(deployment.name, deployment.uid, wanted),)


def _report_other_template(ctx: Context, deployment: DeploymentView) -> None:
    """Report that another client changed the pods. An attempt has one ReplicaSet, as the operator writes its template once."""
    mine = [p for p in ctx.witnesses if p.attempt == deployment.attempt and p.controller.kind == REPLICA_SET]
    templates = {pod.controller.name for pod in mine}  # the name ends with the hash of the template
    newest = max((parse(pod.created) or 0.0 for pod in mine), default=0.0)
    if len(templates) > 1 and ctx.now < newest + NEWS:
        ctx.draft.event(
            "TemplateChanged",
            f"another client changed the pods of Deployment {deployment.name} (kubectl set image, kubectl rollout restart, a policy): "
            "they may run something else than the document of the Run. The next attempt has the document's: stop and resume the Run",
            warning=True,
        )


def _not_serving(ctx: Context, seen: Readiness, scale: tuple[ScaleChild, ...]) -> Plan:
    if verdict := deadlines.expired(ctx):
        return finish.give_up(ctx, verdict)
    return run_phase.waiting(
        ctx,
        JobOutcome("PENDING", seen.reason, seen.message, ask=seen.ask),
        *scale,
        wake_at=_earliest(seen.settles_at, deadlines.due(ctx)),
    )


def _serving(
    ctx: Context, seen: Readiness, wanted: int, address: ServiceView | None, scale: tuple[ScaleChild, ...]
) -> Plan:
    """RUNNING, with all replicas or with some."""
    if address:
        ctx.draft.service(service_address.summary(address))
    if seen.ready >= wanted:  # not a write for each step of a roll-out
        ctx.draft.replicas(wanted, f"{LABEL_RUN_UID}={ctx.run.uid}")
    made = ctx.decided(*scale, wake_at=_report(ctx, seen, wanted, address))
    is_explained = any(
        event.reason == DEGRADED for event in made.events
    )  # its words are chosen now, and stay
    return replace(made, ask=seen.ask) if is_explained and not ctx.observed.said else made


def _wanted(ctx: Context, deployment: DeploymentView) -> int:
    """The number of pods that the document asks for; the Deployment's own number where an edit is invalid."""
    try:
        return replicas(ctx.run.spec)
    except WorkloadError as error:
        ctx.draft.event(error.reason, f"not applied: {error}", warning=True)
        return deployment.replicas


def _address_lost(ctx: Context, wanted: Mapping[str, Any]) -> Plan:
    """The Service is missing: read it again, then create it; everything else waits for it."""
    if not ctx.observed.fresh:
        return Plan(reread=True)
    if ctx.draft.has_service:
        name = wanted["metadata"]["name"]
        ctx.draft.event(
            "ServiceDeleted",
            f"Service {name} was deleted: the operator creates it again, with another address",
            warning=True,
        )
    return ctx.decided(CreateService(wanted))


def _report(ctx: Context, seen: Readiness, wanted: int, address: ServiceView | None) -> float | None:
    """Report how many replicas serve. Returns when to look again; None: it is reported."""
    draft = ctx.draft
    entering = draft.state != State.RUNNING
    known = conditions.find(ctx.run.status.get("conditions", ()), conditions.RUNNING) or {}
    reason = "Ready" if entering or seen.ready >= wanted else DEGRADED
    if reason != known.get("reason") and not entering and ctx.now < seen.changed_at + DEGRADED_AFTER:
        return seen.changed_at + DEGRADED_AFTER  # it may not last
    message = f"{wanted} replica{'s' if wanted > 1 else ''} ready"
    if reason == DEGRADED:
        # The words stay while it lasts: kubectl get deployment has the numbers of the moment.
        why = answer(seen.ask, ctx.observed.said) if seen.ask else None
        message = f"fewer than {wanted} replicas ready: {why.message if why else seen.message}"
        if known.get("reason") == DEGRADED:
            message = str(known.get("message"))
        else:
            draft.event(DEGRADED, message, warning=True)
    elif address:
        message += f" at {service_address.summary(address)['url']}"
    if entering:
        draft.event("Started", f"Attempt {draft.attempt}: {message}")
    draft.become(State.RUNNING, message)
    draft.condition(conditions.RUNNING, status=True, reason=reason, message=message)
    return None


def _earliest(*moments: float | None) -> float | None:
    return min((at for at in moments if at is not None), default=None)


def _steady(ctx: Context) -> float:
    """Seconds that a change has to last before it is reported: longer after many recent changes."""
    since = max(parse(ctx.run.status.get("startTime")) or 0.0, ctx.now - MEMORY)
    times = (parse(entry.get("time")) or 0.0 for entry in ctx.run.status.get("transitions", ()))
    flips = sum(time >= since for time in times)
    return float(min(STEADIEST, STEADY * 2 ** max(0, flips - FLIPS)))
