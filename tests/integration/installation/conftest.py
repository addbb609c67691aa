"""A control plane of these tests' own, installed as a platform engineer would: policies count for the whole cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.harness import (
    REPOSITORY,
    Person,
    cluster_down,
    cluster_name,
    cluster_up,
    run_object,
    wait_for,
)
from tests.support.policy_cast import Cast, job

NAME = cluster_name("install")


@pytest.fixture(scope="package")
def kubeconfig() -> Iterator[Path]:
    path = cluster_up(NAME, "control-plane")
    Person(path).install_crds()
    yield path
    cluster_down(NAME)


@pytest.fixture(scope="package")
def installed(kubeconfig: Path) -> Person:
    """Somebody who may do everything, in the operator's namespace, beside `manifests/base`."""
    admin = Person(kubeconfig, "run-operator")
    admin.kubectl("apply", "-k", str(REPOSITORY / "manifests" / "base"))
    return admin


@pytest.fixture
def empty(installed: Person) -> Iterator[Person]:
    """Without the operator, and without its CRDs; both are there again afterwards."""
    installed.kubectl("delete", "-k", str(REPOSITORY / "manifests" / "base"), "--ignore-not-found")
    installed.kubectl("delete", "-k", str(REPOSITORY / "crds"), "--ignore-not-found")
    yield installed
    installed.install_crds()
    installed.kubectl("apply", "-k", str(REPOSITORY / "manifests" / "base"))


@pytest.fixture
def overlay(tmp_path: Path) -> Iterator[Path]:
    """An empty folder beside the overlays of the repository, for a kustomization of a test's own."""
    folder = REPOSITORY / "manifests" / "overlays" / f"test-{tmp_path.name}"
    folder.mkdir()
    yield folder
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


@pytest.fixture
def cast(installed: Person, person: Person) -> Cast:
    """The accounts, when the policies are in force."""
    made = Cast(person)
    bad = run_object("probe", spec={"secrets": ["x"]})
    wait_for("the policies", lambda: "may not get Secret x" in made.refusal("runner", bad))
    probe = job(person)
    del probe["metadata"]["ownerReferences"]
    wait_for("the policies", lambda: "only what a Run owns" in made.refusal("operator", probe))
    return made
