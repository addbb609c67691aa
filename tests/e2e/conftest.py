"""Real pods: the cluster of the shape full, with the operator inside, installed as a user would."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cluster.registry import Registry
from tests.support.harness import REPOSITORY, Person, cluster_down, cluster_name, cluster_up

NAME = cluster_name("e2e")


DEADLINE = 300
"""Seconds of a test: the first one waits for the cluster, with the operator rolled out in it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.pods)
        if not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(DEADLINE))


@pytest.fixture(scope="session")
def kubeconfig() -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("real pods need root")
    path = cluster_up(NAME, "full", "--s3", "--registry")
    someone = Person(path, "run-operator")
    someone.install_crds()
    someone.kubectl("apply", "-k", str(REPOSITORY / "manifests" / "overlays" / "demo"))
    build_images_at(someone, path.parent)
    someone.kubectl("rollout", "status", "deployment/run-operator", "--timeout=110s")
    yield path
    cluster_down(NAME)


def build_images_at(someone: Person, folder: Path) -> None:
    """Tell the operator of the cluster's registry, as an administrator does."""
    settings = {
        "REGISTRY": f"{Registry.load(folder).address}/runs/{{namespace}}",
        "PUSH_SECRET": "run-operator-build-push",
        "BASE_SECRET": "run-operator-build-base",
        "SECCOMP_PROFILE": "Localhost/run-operator-builder.json",
        "PLAIN_HTTP": "true",
    }
    named = [f"RUN_OPERATOR_BUILD_{name}={value}" for name, value in settings.items()]
    someone.kubectl("set", "env", "deployment/run-operator", *named)


@pytest.fixture(scope="session")
def python_runtime(kubeconfig: Path) -> None:
    """The cluster has the image that Python functions run in."""
    command = [sys.executable, "-m", "cluster", "images", "--load", "--name", NAME, "python-runtime"]
    subprocess.run(command, cwd=REPOSITORY, check=True)


@contextmanager
def newcomer(kubeconfig: Path) -> Iterator[Person]:
    """A person with a namespace of their own."""
    name = f"t-{uuid.uuid4().hex[:10]}"
    one = Person(kubeconfig, name)
    one.kubectl("create", "namespace", name)
    one.kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    yield one
    one.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def person(kubeconfig: Path) -> Iterator[Person]:
    with newcomer(kubeconfig) as one:
        yield one


def manifest(path: Path) -> str:
    """What runctl makes of an export."""
    command = [sys.executable, "-m", "run_operator.client.cli", "manifest", str(path)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
