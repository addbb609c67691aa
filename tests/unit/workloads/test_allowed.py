"""What an administrator allows: types of Services, PriorityClasses, registries."""

from __future__ import annotations

import pytest

from run_operator.workloads.allowed import qualified
from run_operator.workloads.builder import build
from run_operator.workloads.fields import WorkloadError
from run_operator.workloads.types import Options
from tests.support.builders import run
from tests.support.parameter_names import stable

IMAGE = {"task": "container+job://demo/t", "image": "reg.example/team/app:1"}
SERVICE = {"task": "container+deploy://demo/t", "image": "busybox", "service_ports": [{"port": 80}]}


def refusal(spec: dict, options: Options) -> str:
    kind = spec["task"].partition(":")[0] + ":run"
    try:
        build(run(spec, kind=kind), 1, options)
    except WorkloadError as error:
        return str(error) if error.reason == "NotAllowed" else repr(error)
    return ""


@pytest.mark.parametrize(
    ("spec", "options", "words"),
    [
        (
            SERVICE | {"service_type": "LoadBalancer"},
            Options(allowed_service_types=("ClusterIP", "NodePort")),
            (
                "spec.spec.service_type: LoadBalancer is not allowed",
                "allowed: ClusterIP, NodePort",
                "--allowed-service-type",
            ),
        ),
        (
            IMAGE | {"priority_class": "high"},
            Options(allowed_priority_classes=("batch",)),
            ("spec.spec.priority_class: high is not allowed", "allowed: batch", "--allowed-priority-class"),
        ),
        (
            SERVICE,
            Options(allowed_registries=("reg.example",)),
            (
                "spec.spec.image: docker.io/library/busybox is not allowed",
                "allowed: reg.example",
                "--allowed-registry",
            ),
        ),
        (
            IMAGE,
            Options(allowed_registries=("reg.example/te",)),
            ("image: reg.example/team/app:1 is not allowed",),
        ),
        (
            IMAGE | {"image": "EVIL/app"},  # a registry to container engines
            Options(allowed_registries=("docker.io",)),
            ("image: EVIL/app is not allowed",),
        ),
        (
            IMAGE | {"image": "reg.example.evil/app"},
            Options(allowed_registries=("reg.example",)),
            ("is not allowed",),
        ),
    ],
    ids=stable,
)
def test_what_is_not_in_the_list_is_refused_with_the_list_and_the_flag(spec, options, words):
    assert [word for word in words if word not in refusal(spec, options)] == []


@pytest.mark.parametrize(
    ("spec", "options"),
    [
        (SERVICE | {"service_type": "LoadBalancer"}, Options()),
        (SERVICE, Options(allowed_service_types=("ClusterIP",))),
        (IMAGE | {"service_type": "NodePort"}, Options(allowed_service_types=("ClusterIP",))),
        (IMAGE, Options(allowed_priority_classes=("batch",))),
        (IMAGE, Options(allowed_registries=("other", "reg.example/team/"))),
    ],
    ids=stable,
)
def test_what_is_allowed_or_not_used_is_built(spec, options):
    assert refusal(spec, options) == ""


@pytest.mark.parametrize(
    ("image", "whole"),
    [
        ("busybox", "docker.io/library/busybox"),
        ("bitnami/git:2", "docker.io/bitnami/git:2"),
        ("localhost/a", "localhost/a"),
        ("reg:5000/a", "reg:5000/a"),
        ("quay.io/a/b@sha256:0", "quay.io/a/b@sha256:0"),
    ],
)
def test_an_image_without_a_registry_is_of_the_usual_one(image, whole):
    assert qualified(image) == whole
