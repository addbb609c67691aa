"""An explanation of one Run for people: what the operator sees, what it would do next, what it waits for.

The lines follow from the same plan that the operator carries out, and name objects and states, never values of a document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from run_operator.api.conditions import FINAL, NOT_SEEN, State, state_of
from run_operator.api.constants import LABEL_STEP
from run_operator.api.raw import mappings, stamp, text
from run_operator.api.run import Run
from run_operator.children import DeploymentView, JobView, PodView
from run_operator.lifecycle.model import (
    Action,
    CreateRun,
    CreateService,
    CreateWorkload,
    DeleteChild,
    DeleteCustom,
    DeletePod,
    DeleteReplicaSet,
    DeleteRun,
    MarkFinished,
    Observed,
    PatchCustom,
    PatchService,
    Plan,
    RestartChild,
    ScaleChild,
    SetDeadline,
    SuspendChild,
    SuspendRun,
)

NOTHING: Final = "nothing: the status is up to date"
_WAITS: Final = {
    State.RUNNING: "its program to end, or a user to stop it",
    State.STOPPED: "a user to resume it (spec.suspend: false)",
}


def explain(run: Run, observed: Observed, made: Plan) -> list[str]:
    """Lines `key: value`; a key may occur several times."""
    waits = list(_waits(run, made))
    said = text(run.status.get("message"))
    lines = [("state", _state(run)), *(("said", line) for line in _said(run) if said not in waits)]
    lines += [("sees", line) for line in _seen(observed)]
    lines += [("sees", line) for line in _not_begun(run)]
    lines += [("next", line) for line in _steps(run, made)] or [("next", NOTHING)]
    lines += [("waits for", line) for line in waits]
    if made.wake_at is not None:
        lines.append(("looks again", f"at {stamp(made.wake_at)}, or when one of these changes"))
    return [f"{key}: {value}" for key, value in lines]


def _state(run: Run) -> str:
    said = state_of(run.status.get("state"))
    attempt = run.status.get("attempt")
    parts = [str(said), f"attempt {attempt}" if attempt else "no attempt yet"]
    if run.status.get("observedGeneration") not in (None, NOT_SEEN, run.generation):
        parts.append("the operator has not read its latest change yet")
    if run.suspend:
        parts.append("asked to be stopped")
    if run.deleting:
        parts.append("being deleted")
    if not run.is_ours:
        parts.append(f"carried out by {run.managed_by}")
    if run.pipeline:
        parts.append(f"step {run.labels.get(LABEL_STEP) or run.name} of a pipeline")
    return ", ".join(parts)


def _said(run: Run) -> Iterator[str]:
    """The operator's last message: it may know of Events that a person's client does not read, such as a full quota."""
    message, reason = text(run.status.get("message")), text(run.status.get("reason"))
    if message:
        yield message + (f" ({reason})" if reason else "")


def _seen(observed: Observed) -> Iterator[str]:
    """The children, as the decision sees them."""
    if observed.job:
        yield f"Job {observed.job.name}: {_job(observed.job)}"
    if observed.deployment:
        yield f"Deployment {observed.deployment.name}: {_deployment(observed.deployment)}"
    for one in observed.services:
        yield f"Service {one.name}"
    for pod in (*observed.pods, *observed.gone):
        yield f"pod {pod.name} of attempt {pod.attempt}: {_pod(pod)}"
    for step in observed.steps:
        said = step.status.get("message") if state_of(step.status.get("state")) != State.COMPLETED else ""
        yield f"Run {step.name}: {_state(step)}" + (f": {said}" if said else "")
    for said in observed.said:
        yield f"Event {said.reason}, {said.ago:.0f} s ago: {said.message}"
    if not (observed.job or observed.deployment or observed.pods or observed.steps):
        yield "it has no Job, no Deployment and no pod"


def _not_begun(run: Run) -> Iterator[str]:
    """Steps of a pipeline that have no Run yet."""
    nodes = mappings(run.status.get("nodes"))
    titles = {node.get("name"): text(node.get("display_name")) for node in nodes}
    for node in nodes:
        if not node.get("run_id"):
            before = ", ".join(titles.get(name, name) for name in node.get("after") or ())
            yield f"step {text(node.get('display_name'))}: no Run yet" + (
                f"; it starts after {before}" if before else ""
            )


def _job(job: JobView) -> str:
    facts = [f"attempt {job.attempt}"]
    facts += ["being deleted"] if job.deleting else []
    facts += ["asked to suspend"] if job.suspend else []
    facts += ["has active pods"] if job.facts.active else []
    facts += [f"{job.facts.terminating} pods ending"] if job.facts.terminating else []
    facts += [f"{one.type}={one.status}" for one in job.facts.conditions]
    return ", ".join(facts)


def _deployment(one: DeploymentView) -> str:
    facts = [f"attempt {one.attempt}", f"{one.replicas} pods desired, {one.facts.pods} there"]
    return ", ".join(facts + (["being deleted"] if one.deleting else []))


def _pod(pod: PodView) -> str:
    facts = [pod.phase, f"on {pod.facts.node}" if pod.facts.node else "on no node yet"]
    facts += ["asked to end"] if pod.facts.deleting else []
    program = pod.program
    if program is not None:
        facts.append(f"its program is {program.state}" + (f" ({program.reason})" if program.reason else ""))
    return ", ".join(facts)


def _steps(run: Run, made: Plan) -> Iterator[str]:
    """The actions of the plan, in order."""
    if made.reread:
        yield "read its children from the API server, since those in memory may be old, and decide again"
    if made.returned:
        yield f"read what its steps returned ({', '.join(made.returned)}), and decide again"
    if made.load is not None:
        yield f"read {made.load.name} in full, and decide again"
    if made.status is not None:
        yield from _written(run.status, made.status)
    for event in made.events:
        yield f"record the Event {event.reason}: {event.message}"
    for action in made.actions:
        yield _ACTIONS[type(action)](action)


def _written(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    old, new = state_of(before.get("state")), state_of(after.get("state"))
    if old != new:
        yield f"write state {new} (now {old})"
    changed = [key for key in sorted({*before, *after} - {"state"}) if before.get(key) != after.get(key)]
    if changed:
        yield f"write {', '.join(changed)} into the status"
    if after.get("message") and after.get("message") != before.get("message"):
        yield f"say: {after['message']}"


def _waits(run: Run, made: Plan) -> Iterator[str]:
    status = made.status or run.status
    state = state_of(status.get("state"))
    if state in FINAL:
        return
    if not run.is_ours and made.status is None:
        yield f"{run.managed_by} (spec.managedBy), which writes the status"
        return
    if made.ask is not None:
        yield f"Events about {made.ask.kind.removeprefix('Ended')} {made.ask.name}"
    if state in _WAITS and not made.actions and not (state == State.RUNNING and status.get("nodes")):
        yield _WAITS[state]
    elif status.get("message"):
        yield str(status["message"])
    for want in made.wants:
        yield f"{want.what} {want.name} in namespace {want.namespace}, if it changes"


_ACTIONS: Final[dict[type[Action], Callable[[Any], str]]] = {
    CreateWorkload: lambda one: (
        f"create {one.workload.child['kind']} {one.workload.child['metadata']['name']}"
    ),
    SuspendChild: lambda one: f"suspend Job {one.name}, which ends its pods",
    SetDeadline: lambda one: f"give Job {one.name} {one.seconds} s",
    ScaleChild: lambda one: f"scale Deployment {one.name} to {one.replicas}",
    RestartChild: lambda one: f"start Deployment {one.name} again, for another attempt",
    CreateService: lambda one: f"create Service {one.body['metadata']['name']}",
    PatchService: lambda _: "change its Service",
    DeleteChild: lambda one: f"delete {one.kind} {one.name}",
    DeletePod: lambda one: f"delete pod {one.name}",
    DeleteCustom: lambda one: f"delete {one.what.kind} {one.name} and wait for all that it owns",
    PatchCustom: lambda one: f"change {one.what.kind} {one.name}: {', '.join(one.body)}",
    DeleteReplicaSet: lambda one: f"delete ReplicaSet {one.name}",
    MarkFinished: lambda _: "mark the Run as finished, in an annotation",
    DeleteRun: lambda _: "delete the Run: its time to live is over",
    CreateRun: lambda one: f"create Run {one.body['metadata']['name']}",
    SuspendRun: lambda one: f"{'stop' if one.suspend else 'resume'} Run {one.name}",
}
