"""Each object of the installation is deleted in turn: Runs go on without it, or as soon as it exists again."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.support.harness import REPOSITORY, OperatorProcess, Person, account_of, wait_for

FOLDERS = ("crds", "manifests/base", "manifests/base/rights", "manifests/components/policies")
APART = ("Kustomization", "Component", "Namespace", "ServiceAccount", "Deployment")
"""The namespace, the account and the Deployment are the operator itself."""
CRD = "CustomResourceDefinition"
NEEDED = (
    (CRD, "runs.run-operator.io"),
    ("ClusterRole", "run-operator"),
    ("ClusterRole", "run-operator-cluster"),
    ("ClusterRoleBinding", "run-operator"),
    ("ClusterRoleBinding", "run-operator-cluster"),
)
"""Without these the operator cannot do its work."""


class Part(NamedTuple):
    """An object of the manifests."""

    kind: str
    name: str

    def delete(self, admin: Person) -> None:
        """Somebody tidies up."""
        admin.kubectl("delete", self.kind, self.name)


def parts() -> list[Part]:
    """All of them, as the manifests have them."""
    files = [file for folder in FOLDERS for file in sorted((REPOSITORY / folder).glob("*.yaml"))]
    found: list[Any] = [one for file in files for one in yaml.safe_load_all(file.read_text())]
    objects = [one for one in found if one and one.get("apiVersion") and one["kind"] not in APART]
    return [Part(one["kind"], one["metadata"]["name"]) for one in objects if "metadata" in one]


PARTS = parts()
OPTIONAL = [part for part in PARTS if part not in NEEDED]


def label(part: Part) -> str:
    return f"{part.kind} {part.name}"


def apply_all(admin: Person, part: Part | None = None) -> None:
    """As operations.md says: all of it again."""
    if part is None or part.kind == CRD:
        admin.kubectl("apply", "-k", str(REPOSITORY / "crds"))
        crds = [f"crd/{one.name}" for one in PARTS if one.kind == CRD]
        admin.established(*crds)
    if part is None or part.kind != CRD:
        admin.kubectl("apply", "-k", str(REPOSITORY / "manifests" / "base"))


@pytest.fixture(scope="module")
def account(kubeconfig: Path, installed: Person, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The operator's own rights, and no others."""
    path = tmp_path_factory.mktemp("account") / "kubeconfig"
    return account_of(kubeconfig, path, "run-operator", "run-operator")


@pytest.fixture(scope="module")
def running(account: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    """One operator, which all of this happens to."""
    one = OperatorProcess(account, tmp_path_factory.mktemp("operator") / "log", "run-operator")
    one.start()
    yield one
    one.kill()


def completes(person: Person) -> None:
    name = f"r-{uuid.uuid4().hex[:8]}"
    person.apply_run(name, "kwok-complete")
    person.becomes(name, "COMPLETED")


@pytest.mark.parametrize("part", OPTIONAL, ids=label)
def test_runs_go_on_without_it_while_the_operator_runs(installed, running, person, part):
    part.delete(installed)
    try:
        completes(person)
        assert running.running
    finally:
        apply_all(installed, part)


@pytest.mark.parametrize("part", [Part(*one) for one in NEEDED], ids=label)
def test_runs_go_on_when_it_is_there_again(installed, running, person, part):
    if part.kind != CRD:
        person.apply_run("waits", "kwok-complete")
        person.becomes("waits", "COMPLETED")
    part.delete(installed)
    apply_all(installed, part)
    restarted_as_by_kubernetes(running)
    completes(person)


def restarted_as_by_kubernetes(operator: OperatorProcess) -> None:
    if not operator.running:
        operator.start()


def test_the_operator_starts_without_all_that_is_not_needed(installed, account, running, person, tmp_path):
    running.kill()
    for part in OPTIONAL:
        part.delete(installed)
    one = OperatorProcess(account, tmp_path / "log", "run-operator")
    try:
        one.start()
        completes(person)
        apply_all(installed)
        wait_for("all parts found", lambda: not missing(one))
        completes(person)
    finally:
        one.kill()
        apply_all(installed)


def missing(operator: OperatorProcess) -> list[str]:
    metrics = operator.metrics()
    return [str(labels) for name, labels, value in metrics if name == "run_operator_missing_part" and value]
