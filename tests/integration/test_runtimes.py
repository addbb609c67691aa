"""Kinds that are added by an object alone, on a real API server: waited for, accepted, run, stopped, resumed; and every export."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from run_operator.api.exported import manifest
from run_operator.document.entity import load
from tests.support.harness import Person, WaitedInVainError, condition, wait_for
from tests.support.runtimes import runtime, shipped, widgets

EXPORTS = sorted((Path(__file__).parents[1] / "data" / "exports").glob("*.yaml"))


def apply_runtime(person: Person, name: str = "echo", **spec: Any) -> None:
    made = runtime(name, namespace=person.namespace, **spec)
    made["metadata"] = {"name": name}
    person.apply(made)


def accepted(person: Person, status: str, kind: str = "runtime", name: str = "echo") -> str:
    found = wait_for(
        f"Accepted={status}",
        lambda: (
            (found := condition(person.get(kind, name).get("status", {}), "Accepted")).get("status") == status
            and found["observedGeneration"] == person.get(kind, name)["metadata"]["generation"]
            and found
        ),
    )
    return str(found["message"])


def apply_echo(person: Person, name: str, **spec: Any) -> None:
    person.apply_run(name, kind="echo+serve", spec={"image": None, "text": "hi", **spec})


def container(person: Person, name: str) -> dict[str, Any]:
    return dict(person.get("deployment", name)["spec"]["template"]["spec"]["containers"][0])


def test_a_kind_is_added_by_a_runtime_alone(operator, person):
    apply_echo(person, "one", loud=True)
    waiting = wait_for(
        "what is missing",
        lambda: (status := person.status("one")).get("reason") == "RuntimeNotFound" and status,
    )
    assert waiting["state"] == "CREATED"
    assert "whose spec.kinds has echo+serve:run" in waiting["message"]
    apply_runtime(person)
    assert "echo+serve are built as a service" in accepted(person, "True")
    status = person.becomes("one", "RUNNING")
    assert status["resolved"]["runtime"]["name"] == "echo"
    assert f"one.{person.namespace}" in status["service"]["url"]
    assert "spec.spec.loud is not used by echo+serve" in condition(status, "NotApplied")["message"]
    assert container(person, "one")["args"] == ["--text=hi", "--times=1"]
    # A change of the Runtime reaches new Runs alone, and so does its end.
    apply_runtime(person, settings={"image": "example.org/echo:2"})
    person.patch_run("one", {"spec": {"suspend": True}})
    person.becomes("one", "STOPPED")
    assert not person.items("pods")
    person.kubectl("delete", "runtime", "echo")
    person.patch_run("one", {"spec": {"suspend": False}})
    person.becomes("one", "RUNNING")
    assert person.status("one")["attempt"] == 2
    assert container(person, "one")["image"] == "example.org/echo:1"


def test_a_wrong_expression_is_reported_in_the_runtime_and_its_runs_wait_until_it_is_corrected(
    operator, person
):
    wrong = runtime()["spec"]["document"]
    wrong["spec"]["args"] = ["fine", "${run.spec.txt}"]
    apply_runtime(person, document=wrong)
    said = accepted(person, "False")
    assert said.startswith("spec.document.spec.args[1]: ")
    apply_echo(person, "two")
    wait_for("why it waits", lambda: person.status("two").get("reason") == "InvalidRuntime")
    assert said in person.status("two")["message"]
    apply_runtime(person)
    accepted(person, "True")
    person.becomes("two", "RUNNING")


def test_a_runtime_of_another_namespace_does_not_count(operator, person, kubeconfig):
    other = Person(kubeconfig, f"{person.namespace}-other")
    other.kubectl("create", "namespace", other.namespace)
    try:
        apply_runtime(other)
        accepted(other, "True")
        apply_echo(person, "three")
        wait_for("it waits", lambda: person.status("three").get("reason") == "RuntimeNotFound")
    finally:
        other.kubectl("delete", "namespace", other.namespace, "--wait=false")


def test_what_the_schema_refuses(person):
    for spec in (
        {"kinds": ["echo"]},
        {"document": {"kind": "dbt+transform:run", "spec": {}}},
        {"resource": {}},
    ):
        made = runtime("wrong", namespace=person.namespace, **spec)
        made["metadata"] = {"name": "wrong"}
        with pytest.raises(AssertionError):
            person.apply(made)


APPLY_A_FUNCTION = ("CREATED", "FunctionNotFound", "apply the Function ")
NO_PROFILE = ("CREATED", "ProfileNotFound", "the profile '1xa100' is in no ConfigMap")
NO_TASK = ("CREATED", "TaskNotFound", "apply the Task ")
NO_KUBEAI = ("CREATED", "ComponentMissing", "needs KubeAI (https://www.kubeai.org)")
NO_REGISTRY = ("CREATED", "BuilderMissing", "needs a registry")
ELSEWHERE = ("COMPLETED", "", "the Run ran on its author's machine (COMPLETED)")
RUNS = ("RUNNING", "", "")
TABLE = {
    "container-build-full": NO_PROFILE,
    "container-job-completed": RUNS,
    "container-job-from-backend": RUNS,
    "container-job-full": NO_PROFILE,
    "container-job-function-only": APPLY_A_FUNCTION,
    "container-job-minimal": NO_TASK,
    "container-job-running": RUNS,
    "container-job-selfcontained": RUNS,
    "container-serve-minimal": RUNS,
    "container-serve-running": RUNS,
    "dbt-transform": RUNS,
    "edge-exponent-id": RUNS,
    "edge-numeric-id": RUNS,
    "flower-app-train": RUNS,
    "flower-client-deploy": RUNS,
    "guardrail-build": APPLY_A_FUNCTION,
    "hera-build": APPLY_A_FUNCTION,
    "huggingfaceserve-serve": NO_PROFILE,
    "kubeai-speech-serve": NO_KUBEAI,
    "kubeai-text-serve": NO_KUBEAI,
    "legacy-0.13-container-serve": RUNS,
    "legacy-0.13-python-job": ELSEWHERE,
    "mlflowserve-build": NO_REGISTRY,
    "openinference-build": APPLY_A_FUNCTION,
    "python-build-full": APPLY_A_FUNCTION,
    "python-job-full": NO_PROFILE,
    "python-job-local": ELSEWHERE,
    "python-job-minimal": NO_TASK,
    "python-serve-from-backend": RUNS,
    "servicegraph-serve": RUNS,
    "sklearnserve-serve": RUNS,
    "vllmserve-text-serve": NO_PROFILE,
}
"""By export, with every shipped ClusterRuntime, and nothing else beside it: state, reason, and a part of the message."""


@pytest.mark.timeout(240)
def test_every_export_runs_or_names_what_is_missing(operator, person):
    person.apply([{**raw, "metadata": {"name": raw["metadata"]["name"]}} for raw in shipped()])
    try:
        for raw in shipped():
            accepted(person, "True", "clusterruntime", raw["metadata"]["name"])
        found = {path.stem: manifest(load(path.read_bytes())) for path in EXPORTS}
        runs = {name: raw for name, raw in found.items() if raw["kind"] == "Run"}
        for name, raw in runs.items():
            raw["metadata"]["name"] = name.replace(".", "-")  # several exports are of one Run
        person.apply(list(runs.values()))
        reported = {name: answered(person, raw, TABLE[name][0]) for name, raw in runs.items()}
    finally:
        person.kubectl("delete", "clusterruntimes", "--all", "--wait=false")
    assert {name: answer[:2] for name, answer in reported.items()} == {
        name: row[:2] for name, row in TABLE.items()
    }
    for name, (_, _, part) in TABLE.items():
        assert part in reported[name][2]


def answered(person: Person, raw: dict[str, Any], expected: str) -> tuple[str, str, str]:
    """State, reason and message, once it is in this state, or after a while."""
    name = raw["metadata"]["name"]

    def there() -> dict[str, Any] | None:
        status = person.status(name)
        return status if status.get("message") and status["state"] == expected else None

    try:
        status = wait_for(f"an answer about {name}", there, 20)
    except WaitedInVainError:
        status = person.status(name)
    return status["state"], status.get("reason", ""), status.get("message", "")


WIDGETS = {
    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "widgets.example.org"},
    "spec": {
        "group": "example.org", "scope": "Namespaced",
        "names": {"kind": "Widget", "listKind": "WidgetList", "plural": "widgets", "singular": "widget"},
        "versions": [{
            "name": "v1", "served": True, "storage": True, "subresources": {"status": {}},
            "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
        }],
    },
}  # fmt: skip


@pytest.mark.timeout(240)
def test_a_run_becomes_an_object_of_another_operator(operator, person):
    made = widgets()
    made["metadata"] = {"name": "widgets"}
    person.apply(made)
    try:
        accepted(person, "True", "clusterruntime", "widgets")
        person.apply_run("w", kind="widget+serve", spec={"image": None, "size": 2})
        wait_for("the component", lambda: person.status("w").get("reason") == "ComponentMissing")
        assert "needs Widgets (example.org)" in person.status("w")["message"]
        person.apply(WIDGETS)
        person.patch_run("w", {"spec": {"runPolicy": {"pendingDeadlineSeconds": 600}}})  # looked at at once
        widget = wait_for("the object", lambda: person.get("widgets.example.org", "w"))
        assert widget["spec"] == {"size": 2}
        reported = json.dumps({"status": {"phase": "Up"}})
        person.kubectl(
            "patch", "widgets.example.org", "w", "--subresource=status", "--type=merge", "-p", reported
        )
        status = person.becomes("w", "RUNNING")
        assert (status["message"], status["service"]["url"]) == ("it is Up", "w.example.org:80")
        person.patch_run("w", {"spec": {"suspend": True}})
        person.becomes("w", "STOPPED")
        assert person.get("widgets.example.org", "w") is None
        person.patch_run("w", {"spec": {"suspend": False}})
        again = wait_for("the next attempt", lambda: person.get("widgets.example.org", "w"))
        assert again["metadata"]["annotations"]["run-operator.io/attempt"] == "2"
    finally:
        person.kubectl("delete", "clusterruntime", "widgets")
        person.kubectl("delete", "crd", "widgets.example.org", "--ignore-not-found", "--wait=false")
