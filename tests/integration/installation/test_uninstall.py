"""What an uninstall leaves, and what the next installation finds; then the end of everything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.harness import REPOSITORY, OperatorProcess, Person, account_of, wait_for

BASE = ("-k", str(REPOSITORY / "manifests" / "base"))
CRDS = ("-k", str(REPOSITORY / "crds"))


@pytest.fixture
def operator(installed: Person, tmp_path: Path) -> Iterator[OperatorProcess]:
    """With the account and the rights of the installation."""
    one = _operator(installed, tmp_path)
    yield one
    one.kill()
    installed.install_crds()
    installed.kubectl("apply", *BASE)


def _operator(installed: Person, folder: Path) -> OperatorProcess:
    account = account_of(installed.kubeconfig, folder / "account", "run-operator", "run-operator")
    one = OperatorProcess(account, folder / "operator.log", "run-operator")
    one.start()
    return one


def _pods(person: Person) -> set[str]:
    return {one["metadata"]["uid"] for one in person.items("pods")}


def test_runs_outlive_the_operator_and_the_next_one_picks_them_up(operator, installed, person, tmp_path):
    for name in ("running", "ends", "stops"):
        person.apply_run(name)
        person.becomes(name, "RUNNING")
    person.apply_run(
        "service",
        "serve",
        kind="container+serve",
        spec={"service_ports": [{"port": 80, "target_port": 8080}]},
    )
    person.becomes("service", "RUNNING")
    pods, before = _pods(person), {name: person.status(name) for name in ("running", "service")}
    operator.stop()
    installed.kubectl("delete", *BASE)
    assert installed.kubectl("get", "namespace", "run-operator", check=False).returncode
    assert _pods(person) == pods

    (ended,) = person.items("pods", "-l", "run-operator.io/run=ends")
    person.end_pod(ended["metadata"]["name"])
    person.patch_run("stops", {"spec": {"suspend": True}})
    person.apply_run("late", "kwok-complete")
    installed.kubectl("apply", *BASE)
    again = _operator(installed, tmp_path)
    try:
        person.becomes("ends", "COMPLETED")
        person.becomes("stops", "STOPPED")
        person.becomes("late", "COMPLETED")
        for name, status in before.items():
            assert person.status(name) == status
        (still,) = person.items("pods", "-l", "run-operator.io/run=running")
        assert still["metadata"]["uid"] in pods
    finally:
        again.kill()


def test_without_the_operator_a_namespace_with_runs_can_be_deleted(operator, installed, person):
    there = Person(person.kubeconfig, f"{person.namespace}-there")
    there.kubectl("create", "namespace", there.namespace)
    for name in ("running", "stopped"):
        there.apply_run(name)
        there.becomes(name, "RUNNING")
    there.patch_run("stopped", {"spec": {"suspend": True}})
    there.becomes("stopped", "STOPPED")
    operator.stop()
    installed.kubectl("delete", *BASE)
    there.kubectl("delete", "namespace", there.namespace, "--timeout=60s")
    assert there.kubectl("get", "namespace", there.namespace, check=False).returncode


def test_the_crds_go_with_all_runs_and_what_they_own(operator, installed, person):
    person.apply_run("running")
    person.becomes("running", "RUNNING")
    operator.stop()
    installed.kubectl("delete", *BASE)
    installed.kubectl("delete", *CRDS, "--timeout=60s")
    assert not [one for one in installed.items("crds") if one["spec"]["group"] == "run-operator.io"]
    wait_for("what Runs owned to go", lambda: not person.items("jobs,pods,services,deployments"))
