"""Projects that people create themselves: the rights that they get, and what the policy keeps them from, on a real API server."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.gateway_process import GatewayProcess, SdkUser, account
from tests.support.harness import REPOSITORY, Person, wait_for

COMPONENT = REPOSITORY / "manifests" / "components" / "project-creators" / "rights"
ROLE = "run-operator-project-creator"
NOTE = "run-operator.io/project-creator"
BOTH = ("ann", "bob")

pytestmark = pytest.mark.timeout(400)  # programs of the SDK start slowly


@pytest.fixture(scope="module")
def gateway(installed: Person, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    installed.kubectl("apply", "-k", str(COMPONENT))
    one = GatewayProcess(installed.kubeconfig, tmp_path_factory.mktemp("gateway"), CREATOR_ROLE="edit")
    one.start()
    yield one
    one.stop()
    installed.kubectl("delete", "-k", str(COMPONENT))


@pytest.fixture
def tokens(gateway: GatewayProcess, installed: Person, kubeconfig: Path, request) -> Iterator[dict[str, str]]:
    """Tokens of two accounts that may create projects and nothing else, in a namespace of the test."""
    namespace = f"people-{abs(hash(request.node.name)) % 10**6}"
    installed.kubectl("create", "namespace", namespace)
    person = Person(kubeconfig, namespace)
    found = {name: account(person, name) for name in BOTH}
    for name in BOTH:
        who = f"--serviceaccount={namespace}:{name}"
        person.kubectl("create", "clusterrolebinding", f"{namespace}-{name}", f"--clusterrole={ROLE}", who)
    ann = user(namespace, "ann")
    wait_for("the policy", lambda: "did not create" in refusal(person, ann, "kube-system", rolebinding(ann)))
    yield found | {"namespace": namespace}
    for name in BOTH:
        person.kubectl("delete", "clusterrolebinding", f"{namespace}-{name}")
    with contextlib.suppress(AssertionError):
        person.kubectl("delete", "namespace", namespace, "--wait=false")


def user(namespace: str, name: str) -> str:
    return f"system:serviceaccount:{namespace}:{name}"


def rolebinding(subject: str, role: str = "edit") -> dict[str, Any]:
    group = "rbac.authorization.k8s.io"
    return {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding",
        "metadata": {"generateName": "try-"},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": group, "kind": "User", "name": subject}],
    }


def created_by(name: str, creator: str) -> dict[str, Any]:
    labels = {"run-operator.io/project": name}
    metadata = {"name": name, "labels": labels, "annotations": {NOTE: creator}}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def refusal(admin: Person, who: str, namespace: str, body: dict[str, Any]) -> str:
    """What the API server answers to this person's creation; empty where it creates."""
    place = Person(admin.kubeconfig, namespace)
    done = place.kubectl("create", "-f", "-", f"--as={who}", stdin=json.dumps(body), check=False)
    return done.stderr if done.returncode else ""


def test_who_creates_a_project_through_the_sdk_works_in_it_and_others_do_not(
    gateway, installed, tokens, tmp_path
):
    project = f"{tokens['namespace']}-churn"
    ann = SdkUser(gateway.endpoint, tokens["ann"], tmp_path / "ann")
    bob = SdkUser(gateway.endpoint, tokens["bob"], tmp_path / "bob")
    try:
        assert ann.run("listing_of", project) == [], "get_or_create_project, and a list at once"
        bound = installed.get("rolebinding", ROLE, "-n", project)
        assert bound["roleRef"]["name"] == "edit"
        assert bound["subjects"][0]["name"] == user(tokens["namespace"], "ann")
        assert "not allowed to list runs" in bob.run("outcome_of_project", project)
    finally:
        installed.kubectl("delete", "namespace", project, "--wait=false", "--ignore-not-found")


def test_a_project_whose_rights_were_not_bound_is_finished_by_the_next_call(
    gateway, installed, tokens, tmp_path
):
    """As when the gateway dies between the namespace and the RoleBinding."""
    project = f"{tokens['namespace']}-half"
    ann = user(tokens["namespace"], "ann")
    try:
        assert refusal(installed, ann, "default", created_by(project, ann)) == ""
        assert SdkUser(gateway.endpoint, tokens["ann"], tmp_path).run("listing_of", project) == []
    finally:
        installed.kubectl("delete", "namespace", project, "--wait=false", "--ignore-not-found")


def test_the_policy_takes_one_binding_and_no_other(installed, tokens):
    ann, bob = (user(tokens["namespace"], name) for name in BOTH)
    own, theirs = f"{tokens['namespace']}-own", f"{tokens['namespace']}-theirs"
    try:
        assert "names who creates a namespace" in refusal(installed, bob, "default", created_by(theirs, ann))
        assert refusal(installed, ann, "default", created_by(own, ann)) == ""
        for place in ("kube-system", tokens["namespace"], own):
            assert "did not create" in refusal(installed, bob, place, rolebinding(bob)), place
        assert "to nobody else" in refusal(installed, ann, own, rolebinding(bob))
        assert "attempting to grant RBAC permissions" in refusal(
            installed, ann, own, rolebinding(ann, "cluster-admin")
        )
        assert refusal(installed, ann, own, rolebinding(ann)) == ""
    finally:
        installed.kubectl("delete", "namespace", own, theirs, "--wait=false", "--ignore-not-found")


def test_a_namespace_that_is_there_gets_no_creator_by_a_patch(installed, tokens):
    person = Person(installed.kubeconfig, tokens["namespace"])
    role = f"{tokens['namespace']}-patcher"
    rule = {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "patch"]}
    person.apply(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": role},
            "rules": [rule],
        }
    )
    bob = user(tokens["namespace"], "bob")
    person.kubectl("create", "clusterrolebinding", role, f"--clusterrole={role}", f"--user={bob}")
    try:
        annotate = ["annotate", "namespace", "kube-public", f"{NOTE}={bob}", f"--as={bob}"]
        assert "does not change later" in person.kubectl(*annotate, check=False).stderr
        person.kubectl("annotate", "namespace", "kube-public", "example.org/note=x", f"--as={bob}")
        person.kubectl("annotate", "namespace", "kube-public", f"{NOTE}=ann")
        person.kubectl("annotate", "namespace", "kube-public", f"{NOTE}-")
    finally:
        person.kubectl("delete", "clusterrolebinding,clusterrole", role)


def test_an_administrator_of_a_namespace_binds_what_they_like_in_it(installed, tokens):
    """Although this administrator may create projects too."""
    person = Person(installed.kubeconfig, tokens["namespace"])
    ann, bob = (user(tokens["namespace"], name) for name in BOTH)
    person.kubectl("create", "rolebinding", "ann-admin", "--clusterrole=admin", f"--user={ann}")
    assert refusal(installed, ann, tokens["namespace"], rolebinding(bob)) == ""
