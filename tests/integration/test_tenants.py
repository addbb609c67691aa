"""Two teams that do not trust each other, on a real API server: what one writes changes nothing for the other."""

from __future__ import annotations

import json
from typing import Any

from tests.support.harness import Person, condition, wait_for

MARKS = {"app.kubernetes.io/managed-by": "run-operator", "run-operator.io/attempt": "1"}


def uid_of(person: Person, run: str) -> str:
    return str(person.get("run", run)["metadata"]["uid"])


def forged(kind: str, name: str, uid: str, api: str = "v1", **spec: Any) -> dict[str, Any]:
    """An object with every mark of a child of that Run.

    It has no owner reference: the garbage collector deletes objects whose owner is not in their own namespace.
    """
    metadata = {
        "name": name, "labels": MARKS | {"run-operator.io/run-uid": uid},
        "annotations": {"run-operator.io/attempt": "1"},
    }  # fmt: skip
    return {"apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec}


def program(uid: str, *command: str) -> dict[str, Any]:
    containers = [{"name": "main", "image": "busybox:1.36", "command": list(command)}]
    return {
        "metadata": {"labels": MARKS | {"run-operator.io/run-uid": uid}},
        "spec": {"containers": containers, "restartPolicy": "Never"},
    }


class TestForeignObjectsWithARunsMarks:
    def test_a_job_of_another_namespace_does_not_finish_a_run(self, operator, person, stranger):
        person.apply_run("victim", suspend=True)
        person.becomes("victim", "STOPPED")
        template = program(uid_of(person, "victim"), "kwok-complete")
        stranger.apply(forged("Job", "forged", uid_of(person, "victim"), "batch/v1", template=template))
        wait_for("the forged Job complete", lambda: _status(stranger, "job", "forged").get("succeeded"))
        person.patch_run("victim", {"spec": {"suspend": False}})
        assert person.becomes("victim", "RUNNING")["attempt"] == 1

    def test_a_pod_of_another_namespace_does_not_block_a_stop(self, operator, person, stranger):
        person.apply_run("victim")
        person.becomes("victim", "RUNNING")
        pod = program(uid_of(person, "victim"), "sleep", "3600")
        stranger.apply(forged("Pod", "ghost", uid_of(person, "victim"), **pod["spec"]))
        wait_for("the ghost running", lambda: _status(stranger, "pod", "ghost").get("phase") == "Running")
        person.patch_run("victim", {"spec": {"suspend": True}})
        person.becomes("victim", "STOPPED", 30)

    def test_a_service_of_another_namespace_is_no_address_of_a_run(self, operator, person, stranger):
        ports = {"service_ports": [{"port": 80, "target_port": 5678}]}
        person.apply_run("victim", kind="container+serve", spec=ports, suspend=True)
        person.becomes("victim", "STOPPED")
        service = {"ports": [{"name": "port80", "port": 80, "targetPort": 5678}], "selector": {"a": "b"}}
        stranger.apply(forged("Service", "victim", uid_of(person, "victim"), **service))
        person.patch_run("victim", {"spec": {"suspend": False}})
        status = person.becomes("victim", "RUNNING")
        assert status["service"]["namespace"] == person.namespace
        assert person.get("service", "victim") is not None


class TestRunsThatAreBeingDeleted:
    def test_a_deleted_run_that_a_finalizer_holds_back_is_stopped(self, operator, person):
        person.apply_run("held")
        person.becomes("held", "RUNNING")
        person.patch_run("held", {"metadata": {"finalizers": ["example.com/keep"]}})
        person.kubectl("delete", "run", "held", "--wait=false")
        person.becomes("held", "STOPPED", 30)
        assert [pod for pod in person.items("pods") if pod["status"]["phase"] == "Running"] == []
        person.patch_run("held", {"metadata": {"finalizers": None}})

    def test_a_deleted_service_that_a_finalizer_holds_back_is_stopped(self, operator, person):
        person.apply_run("held", kind="container+deploy")
        person.becomes("held", "RUNNING")
        person.patch_run("held", {"metadata": {"finalizers": ["example.com/keep"]}})
        person.kubectl("delete", "run", "held", "--wait=false")
        person.becomes("held", "STOPPED", 30)
        person.patch_run("held", {"metadata": {"finalizers": None}})

    def test_a_deleted_run_that_waits_never_starts(self, operator, person):
        person.apply_run("held", suspend=True)
        person.becomes("held", "STOPPED")
        person.patch_run("held", {"metadata": {"finalizers": ["example.com/keep"]}})
        person.kubectl("delete", "run", "held", "--wait=false")
        person.patch_run("held", {"spec": {"suspend": False}})
        person.apply_run("after")
        person.becomes("after", "RUNNING")
        assert [job["metadata"]["name"] for job in person.items("jobs")] == ["after"]
        person.patch_run("held", {"metadata": {"finalizers": None}})


class TestStatusThatOthersWrote:
    def test_a_forged_function_in_the_status_never_runs(self, operator, person):
        person.apply(_function("busybox:1.36"))
        person.apply_run("victim", image="", spec={"function": "container://demo/hello"}, suspend=False)
        person.becomes("victim", "RUNNING")
        person.patch_run("victim", {"spec": {"suspend": True}})
        person.becomes("victim", "STOPPED")
        evil = {"image": "evil:1", "command": "sh", "secrets": ["db-credentials"]}
        patch = [{"op": "replace", "path": "/status/resolved/function/spec", "value": evil}]
        _patch_status(person, "victim", patch)
        person.patch_run("victim", {"spec": {"suspend": False}})
        person.becomes("victim", "RUNNING")
        (job,) = person.items("jobs")
        assert job["spec"]["template"]["spec"]["containers"][0]["image"] == "busybox:1.36"
        assert "db-credentials" not in json.dumps(job)
        wait_for("the Event", lambda: _events(person, "RecordNotGenuine"))

    def test_the_record_of_another_run_is_not_believed(self, operator, person):
        person.apply([_function("one:1", "hello"), _function("two:1", "other")])
        for name, function in (("first", "hello"), ("second", "other")):
            person.apply_run(name, image="", spec={"function": f"container://demo/{function}"}, suspend=False)
            person.becomes(name, "RUNNING")
        person.patch_run("first", {"spec": {"suspend": True}})
        person.becomes("first", "STOPPED")
        stolen = person.status("second")["resolved"]
        stolen["function"]["reference"] = "container://demo/hello"
        _patch_status(person, "first", [{"op": "replace", "path": "/status/resolved", "value": stolen}])
        person.patch_run("first", {"spec": {"suspend": False}})
        person.becomes("first", "RUNNING")
        assert person.get("job", "first")["spec"]["template"]["spec"]["containers"][0]["image"] == "one:1"


class TestCodeInPods:
    def test_the_module_that_pods_mount_cannot_be_changed(self, operator, person):
        person.warm()
        mounted = _module_mounted(person, "warm")
        code = json.dumps({"data": {"sitecustomize.py": "print('evil')"}})
        done = person.kubectl("patch", "configmap", mounted, "--type=merge", "-p", code, check=False)
        assert done.returncode != 0
        assert "immutable" in done.stderr

    def test_a_module_made_by_somebody_else_is_never_mounted_and_is_named(self, operator, person, stranger):
        stranger.warm()
        name = _module_mounted(stranger, "warm")
        person.apply(
            {
                "apiVersion": "v1", "kind": "ConfigMap", "immutable": True, "data": {"runmetrics.py": "evil"},
                "metadata": {"name": name, "labels": {"app.kubernetes.io/managed-by": "run-operator"}},
            }
        )  # fmt: skip
        person.apply_run("victim")
        status = wait_for("the refusal", lambda: _waits(person, "victim", name))
        assert condition(status, "Running")["reason"] == "NameConflict"
        assert person.items("pods") == []
        person.kubectl("delete", "configmap", name)
        person.becomes("victim", "RUNNING")


def _status(person: Person, kind: str, name: str) -> dict[str, Any]:
    return (person.get(kind, name) or {}).get("status") or {}


def _function(image: str, name: str = "hello") -> dict[str, Any]:
    document = {
        "kind": "container",
        "project": "demo",
        "name": name,
        "id": f"{name}-1",
        "spec": {"image": image},
    }
    return {
        "apiVersion": "run-operator.io/v1alpha1", "kind": "Function", "metadata": {"name": f"{name}-1"},
        "spec": document,
    }  # fmt: skip


def _patch_status(person: Person, run: str, patch: list[dict[str, Any]]) -> None:
    person.kubectl("patch", "run", run, "--subresource=status", "--type=json", "-p", json.dumps(patch))


def _events(person: Person, reason: str) -> list[Any]:
    return person.items("events", f"--field-selector=reason={reason}")


def _module_mounted(person: Person, run: str) -> str:
    """The name of the ConfigMap with the code that the Run's pods mount."""
    volumes = person.get("job", run)["spec"]["template"]["spec"]["volumes"]
    sources = [source for volume in volumes for source in volume.get("projected", {}).get("sources", ())]
    found = [
        s["configMap"]
        for s in sources
        if any(i["key"] == "runmetrics.py" for i in s.get("configMap", {}).get("items", ()))
    ]
    return str(found[0]["name"])


def _waits(person: Person, run: str, name: str) -> dict[str, Any] | None:
    status = person.status(run)
    return status if name in str(status.get("message")) else None
