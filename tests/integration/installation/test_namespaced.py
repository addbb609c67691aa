"""The operator for a list of namespaces: enough rights there, none elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.harness import REPOSITORY, OperatorProcess, Person, account_of, wait_for
from tests.support.metrics_pod import MetricsPod

MANIFESTS = REPOSITORY / "manifests"
NAMESPACED = str(MANIFESTS / "overlays" / "namespaced")
BASE = str(MANIFESTS / "base")


@pytest.fixture
def teams(kubeconfig: Path, installed: Person) -> Iterator[dict[str, Person]]:
    """Two namespaces of the list and one that is not on it, with the overlay in place of the base."""
    found = {name: Person(kubeconfig, name) for name in ("team-a", "team-b", "team-c")}
    installed.kubectl("delete", "-k", BASE, "--ignore-not-found")
    for name in found:
        installed.kubectl("create", "namespace", name)
    installed.kubectl("apply", "--namespace=", "-k", NAMESPACED)
    yield found
    for person in found.values():
        person.kubectl("delete", "runs", "--all", "--wait=false")
        person.kubectl("delete", "namespace", person.namespace, "--wait=false")
    installed.kubectl("delete", "--namespace=", "-k", NAMESPACED, "--ignore-not-found")
    installed.kubectl("apply", "-k", BASE)


def test_the_operator_serves_its_namespaces_and_has_no_right_in_others(
    kubeconfig, installed, teams, tmp_path
):
    account = account_of(kubeconfig, tmp_path / "kubeconfig", "run-operator", "run-operator")
    log = tmp_path / "log"
    operator = OperatorProcess(
        account, log, "run-operator", namespaces="team-a team-b", profiles_namespace="team-a"
    )
    try:
        operator.start()
        for person in teams.values():
            person.apply_run("hello", "kwok-complete")
        for name in ("team-a", "team-b"):
            teams[name].becomes("hello", "COMPLETED")
        teams["team-b"].apply_run("logs")
        teams["team-b"].becomes("logs", "RUNNING")
        pod = MetricsPod(teams["team-b"], operator.ingest_url, "logs")
        assert pod.log("loss", 1)[0] == 202
        pod.settle()
        pod.close()
        teams["team-b"].patch_run("logs", {"spec": {"suspend": True}})
        teams["team-b"].becomes("logs", "STOPPED")
        wait_for("the story", lambda: teams["team-b"].items("events", "--field-selector=reason=Suspended"))
        assert teams["team-c"].status("hello") == {"state": "CREATED", "observedGeneration": -1}, (
            "as the CRD has it"
        )
        refused = {
            code for _, labels, _ in operator.metrics() if (code := labels.get("code")) in ("401", "403")
        }
        assert not refused, log.read_text()[-3000:]
    finally:
        operator.kill()
    someone = "--as=system:serviceaccount:run-operator:run-operator"
    for namespace in ("team-c", "default", "kube-system"):
        for what in (
            "list runs",
            "create jobs",
            "get secrets",
            "list configmaps",
            "patch deployments",
            "get pods --subresource=log",
        ):
            done = installed.kubectl("-n", namespace, "auth", "can-i", *what.split(), someone, check=False)
            assert done.stdout.strip() == "no", (namespace, what)


def test_the_network_policies_are_accepted(person):
    person.kubectl("apply", "-k", str(MANIFESTS / "components" / "run-network"))
    (found,) = person.items("networkpolicies")
    assert found["spec"]["podSelector"]["matchExpressions"] == [
        {"key": "run-operator.io/run", "operator": "Exists"}
    ]
