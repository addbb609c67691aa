"""A pipeline's way: its workflow, its steps one after the other, its end, its stop and its resume, from the Runs that are there."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest

from run_operator.api import conditions
from run_operator.api.raw import stamp
from run_operator.api.run import Run
from run_operator.lifecycle.model import CreateRun, Observed, Plan, Refusal, SuspendRun
from run_operator.lifecycle.plan import plan
from run_operator.workloads.types import Options
from tests.support.builders import NOW, UID, run
from tests.support.workflows import build, chain, dumped, task, template, workflow

KEY = "store://demo/dataitem/table/dataset:1"


class World:
    """A pipeline and the Runs of its steps: what a plan asks for is carried out."""

    def __init__(self, document: Any = None, spec: dict[str, Any] | None = None, **top: Any) -> None:
        inner = (
            {"build": build(document)} if document else {"build": build(chain()), "parameters": {"url": "x"}}
        )
        self.run = run(inner if spec is None else spec, kind="hera+pipeline:run", name="p", **top)
        self.steps: dict[str, Run] = {}
        self.returned: dict[str, dict[str, Any]] = {}
        self.now = NOW
        self.fresh = False
        self.events: list[str] = []

    @property
    def status(self) -> Any:
        return self.run.status

    @property
    def state(self) -> tuple[str, str]:
        return self.status["state"], self.status["message"]

    @property
    def suspended(self) -> dict[str, bool]:
        return {name: one.suspend for name, one in self.steps.items()}

    def look(self, refusal: Refusal | None = None) -> Plan:
        """One decision, carried out."""
        seen = Observed(steps=tuple(self.steps.values()), refusal=refusal, fresh=self.fresh)
        made = plan(self.run, seen, self.now, Options())
        while made.returned:
            seen = replace(
                seen,
                returned={name: self.returned.get(name, {}) for name in made.returned} | dict(seen.returned),
            )
            made = plan(self.run, seen, self.now, Options())
        if made.reread:
            made = plan(self.run, replace(seen, fresh=True), self.now, Options())
        if made.status is not None:
            self.run = replace(self.run, status=made.status)
        self.events += [event.reason for event in made.events]
        for action in made.actions:
            match action:
                case CreateRun(body):
                    raw = {**body, "metadata": {**body["metadata"], "uid": f"uid-{body['metadata']['name']}"}}
                    self.steps[body["metadata"]["name"]] = Run.from_object(
                        {**raw, "status": {"state": "PENDING"}}
                    )
                case SuspendRun(name, uid, suspend):
                    assert uid == f"uid-{name}"
                    self.steps[name] = replace(self.steps[name], suspend=suspend)
        return made

    def looks(self, times: int = 3) -> None:
        for _ in range(times):
            self.look()

    def becomes(self, name: str, state: str, returned: dict[str, Any] | None = None, **status: Any) -> None:
        """The Run of a step is there."""
        self.steps[name] = replace(self.steps[name], status={"state": state, **status})
        self.returned[name] = {"state": state, **(returned or {})}

    def ends(self, name: str, **outputs: str) -> None:
        self.becomes(name, "COMPLETED", {"outputs": outputs}, completionTime=stamp(NOW))

    def suspend(self, *, suspend: bool) -> None:
        self.run = replace(self.run, suspend=suspend)

    def nodes(self) -> dict[str, str]:
        return {one["name"]: one["state"] for one in self.status["nodes"]}


def test_its_steps_begin_one_after_the_other_and_hand_on_what_they_return():
    world = World()
    world.looks()
    assert world.state == ("RUNNING", "0 of 2 steps have ended; under way: prepare")
    assert list(world.steps) == ["p-1"]
    assert world.steps["p-1"].spec["args"] == ["x"]
    world.ends("p-1", dataset=KEY)
    world.looks()
    assert world.steps["p-2"].spec["args"] == [f"--data={KEY}"]
    assert world.nodes() == {"prepare": "Succeeded", "train": "Running"}
    world.ends("p-2")
    world.looks()
    assert world.state == ("COMPLETED", "all 2 steps have ended")
    assert world.status["nodes"][0]["outputs"] == [{"name": "dataset", "value": KEY}]
    assert conditions.is_true(world.status["conditions"], conditions.FINISHED)
    assert world.look().actions == ()


def test_the_attempt_is_stored_before_a_step_is_made():
    world = World()
    made = world.look()
    assert (world.status["attempt"], world.status["state"], made.actions) == (1, "PENDING", ())


def test_a_workflow_that_is_not_built_is_built_first():
    world = World(spec={"source": {"code": "x", "handler": "p"}, "parameters": {"url": "x"}})
    world.looks()
    assert list(world.steps) == ["p-build"]
    assert world.steps["p-build"].kind == "hera+build:run"
    assert world.state[1] == "building the workflow"
    made = {"results": {"workflow": base64.b64encode(dumped(chain())).decode()}}
    world.becomes("p-build", "COMPLETED", made)
    world.looks()
    assert list(world.steps) == ["p-build", "p-1"]
    del world.steps["p-build"]
    world.look()
    assert world.status["reason"] == "WorkflowDeleted"


def test_a_workflow_that_cannot_be_built_ends_the_pipeline_with_the_reason():
    world = World(spec={"source": {"code": "x", "handler": "p"}})
    world.looks()
    world.becomes("p-build", "ERROR", message="NameError: name 'x' is not defined")
    world.look()
    assert world.state == (
        "ERROR",
        "the workflow was not built (Run p-build): NameError: name 'x' is not defined",
    )
    assert world.status["reason"] == "WorkflowNotBuilt"


def test_a_step_that_fails_ends_the_pipeline_when_the_others_have_ended():
    world = World(workflow([task("a"), task("b"), task("c", "a"), task("d", "b")]))
    world.looks()
    assert list(world.steps) == ["p-1", "p-2"]
    world.becomes("p-1", "ERROR", message="exit code 3")
    world.looks()
    assert world.state[0] == "RUNNING"
    assert "step a failed (Run p-1): exit code 3; the pipeline ends when" in world.state[1]
    world.ends("p-2")
    world.looks()
    assert list(world.steps) == ["p-1", "p-2"], "nothing begins after a failure"
    assert world.state == ("ERROR", "step a failed (Run p-1): exit code 3")
    assert world.status["reason"] == "StepFailed"
    assert world.nodes() == {"a": "Failed", "b": "Succeeded", "c": "Pending", "d": "Pending"}


def test_an_output_that_is_missing_is_the_failure_of_its_step():
    world = World()
    world.looks()
    world.ends("p-1", other=KEY)
    world.looks()
    assert world.state == ("ERROR", "step prepare has no output dataset; its outputs are other")
    assert world.status["reason"] == "OutputMissing"


def test_no_more_run_at_once_than_the_workflow_and_the_bound_allow():
    world = World(workflow([task(f"s{i}") for i in range(15)]))
    world.looks()
    assert len(world.steps) == 10
    world.ends("p-1")
    world.looks()
    assert len(world.steps) == 11
    two = World(workflow([task(f"s{i}") for i in range(5)], parallelism=2))
    two.looks()
    assert len(two.steps) == 2


def test_a_service_is_a_step_that_has_ended_when_it_is_reached():
    world = World(
        workflow([task("api"), task("call", "api")], template("api", action="serve"), template("call"))
    )
    world.looks()
    world.becomes("p-1", "RUNNING")
    world.looks()
    assert list(world.steps) == ["p-1"], "no address yet"
    world.becomes("p-1", "RUNNING", service={"url": "x:80"})
    world.looks()
    assert list(world.steps) == ["p-1", "p-2"]
    world.ends("p-2")
    world.looks()
    assert world.state[0] == "COMPLETED"
    assert world.suspended == {"p-1": False, "p-2": False}


def test_a_stop_stops_the_steps_and_is_told_when_they_have():
    world = World(workflow([task("a"), task("b"), task("c", "a")]))
    world.looks()
    world.ends("p-1")
    world.suspend(suspend=True)
    world.look()
    assert world.state == ("STOP", "waiting for its steps to stop: p-2")
    assert world.suspended == {"p-1": False, "p-2": True}
    world.looks()
    assert world.state[0] == "STOP", "its Run has not stopped"
    world.becomes("p-2", "STOPPED")
    world.look()
    assert world.state[0] == "STOPPED"
    assert list(world.steps) == ["p-1", "p-2"]


def test_a_resume_goes_on_with_what_had_not_ended():
    world = World(workflow([task("a"), task("b"), task("c", "a")]))
    world.looks()
    world.ends("p-1")
    world.suspend(suspend=True)
    world.look()
    world.becomes("p-2", "STOPPED")
    world.look()
    world.suspend(suspend=False)
    world.looks()
    assert (world.status["attempt"], world.state[0]) == (2, "RUNNING")
    assert world.suspended == {"p-1": False, "p-2": False, "p-3": False}
    for name in ("p-2", "p-3"):
        world.ends(name)
    world.looks()
    assert world.state[0] == "COMPLETED"


def test_a_step_that_somebody_stopped_is_waited_for():
    world = World()
    world.looks()
    world.steps["p-1"] = replace(world.steps["p-1"], suspend=True, status={"state": "STOPPED"})
    world.looks()
    assert (world.state[0], world.suspended) == ("RUNNING", {"p-1": True})


def test_one_that_was_made_a_moment_ago_is_looked_for_before_a_stop_is_told():
    one = run({"build": build(chain())}, kind="hera+pipeline:run", name="p", suspend=True)
    made = plan(replace(one, status={"state": "RUNNING", "attempt": 1}), Observed(), NOW, Options())
    assert made.reread
    assert made.status is None


def test_a_suspended_pipeline_makes_nothing():
    world = World(suspend=True)
    world.looks()
    assert (world.state[0], world.steps) == ("STOPPED", {})


def test_its_time_is_that_of_the_whole():
    world = World(policy={"activeDeadlineSeconds": 60})
    world.looks()
    world.now = NOW + 61
    world.look()
    assert (world.state[0], world.suspended) == ("STOP", {"p-1": True})
    world.becomes("p-1", "STOPPED")
    world.looks()
    assert (world.state[0], world.status["reason"]) == ("ERROR", "DeadlineExceeded")


def test_it_looks_again_when_its_time_is_over():
    world = World(policy={"activeDeadlineSeconds": 60})
    world.look()
    assert world.look().wake_at == NOW + 60


@pytest.mark.parametrize(("final", "state"), [(True, "STOP"), (False, "RUNNING")])
def test_a_step_that_the_api_server_refuses_is_told(final, state):
    world = World(workflow([task("a"), task("b", "a")]))
    world.looks()
    world.look(Refusal("NameConflict", "Run p-2 exists already", final))
    assert world.state == (state, "a step cannot be started: Run p-2 exists already")
    if final:
        world.becomes("p-1", "STOPPED")
        world.look()
        assert (world.state[0], world.status["reason"]) == ("ERROR", "StepRefused")


def test_a_refusal_is_kept_before_anything_is_read_again():
    world = World(workflow([task("a")]))
    world.look()
    made = plan(
        world.run, Observed(refusal=Refusal("NameConflict", "p-1 exists", final=True)), NOW, Options()
    )
    assert (made.reread, made.wake_at) == (False, NOW)
    assert (made.status["state"], made.status["reason"]) == ("STOP", "StepRefused")


def test_a_workflow_that_is_not_understood_makes_nothing():
    document = chain()
    document["spec"]["serviceAccountName"] = "admin"
    world = World(document)
    world.looks()
    assert (world.state[0], world.status["reason"], world.steps) == ("ERROR", "InvalidPipeline", {})
    assert "serviceAccountName is a feature of Argo Workflows" in world.state[1]


def test_nothing_is_written_while_nothing_changes():
    world = World()
    world.looks()
    made = world.look()
    assert (made.status, made.actions, made.events) == (None, (), ())


def test_a_run_is_a_step_by_its_controller_alone():
    metadata = {"name": "p-1", "uid": "u", "labels": {"run-operator.io/pipeline": UID}}
    owner = {"apiVersion": "run-operator.io/v1alpha1", "kind": "Run", "name": "p", "uid": UID}
    assert Run.from_object({"metadata": metadata}).pipeline == ""
    assert Run.from_object({"metadata": metadata | {"ownerReferences": [owner]}}).pipeline == ""
    assert (
        Run.from_object({"metadata": metadata | {"ownerReferences": [owner | {"controller": True}]}}).pipeline
        == UID
    )
