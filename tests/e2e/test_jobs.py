"""What a person sees with real pods, in a namespace that enforces the restricted Pod Security Standard."""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.harness import EXPORTS, condition, wait_for


def apply_export(person, export: str | Path) -> str:
    path = export if isinstance(export, Path) else EXPORTS / f"{export}.yaml"
    command = [sys.executable, "-m", "run_operator.client.cli", "manifest", str(path)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return person.kubectl("create", "-f", "-", "-o", "name", stdin=text).stdout.strip().partition("/")[2]


@pytest.mark.parametrize(
    ("export", "state", "said"),
    [
        ("container-job-selfcontained", "COMPLETED", "exited with code 0"),
        ("container-job-from-backend", "COMPLETED", "exited with code 0"),
        ("container-job-running", "COMPLETED", "exited with code 0"),
        ("container-job-completed", "COMPLETED", "exited with code 0"),
        ("edge-exponent-id", "COMPLETED", "exited with code 0"),
        ("edge-numeric-id", "RUNNING", "runs on node"),
        ("container-build-full", "CREATED", "the profile '1xa100' is in no ConfigMap"),
    ],
)
def test_exports_run_to_the_state_they_should(person, export, state, said):
    name = apply_export(person, export)
    person.becomes(name, state)
    wait_for(said, lambda: said in person.status(name).get("message", ""))


def resolution(person, name: str) -> str:
    return condition(person.status(name), "Resolved").get("message", "")


def test_an_export_that_names_its_function_waits_for_it_and_runs(person, tmp_path):
    name = apply_export(person, "container-job-function-only")
    reference = "container://demo/hello:1c2d3e4f5a6b47c8b9d0e1f2a3b4c5d6"
    wait_for("the reason", lambda: f"apply the Function {reference}" in resolution(person, name))
    assert person.status(name)["state"] == "CREATED"
    text = (EXPORTS / "function-container.yaml").read_text()
    path = tmp_path / "functions-1c2d3e4f5a6b47c8b9d0e1f2a3b4c5d6.yaml"
    path.write_text(text.replace("cad9f044d9dc44d69390fadfb4ff02d3", "1c2d3e4f5a6b47c8b9d0e1f2a3b4c5d6"))
    apply_export(person, path)
    status = person.becomes(name, "COMPLETED")
    assert status["resolved"]["function"]["spec"] == {
        "image": "docker.io/library/busybox:1.36",
        "command": "sh",
    }


def test_an_export_that_names_only_its_task_waits_for_that_and_for_the_tasks_function(person, tmp_path):
    name = apply_export(person, "container-job-minimal")
    wait_for("the reason", lambda: "apply the Task container+job://demo/8f0e" in resolution(person, name))
    text = (EXPORTS / "task-container-job.yaml").read_text()
    path = tmp_path / "task.yaml"
    path.write_text(text.replace("3070feb080d04e1cbf38516f65bb3eaa", "8f0e3f0b7f6a4e0c9d1b5c2a3d4e5f60"))
    apply_export(person, path)
    wait_for("the reason", lambda: "apply the Function container://demo/hello" in resolution(person, name))
    apply_export(person, "function-container")
    person.becomes(name, "COMPLETED")


def test_a_missing_claim_is_named(person):
    volume = {"volume_type": "shared_volume", "name": "team", "mount_path": "/team"}
    person.apply_run("sharing", "true", spec={"volumes": [volume]})
    wait_for(
        "the reason",
        lambda: condition(person.status("sharing"), "Running").get("reason") == "ClaimNotFound",
    )
    assert (
        "PersistentVolumeClaim team, which does not exist in this namespace"
        in person.status("sharing")["message"]
    )


def test_success_shows_output_and_story(person):
    person.apply_run(
        "hello", "sh", "-c", "echo hello from $RUN_NAME attempt $RUN_ATTEMPT of $PROJECT_NAME; id -u"
    )
    status = person.becomes("hello", "COMPLETED")
    assert person.kubectl("logs", "job/hello").stdout == "hello from hello attempt 1 of demo\n1000\n"
    assert status["attempts"][0]["exitCode"] == 0
    wait_for("the story", lambda: "Completed" in person.kubectl("describe", "run", "hello").stdout)
    assert "Started" in person.kubectl("describe", "run", "hello").stdout


def test_exit_code(person):
    person.apply_run("three", "sh", "-c", "exit 3")
    status = person.becomes("three", "ERROR")
    assert status["attempts"][0]["exitCode"] == 3
    assert condition(status, "Failed")["reason"] == "BackoffLimitExceeded"
    assert "main exited with code 3" in status["message"]


def test_out_of_memory(person):
    program = "x = bytearray(300 * 2**20); print(len(x))"
    person.apply_run(
        "hungry",
        "python3",
        "-c",
        program,
        image="docker.io/library/python:3.12-slim",
        spec={"resources": {"mem": "64Mi"}},
    )
    status = person.becomes("hungry", "ERROR")
    assert condition(status, "Failed")["reason"] == "OOMKilled"
    assert "raise resources.mem" in status["message"]


def test_an_image_that_cannot_be_pulled(person):
    person.apply_run("nowhere", "true", image="registry.invalid/none:1")
    wait_for(
        "the reason",
        lambda: condition(person.status("nowhere"), "Running").get("reason") == "ImagePullFailed",
    )
    status = person.status("nowhere")
    assert status["state"] == "PENDING"
    assert "registry.invalid/none:1 cannot be pulled" in status["message"]
    person.patch_run("nowhere", {"spec": {"suspend": True}})
    person.becomes("nowhere", "STOPPED")


def test_a_missing_secret_is_named(person):
    person.apply_run("secretive", "true", spec={"secrets": ["db_password"]})
    wait_for(
        "the reason",
        lambda: condition(person.status("secretive"), "Running").get("reason") == "SecretNotFound",
    )
    assert 'secret "db-password" not found' in person.status("secretive")["message"]
    person.kubectl("create", "secret", "generic", "db-password", "--from-literal=DB_PASSWORD=x")
    person.becomes("secretive", "COMPLETED")


@pytest.fixture
def later(person):
    """Labels a node when it is called; until then who asks for that label finds no node."""
    node = person.items("nodes")[0]["metadata"]["name"]
    key = f"run-operator.io/{person.namespace}"
    yield {"key": key, "value": "yes"}, lambda: person.kubectl("label", "node", node, f"{key}=yes")
    person.kubectl("label", "node", node, f"{key}-")


def test_a_config_map_that_is_gone_before_it_is_mounted_is_named(person, later):
    """The pod has a node by then, so that only the kubelet's Events say what it waits for."""
    selector, label = later
    source = {"source": "main.sh", "base64": base64.b64encode(b"echo hello").decode()}
    person.apply_run("mounting", "sh", "main.sh", spec={"source": source, "node_selector": [selector]})

    def reason() -> object:
        return condition(person.status("mounting"), "Running").get("reason")

    wait_for("no node", lambda: reason() == "Unschedulable")
    (files,) = person.items("configmaps", "-l", "run-operator.io/run=mounting")
    name = files["metadata"]["name"]
    person.kubectl("delete", "configmap", name)
    label()
    wait_for("the reason", lambda: reason() == "ConfigMapNotFound")
    assert f'cannot start: configmap "{name}" not found' in person.status("mounting")["message"]
    for key in ("uid", "resourceVersion", "creationTimestamp"):
        files["metadata"].pop(key)
    person.apply(files)
    status = person.becomes(
        "mounting", "COMPLETED", deadline=180
    )  # the kubelet tries again every two minutes
    assert status["attempt"] == 1
    assert person.kubectl("logs", "job/mounting").stdout == "hello\n"


def test_a_sandbox_that_cannot_be_made_is_reported(person):
    """The class is there; the node has nothing by its handler's name."""
    name = f"none-{person.namespace}"
    about = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": name}}
    person.apply(about | {"handler": "nothing"})
    try:
        person.apply_run("boxed", "true", spec={"runtime_class": name})
        wait_for(
            "the reason",
            lambda: condition(person.status("boxed"), "Running").get("reason") == "FailedCreatePodSandBox",
        )
        assert "nothing" in person.status("boxed")["message"]
    finally:
        person.kubectl("delete", "runtimeclass", name)


def test_the_deadline(person):
    person.apply_run(
        "slow", "sleep", "600", policy={"activeDeadlineSeconds": 3, "terminationGracePeriodSeconds": 1}
    )
    status = person.becomes("slow", "ERROR")
    assert condition(status, "Failed")["reason"] == "DeadlineExceeded"


def test_deletion_takes_the_pod_along(person):
    person.apply_run("gone", "sleep", "600", policy={"terminationGracePeriodSeconds": 1})
    person.becomes("gone", "RUNNING")
    person.kubectl("delete", "run", "gone")
    wait_for("no pod left", lambda: not person.items("pods,jobs"))


def test_a_program_inside_the_document_and_a_claim_and_retries(person):
    """Fails once, remembers it on its claim, and succeeds when it is started again."""
    program = b"import os, sys\nseen = os.path.exists('/data/seen')\nopen('/data/seen', 'w').close()\nsys.exit(0 if seen else 1)\n"
    spec = {
        "source": {"source": "main.py", "base64": base64.b64encode(program).decode(), "lang": "python"},
        "volumes": [
            {
                "volume_type": "persistent_volume_claim",
                "name": "data",
                "mount_path": "/data",
                "spec": {"size": "1Mi"},
            }
        ],
    }
    image = "docker.io/library/python:3.12-slim"
    person.apply_run("again", "python3", "main.py", image=image, spec=spec, policy={"backoffLimit": 1})
    status = person.becomes("again", "COMPLETED", deadline=90)
    assert status["attempt"] == 1
    assert len(person.items("pods")) == 2
