"""A pipeline on a real API server: its steps are Runs that it owns, which start, hand on, fail, stop and go on with it."""

from __future__ import annotations

import json
from typing import Any

from tests.support.harness import Person, wait_for
from tests.support.workflows import build, chain, task, template, workflow

KEY = "store://demo/dataitem/table/dataset:1"


def functions(person: Person, *names: str) -> None:
    """Functions that sleep."""
    for name in names:
        spec = {"image": "docker.io/library/busybox:1.36", "command": "sleep", "args": ["600"]}
        document = {"kind": "container", "project": "demo", "id": "v1", "name": name, "spec": spec}
        metadata = {"name": name}
        person.apply(
            {
                "apiVersion": "run-operator.io/v1alpha1",
                "kind": "Function",
                "metadata": metadata,
                "spec": document,
            }
        )


def begin(person: Person, document: dict[str, Any], name: str = "p", **parameters: Any) -> None:
    spec = {"image": None, "task": None, "build": build(document), "parameters": parameters}
    person.apply_run(name, kind="hera+pipeline", spec=spec)


def runs(person: Person) -> dict[str, str]:
    return {one["metadata"]["name"]: one.get("status", {}).get("state", "") for one in person.items("runs")}


def end(person: Person, name: str, **outputs: str) -> None:
    """The step's program ends well. Its outputs are written first, as its pod does it before it ends."""
    person.becomes(name, "RUNNING")
    if outputs:
        patch = json.dumps({"status": {"outputs": outputs}})
        person.kubectl("patch", "run", name, "--subresource=status", "--type=merge", "-p", patch)
    (pod,) = (
        one["metadata"]["name"]
        for one in person.items("pods")
        if one["metadata"]["labels"]["run-operator.io/run"] == name and one["status"]["phase"] == "Running"
    )
    person.end_pod(pod)
    person.becomes(name, "COMPLETED")


def test_steps_follow_each_other_and_hand_on_what_they_return(operator, person):
    functions(person, "prepare", "train")
    begin(person, chain(), url="https://example.org/a.csv")
    person.becomes("p", "RUNNING")
    end(person, "p-1", dataset=KEY)
    person.becomes("p-2", "RUNNING")
    assert runs(person) == {"p": "RUNNING", "p-1": "COMPLETED", "p-2": "RUNNING"}
    assert person.get("run", "p-2")["spec"]["spec"]["args"] == [f"--data={KEY}"]
    assert person.get("run", "p-1")["spec"]["spec"]["args"] == ["https://example.org/a.csv"]
    end(person, "p-2")
    status = person.becomes("p", "COMPLETED")
    assert [(one["display_name"], one["state"], one["run_id"]) for one in status["nodes"]] == [
        ("prepare", "Succeeded", "p-1"),
        ("train", "Succeeded", "p-2"),
    ]
    person.kubectl("delete", "run", "p")
    wait_for("its steps to go with it", lambda: not runs(person))


def test_a_stop_reaches_the_steps_and_a_resume_goes_on_with_the_rest(operator, person):
    functions(person, "a", "b", "c")
    begin(person, workflow([task("a"), task("b"), task("c", "a")]))
    begin(person, workflow([task("a")]), "other")
    end(person, "p-1")
    for name in ("p-2", "p-3", "other-1"):
        person.becomes(name, "RUNNING")
    person.patch_run("p", {"spec": {"suspend": True}})
    person.becomes("p", "STOPPED")
    assert runs(person) == {
        "p": "STOPPED", "p-1": "COMPLETED", "p-2": "STOPPED", "p-3": "STOPPED", "other": "RUNNING", "other-1": "RUNNING",
    }  # fmt: skip
    person.patch_run("p", {"spec": {"suspend": False}})
    for name in ("p-2", "p-3"):
        end(person, name)
    assert person.becomes("p", "COMPLETED")["attempt"] == 2
    assert person.status("p-1")["attempt"] == 1, "what had ended is not run again"
    assert person.status("other")["state"] == "RUNNING"


def test_runctl_says_why_a_pipeline_and_its_step_wait(operator, person, runctl):
    functions(person, "prepare", "train")
    begin(person, chain(), url="https://example.org/a.csv")
    end(person, "p-1", dataset=KEY)
    person.becomes("p-2", "RUNNING")
    wait_for("its count", lambda: "1 of 2" in person.status("p")["message"])
    said = runctl.says("why", "p")
    assert "sees: Run p-1: COMPLETED, attempt 1, step prepare of a pipeline\n" in said
    assert "sees: Run p-2: RUNNING, attempt 1, step train of a pipeline: " in said
    assert "next: nothing" in said
    assert "waits for: 1 of 2 steps have ended; under way: train" in said
    assert "sees: Job p-2: attempt 1" in runctl.says("why", "p-2")
    end(person, "p-2")
    person.becomes("p", "COMPLETED")
    assert "state: COMPLETED" in runctl.says("why", "p")


def test_a_step_that_cannot_be_run_is_the_end_and_says_which(operator, person):
    functions(person, "a", "b")
    begin(
        person,
        workflow([task("a"), task("b", "a")], template("a", command="x", envs=[{"name": 1}]), template("b")),
    )
    status = person.becomes("p", "ERROR")
    assert status["reason"] in ("StepFailed", "StepRefused")
    assert "envs" in status["message"]
    assert "p-2" not in runs(person)


def test_a_run_that_has_the_name_of_a_step_is_left_alone(operator, person):
    functions(person, "a")
    person.apply_run("p-1", "sleep", "600")
    person.becomes("p-1", "RUNNING")
    begin(person, workflow([task("a")]))
    status = person.becomes("p", "ERROR")
    assert "Run p-1 already exists and is not a step of this pipeline" in status["message"]
    assert person.status("p-1")["state"] == "RUNNING"


def test_a_step_waits_for_its_function_and_the_pipeline_says_so(operator, person):
    begin(person, workflow([task("a")]))
    waiting = wait_for(
        "what it waits for",
        lambda: [one["message"] for one in person.status("p").get("nodes", []) if "message" in one],
    )
    assert "apply the Function container://demo/a:v1" in waiting[0]
    functions(person, "a")
    end(person, "p-1")
    person.becomes("p", "COMPLETED")


def test_a_parameter_chooses_no_field_of_a_step(operator, person):
    """Fields that take rights are refused by name, and the operator's own rights would be used for one that comes later."""
    functions(person, "a")
    field = {"{{workflow.parameters.k}}": "LoadBalancer"}
    ports = [{"port": 80}]
    document = workflow(
        [task("a")],
        template("a", action="deploy", service_ports=ports, **field),
        arguments={"parameters": [{"name": "k"}]},
    )
    begin(person, document, k="service_type")
    status = person.becomes("p", "ERROR")
    assert "a placeholder is in the name of the field {{workflow.parameters.k}}" in status["message"]
    assert runs(person) == {"p": "ERROR"}
