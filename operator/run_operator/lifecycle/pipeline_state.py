"""How far the steps of a pipeline are, from the Runs that are there and from what was recorded of those that ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from run_operator.api.conditions import State, state_of
from run_operator.api.raw import mapping, mappings, text
from run_operator.api.run import Run
from run_operator.document.kinds import of_run
from run_operator.lifecycle.context import Context
from run_operator.lifecycle.model import Plan
from run_operator.pipelines.step_run import returned, step_name
from run_operator.pipelines.workflow import Step, Workflow
from run_operator.workloads.fields import WorkloadError

WAITING: Final = "Pending"
UNDER_WAY: Final = "Running"
ENDED: Final = "Succeeded"
FAILED: Final = "Failed"
"""States of a node, in the words of Argo Workflows, which the platform's pages know."""
SERVICES: Final = ("serve", "deploy")
"""Actions whose Runs never end: the step has, when the service is reached."""
MAX_MESSAGE: Final = 512


@dataclass(slots=True)
class Progress:
    """The state of all steps."""

    total: int
    nodes: list[dict[str, Any]] = field(default_factory=list)
    """For the status."""
    outputs: dict[str, Mapping[str, str]] = field(default_factory=dict)
    """The values that ended steps hand on."""
    ready: list[Step] = field(default_factory=list)
    under_way: list[str] = field(default_factory=list)
    """Titles."""
    ended: set[str] = field(default_factory=set)
    failed: str = ""
    """Why the pipeline fails; empty: it does not."""
    reason: str = ""

    @property
    def is_done(self) -> bool:
        """Whether every step has ended well."""
        return len(self.ended) == self.total

    @property
    def message(self) -> str:
        """One line for the Run."""
        said = f"{len(self.ended)} of {self.total} steps have ended"
        now = [*self.under_way, *(one.title for one in self.ready)]
        return f"{said}; under way: {', '.join(now[:5])}" if now else said


def progress(ctx: Context, workflow: Workflow) -> Progress | Plan:
    """A Plan: what has to be read first."""
    there = {one.name: one for one in ctx.observed.steps}
    known = {text(node.get("name")): node for node in mappings(ctx.run.status.get("nodes"))}
    unread = [
        name
        for one in workflow.steps
        if (name := step_name(ctx.run, one)) in there
        and _state(there[name], one) == ENDED
        and one.outputs
        and mapping(known.get(one.name)).get("state") != ENDED
        and name not in ctx.observed.returned
    ]
    if unread:
        return Plan(returned=tuple(unread))
    found = Progress(len(workflow.steps))
    for one in workflow.steps:
        _count(ctx, found, one, there.get(step_name(ctx.run, one)), mapping(known.get(one.name)))
    found.ready = [
        one
        for one in workflow.steps
        if step_name(ctx.run, one) not in there
        and one.name not in found.ended
        and found.ended.issuperset(one.after)
    ]
    return found


def _count(ctx: Context, found: Progress, step: Step, run: Run | None, known: Mapping[str, Any]) -> None:
    """One step. The record of an ended step counts, whether its Run is still there or not."""
    node = _node(step, run, known)
    if known.get("state") == ENDED:
        values = {text(one.get("name")): text(one.get("value")) for one in mappings(known.get("outputs"))}
    elif node["state"] == ENDED and step.outputs and run is not None:
        try:
            values = returned(step, ctx.observed.returned[run.name])
        except WorkloadError as error:
            node |= {"state": FAILED, "message": str(error)[:MAX_MESSAGE]}
            found.failed, found.reason, values = str(error), error.reason, {}
    else:
        values = {}
    if values:
        node["outputs"] = [{"name": name, "value": value} for name, value in values.items()]
    found.nodes.append(node)
    if node["state"] == ENDED:
        found.ended.add(step.name)
        found.outputs[step.name] = values
    elif node["state"] == FAILED and not found.failed:
        said = f": {node['message']}" if node.get("message") else ""
        found.failed = f"step {step.title} failed (Run {node['run_id']}){said}"
    elif node["state"] == UNDER_WAY:
        found.under_way.append(step.title)


def _node(step: Step, run: Run | None, known: Mapping[str, Any]) -> dict[str, Any]:
    """As the status shows a step."""
    if run is None and known.get("state") == ENDED:
        return dict(known)
    state = WAITING if run is None else _state(run, step)
    if known.get("state") == ENDED:
        state = ENDED  # a service that ended well once, whatever became of it
    node: dict[str, Any] = {
        "id": str(step.number), "name": step.name, "display_name": step.title, "type": "Run", "state": state,
        "function": str(step.function), "action": step.action, "after": list(step.after),
    }  # fmt: skip
    if run is not None:
        node["run_id"] = run.id
        times = {"start_time": run.status.get("firstStartTime"), "end_time": run.status.get("completionTime")}
        node |= {key: value for key, value in times.items() if value}
        if state in (UNDER_WAY, FAILED):
            node["message"] = text(run.status.get("message"))[:MAX_MESSAGE]
    return {key: value for key, value in node.items() if value not in ("", [])}


def _state(run: Run, step: Step) -> str:
    match state_of(run.status.get("state")):
        case State.COMPLETED:
            return ENDED
        case State.ERROR:
            return FAILED
        case State.RUNNING if _is_service(step) and run.status.get("service"):
            return ENDED
    return UNDER_WAY


def _is_service(step: Step) -> bool:
    return of_run(step.run_kind, None).action in SERVICES
