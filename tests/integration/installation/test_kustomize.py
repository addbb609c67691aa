"""Installed by kustomize as others install: another namespace, other names, again and again, by server-side apply, and away."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from run_operator import __version__
from tests.support.harness import REPOSITORY, OperatorProcess, Person, account_of, run_object, wait_for
from tests.support.terminal import Terminal

BASE = str(REPOSITORY / "manifests" / "base")
ELSEWHERE = """
namespace: ml-system
namePrefix: acme-
nameSuffix: -b
resources: [../../base]
components: [../../components/gateway]
"""


def rendered(person: Person, folder: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(person.kubectl("kustomize", str(folder)).stdout))


def one(objects: list[dict[str, Any]], kind: str, part: str) -> dict[str, Any]:
    (found,) = [o for o in objects if o["kind"] == kind and o["metadata"]["name"] == f"acme-{part}-b"]
    return found


def variables(deployment: dict[str, Any]) -> dict[str, str]:
    """As the kubelet would fill them in."""
    found: dict[str, str] = {}
    for entry in deployment["spec"]["template"]["spec"]["containers"][0]["env"]:
        value = entry.get("value", deployment["metadata"]["namespace"])
        for name, known in found.items():
            value = value.replace(f"$({name})", known)
        found[entry["name"]] = value
    return found


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, str):
        yield value


def test_another_namespace_prefix_and_suffix_reach_every_place_that_names_them(person, overlay):
    (overlay / "kustomization.yaml").write_text(ELSEWHERE)
    objects = rendered(person, overlay)
    env = variables(one(objects, "Deployment", "run-operator"))
    account = {"name": "acme-run-operator-b", "namespace": "ml-system"}
    assert {o["metadata"].get("namespace", "ml-system") for o in objects} == {"ml-system"}
    url = "https://acme-run-operator-ingest-b.ml-system.svc:8443"
    assert env["RUN_OPERATOR_INGEST_URL"] == env["RUN_OPERATOR_POD_API_URL"] == url
    assert one(objects, "Service", "run-operator-ingest")["spec"]["ports"][0]["port"] == 8443
    assert env["RUN_OPERATOR_INGEST_HOSTS"] == "acme-run-operator-metrics-b.ml-system.svc"
    for variable in ("RUN_OPERATOR_INGEST_CA_SECRET", "RUN_OPERATOR_GATEWAY_TLS_SECRET"):
        name = env[variable].removeprefix("acme-").removesuffix("-b")
        assert one(objects, "Secret", name)
        assert one(objects, "Role", name)["rules"][0]["resourceNames"] == [env[variable]]
    assert (
        one(objects, "Service", "run-operator-gateway")["metadata"]["name"]
        == env["RUN_OPERATOR_GATEWAY_SERVICE"]
    )
    subject = one(objects, "FlowSchema", "run-operator")["spec"]["rules"][0]["subjects"][0]
    assert subject["serviceAccount"] == account
    bindings = [o["spec"] for o in objects if o["kind"] == "ValidatingAdmissionPolicyBinding"]
    policies = {o["metadata"]["name"] for o in objects if o["kind"] == "ValidatingAdmissionPolicy"}
    assert {binding["policyName"] for binding in bindings} == policies
    named = [binding["paramRef"] for binding in bindings if "paramRef" in binding]
    assert named
    assert all(reference.items() >= account.items() for reference in named)
    for binding in (o for o in objects if o["kind"] in ("RoleBinding", "ClusterRoleBinding")):
        assert binding["subjects"] == [{"kind": "ServiceAccount", **account}]
    left = {text for o in objects for text in texts(o) if text == "run-operator" or ".run-operator." in text}
    assert left <= {"run-operator"}, "the label, and nothing else"


def test_the_operator_works_there_with_its_own_rights(kubeconfig, installed, person, overlay, tmp_path):
    (overlay / "kustomization.yaml").write_text(ELSEWHERE)
    admin = Person(kubeconfig, "ml-system")
    env = variables(one(rendered(person, overlay), "Deployment", "run-operator"))
    try:
        admin.kubectl("apply", "-k", str(overlay))
        account = account_of(kubeconfig, tmp_path / "kubeconfig", "ml-system", "acme-run-operator-b")
        operator = OperatorProcess(
            account,
            tmp_path / "log",
            env["POD_NAMESPACE"],
            ingest_ca_secret=env["RUN_OPERATOR_INGEST_CA_SECRET"],
        )
        try:
            operator.start()
            wait_for("the key", lambda: admin.get("secret", "acme-run-operator-ingest-ca-b").get("data"))
            installed.kubectl("delete", "-k", BASE)  # two sets of policies name one operator each
            person.apply_run("hello", "kwok-complete")
            person.becomes("hello", "COMPLETED")
        finally:
            operator.kill()
    finally:
        admin.kubectl("delete", "-k", str(overlay), "--ignore-not-found")
        installed.kubectl("apply", "-k", BASE)


def test_applied_again_nothing_changes_and_server_side_apply_finds_no_conflict(installed):
    again = installed.kubectl("apply", "-k", BASE).stdout.splitlines()
    assert [line for line in again if not line.endswith(" unchanged")] == []
    installed.kubectl("apply", "--server-side", "-k", BASE)
    crds = str(REPOSITORY / "crds")
    installed.kubectl("apply", "-k", crds)
    installed.kubectl("apply", "--server-side", "-k", crds)
    done = installed.kubectl("diff", "--server-side", "-k", BASE, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.parametrize(
    "line", ["resources: [../../base]", "resources: [../../base]\ncomponents: [../../components/gateway]"]
)
def test_deleting_the_operator_leaves_everybodys_runs(installed, person, overlay, line):
    (overlay / "kustomization.yaml").write_text(line)
    person.apply(run_object("mine", suspend=True))
    uid = person.get("run", "mine")["metadata"]["uid"]
    installed.kubectl("delete", "-k", str(overlay), "--ignore-not-found")
    try:
        assert person.get("run", "mine")["metadata"]["uid"] == uid
        assert installed.get("crd", "runs.run-operator.io")
    finally:
        installed.kubectl("apply", "-k", BASE)


def test_runctl_says_which_versions_there_are_and_who_may_not_know(installed, person, tmp_path):
    admin, other = (
        Terminal(installed),
        Terminal(person.somebody(tmp_path / "kubeconfig", "run-operator-view")),
    )
    shown = admin.says("version")
    assert re.findall(r"^(\w+) +(\S+)", shown, re.MULTILINE)[1:] == [
        (what, __version__) for what in ("client", "CRDs", "operator")
    ]
    shown = other.says("version")
    assert "you are not allowed to read CustomResourceDefinitions" in shown
    assert "you are not allowed to read Deployments of all namespaces" in shown
    try:
        installed.kubectl(
            "label", "crd", "runs.run-operator.io", "app.kubernetes.io/version=9.9.0", "--overwrite"
        )
        done = admin.run("version")
        assert done.returncode == 1
        assert "the minor versions differ" in done.stderr
    finally:
        installed.install_crds()


def test_the_policies_are_left_out_by_one_line(person, overlay):
    (overlay / "kustomization.yaml").write_text("resources: [../../base]\n")
    kinds = [o["kind"] for o in rendered(person, overlay)]
    assert kinds.count("ValidatingAdmissionPolicy") == kinds.count("ValidatingAdmissionPolicyBinding") > 0
    (overlay / "kustomization.yaml").write_text(
        "resources: [../../base]\ncomponents: [../../components/no-policies]\n"
    )
    assert {o["kind"] for o in rendered(person, overlay)} == set(kinds) - {
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    }
