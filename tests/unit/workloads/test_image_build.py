"""What a Run that builds an image becomes: who may do what in its pod, and how the image is called."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from run_operator.api.run import Run
from run_operator.workloads.builder import build
from run_operator.workloads.fields import UnresolvedError, WorkloadError
from run_operator.workloads.image_build import image_name
from run_operator.workloads.types import ImageBuilding, Options, Workload

BUILDING = ImageBuilding("registry.example.org/runs", "builder:1", push_secret="push", base_secret="base")
OPTIONS = Options(ingest_url="https://ingest:8443", building=BUILDING)
SPEC = {"function": "container://demo/my_image:1", "base_image": "busybox:1", "instructions": ["RUN id"]}


def run(kind: str = "container+build:run", **spec: Any) -> Run:
    metadata = {"name": "one", "namespace": "ml", "uid": "u", "generation": 1}
    document = {"kind": kind, "project": "Demo", "id": "b1", "runPolicy": {}}
    return Run.from_object({"metadata": metadata, "spec": document | {"spec": SPEC | spec}})


def built(one: Run, building: ImageBuilding | None = BUILDING, **options: Any) -> Workload:
    return build(one, 1, replace(OPTIONS, building=building, **options))


def pod(workload: Workload) -> dict[str, Any]:
    found: dict[str, Any] = workload.child["spec"]["template"]["spec"]
    return found


def containers(workload: Workload) -> tuple[dict[str, Any], dict[str, Any]]:
    """The one that builds, and the one that pushes."""
    spec = pod(workload)
    (first,), (second,) = spec["initContainers"], spec["containers"]
    return first, second


def order(workload: Workload) -> dict[str, Any]:
    (found,) = [body for body in workload.needs if body["kind"] == "ConfigMap"]
    document: dict[str, Any] = json.loads(base64.b64decode(found["binaryData"]["source"]))
    return document["run"]["build"]


def mounts(container: dict[str, Any]) -> dict[str, str]:
    return {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}


def secrets(container: dict[str, Any]) -> set[str]:
    """Those that its variables are of, one by one."""
    return {one["valueFrom"]["secretKeyRef"]["name"] for one in container["env"] if "valueFrom" in one}


def test_it_is_a_job_that_builds_before_it_pushes():
    made = built(run())
    first, second = containers(made)
    assert made.child["kind"] == "Job"
    assert (first["name"], first["command"][-1], first["image"]) == ("build", "build", "builder:1")
    assert (second["name"], second["command"][-1], second["image"]) == ("main", "push", "builder:1")
    assert order(made)["containerfile"] == "FROM busybox:1\nRUN id\n"
    assert order(made)["image"] == "registry.example.org/runs/ml.demo-my-image:b1"


def test_only_the_container_that_pushes_has_the_push_credentials_and_nothing_of_the_document():
    first, second = containers(
        built(
            run(
                envs=[{"name": "LD_PRELOAD", "value": "/shared/x.so"}],
                secrets=["mine"],
                volumes=[{"volume_type": "empty_dir", "name": "v", "mount_path": "/usr/bin"}],
            )
        )
    )
    assert mounts(second) == {"/var/run/run-operator": "run-operator", "/build": "build"}
    assert "/usr/bin" not in mounts(first)
    assert not {"envFrom", "workingDir"} & set(second)
    assert (secrets(first), secrets(second)) == ({"base"}, {"push"})
    assert {one["name"] for one in second["env"]} == {"RUN_BUILD_LOGINS", "RUN_BUILD_AUTHORITY"}
    assert first["envFrom"] == [{"secretRef": {"name": "mine"}}]


def test_volumes_are_not_mounted_and_that_is_said():
    volume = {"volume_type": "empty_dir", "name": "v", "mount_path": "/data"}
    assert built(run(volumes=[volume])).warnings == (
        "spec.spec.volumes: a build mounts no volumes of the document",
    )
    assert built(run()).warnings == ()


def test_without_more_rights_the_pod_is_as_restricted_as_any_other():
    made = built(run())
    first, second = containers(made)
    assert first["securityContext"] == second["securityContext"]
    assert first["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    assert pod(made)["securityContext"]["runAsNonRoot"] is True
    assert "hostUsers" not in pod(made)


def test_the_administrator_says_what_the_container_that_builds_may_beyond_that():
    building = replace(
        BUILDING, seccomp_profile="Localhost/builder.json", apparmor_profile="Unconfined", user_namespace=True
    )
    made = built(run(), building)
    first, second = containers(made)
    assert first["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "Localhost", "localhostProfile": "builder.json"},
        "appArmorProfile": {"type": "Unconfined"},
    }
    assert "seccompProfile" not in second["securityContext"]
    assert pod(made)["hostUsers"] is False


@pytest.mark.parametrize("options", [{"building": None}, {"ingest_url": None}])
def test_without_a_registry_or_an_ingest_it_waits(options):
    with pytest.raises(UnresolvedError, match=r"docs/builds\.md") as caught:
        built(run(), **options)
    assert caught.value.reason == "BuilderMissing"


@pytest.mark.parametrize(
    ("spec", "refused"),
    [
        ({"base_image": "elsewhere.example.org/a:1"}, "elsewhere.example.org/a:1 is not allowed"),
        ({"instructions": ["COPY --from=elsewhere.example.org/a:1 / /"]}, "elsewhere.example.org/a:1 is not"),
        ({"instructions": ["ARG A=x", "FROM ${A}"]}, "is a variable"),
    ],
)
def test_base_images_come_from_allowed_registries(spec, refused):
    building = replace(BUILDING, image="docker.io/library/builder:1")
    built(run(), building, allowed_registries=("docker.io/library",))
    with pytest.raises(WorkloadError, match=refused):
        built(run(**spec), building, allowed_registries=("docker.io/library",))


@pytest.mark.parametrize(
    ("registry", "spec", "name"),
    [
        ("r", {}, "r/ml.demo-my-image:b1"),
        ("r/{namespace}/", {}, "r/ml/demo-my-image:b1"),
        ("r", {"function": None}, "r/ml.demo-one:b1"),
        ("r", {"function": f"container://demo/{'x' * 125}:1"}, f"r/ml.demo-{'x' * 123}:b1"),
    ],
)
def test_the_name_of_the_image(registry, spec, name):
    assert image_name(run(**spec), registry) == name


def test_no_project_or_function_gives_the_name_of_an_image_of_another_namespace():
    """Anybody may call a project as another team does, and a Run too."""
    theirs = image_name(run(), "r")
    for project, function in (
        ("demo", "my-image"),
        ("ml-demo", "my-image"),
        ("ml.demo", "my-image"),
        ("ml", "demo-my-image"),
    ):
        mine = replace(run(function=f"container://{project}/{function}:1"), namespace="b", project=project)
        assert image_name(mine, "r") != theirs
        assert image_name(replace(mine, namespace="ml-demo"), "r") != theirs


@pytest.mark.parametrize("kind", ["python", "openinference", "guardrail"])
def test_a_function_is_built_from_its_source(kind):
    source = {"code": "def run():\n    pass\n", "handler": "run"}
    made = built(
        run(f"{kind}+build:run", function=f"{kind}://demo/f:1", source=source, requirements=["numpy"], base_image="python:3.12",
            instructions=["echo a"])
    )  # fmt: skip
    assert "RUN echo a" in order(made)["containerfile"]
    assert order(made)["files"] == {"requirements.run-operator.txt": "numpy\n"}
