"""The unmodified DigitalHub SDK, in processes of its own, through the gateway to a real API server."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from run_operator import Cluster
from run_operator.kube.resource import RUNS
from tests.support.gateway_process import LINES, GatewayProcess, SdkUser, account, at
from tests.support.harness import REPOSITORY, Person, run_object

MANIFESTS = REPOSITORY / "manifests" / "base"
USER = ("edit", "run-operator-metrics")


@pytest.fixture
def user(gateway: GatewayProcess, person: Person, tmp_path: Path, line: str) -> SdkUser:
    return SdkUser(gateway.endpoint, account(person, "user", *USER), tmp_path, line)


@pytest.fixture
def users(gateway: GatewayProcess, person: Person, tmp_path: Path) -> list[SdkUser]:
    """One with each line, at the same time."""
    token = account(person, "user", *USER)
    return [SdkUser(gateway.endpoint, token, tmp_path, line) for line in LINES]


def test_a_run_from_function_run_to_its_import(operator, gateway, person, user):
    found = user.run("lifecycle", person.namespace)
    assert found | {"id": ""} == {
        "project": person.namespace,
        "image": "docker.io/library/busybox:1.36",
        "started": "RUNNING",
        "stopped": "STOPPED",
        "resumed": "RUNNING",
        "attempt": 2,
        "same_task": True,
        "again": found["again"],
        "labels": ["mine"],
        "sealed": found["sealed"],
        "runs": 2,
        "of_function": 2,
        "of_state": [],
        "functions": [True],
        "by_name": True,
        "others": found["others"],
        "gone": found["gone"],
        "imported": True,
        "twice": found["twice"],
        "loaded": True,
        "id": "",
        "function_gone": True,
        "tasks_left": 0,
    }
    assert found["again"].startswith("EntityAlreadyExistsError: Entity already exists.")
    assert "spec.spec can be changed only while the Run is STOPPED" in found["sealed"]
    assert found["sealed"].startswith("BadRequestError")
    assert "no triggers" in found["others"]
    assert found["gone"].startswith("EntityNotExistsError: Entity does not exists.")
    assert found["twice"].startswith("EntityError: Entity ")
    assert "already exists" in found["twice"]
    assert not person.items("runs"), "the function's runs go with it"


def test_metrics_as_they_are_asked_for(operator, gateway, person, user):
    person.apply_run("x")
    person.becomes("x", "RUNNING")
    found = user.run("metrics", person.namespace, "x")
    assert (found["none"], found["auth"]) == ({}, True)
    assert found["first"] == {"loss": [0.5, 0.25, None], "acc": 0.5}
    assert found["then"] == {"loss": [9, 8, 7], "acc": 0.75, "epoch": 3}
    assert found["last"] == {"loss": [1], "acc": 0.75, "epoch": 3}
    assert found["state"] == "RUNNING"
    assert found["bad"].startswith("BadRequestError")
    assert "cannot name a metric" in found["bad"]
    assert found["slashes"] == [1]
    assert "use a name without ?" in found["cut"]
    assert "the metric has no name" in found["nameless"]
    status = person.status("x")
    assert status["metrics"] == found["last"] | {"train/loss": [1]}
    assert status["metricsInfo"]["loss"]["count"] == 1
    counted = gateway.counted()
    route = 'method="PUT",route="/api/v1/-/{project}/runs/{id}/metrics/{name}"'
    assert f'run_operator_gateway_requests_total{{code="200",{route}}}' in counted
    assert f'run_operator_gateway_requests_total{{code="400",{route}}}' in counted
    assert person.namespace not in counted, "labels come from a short list"


def test_an_export_holds_the_metrics_once_the_program_is_still(operator, person, user):
    """While it runs the SDK asks for them where they are, and so shows what is there now."""
    for name, program in (("ended", "kwok-complete"), ("stopped", "sleep")):
        person.apply_run(name, program)
    person.becomes("ended", "COMPLETED")
    person.becomes("stopped", "RUNNING")
    for name in ("ended", "stopped"):
        found = user.run("exported", person.namespace, name)
        logged = {"loss": [0.5, 0.25], "acc": 0.75}
        assert found["live"] == logged
        assert found["file"]["status"]["metrics"] == logged
        assert "metricsIngest" not in found["file"]["status"]
        assert found["more"] == person.status(name)["metrics"] == {"loss": [0.5, 0.25, 0.125], "acc": 0.75}
        assert found["saved"] == {"ended": "COMPLETED", "stopped": "STOPPED"}[name]


@pytest.mark.timeout(240)
def test_two_programs_append_five_hundred_values_each_at_the_same_time(operator, person, users):
    """And the values are the same ones, so that nothing but the count tells them apart."""
    person.apply_run("x")
    person.becomes("x", "RUNNING")
    start = at(5.0)
    programs = [user.begin("append", person.namespace, "x", 500, 0, start) for user in users]
    for user, program in zip(users, programs, strict=True):
        user.end(program, 220.0)
    assert sorted(person.status("x")["metrics"]["loss"]) == sorted([*range(500), *range(500)])


def test_programs_at_two_replicas_lose_nothing_though_their_values_are_equal(
    operator, gateway, kubeconfig, person, users, tmp_path
):
    """Each stays where it is, as the Service sees to. One replica is started again between two of them."""
    person.apply_run("x")
    person.becomes("x", "RUNNING")
    replica = GatewayProcess(kubeconfig, tmp_path)
    replica.start()
    try:
        user = users[0]
        other = SdkUser(replica.endpoint, account(person, "other", *USER), tmp_path / "other", users[1].line)
        for _ in range(2):
            start = at(2.0)
            programs = [one.begin("append", person.namespace, "x", 40, 0, start) for one in (user, other)]
            for program in programs:
                user.end(program)
            assert replica.stop() == 0
            replica.start()
    finally:
        replica.stop()
    assert sorted(person.status("x")["metrics"]["loss"]) == sorted(4 * [*range(40)])


def test_who_may_only_read_one_namespace_lists_it_and_does_nothing_else(operator, gateway, person, tmp_path):
    person.apply_run("x")
    person.becomes("x", "RUNNING")
    before = person.get("run", "x")
    roles = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "lister"}}
    rule = {"apiGroups": ["run-operator.io"], "resources": ["runs"], "verbs": ["get", "list"]}
    person.apply(roles | {"rules": [rule]})
    lister = account(person, "lister")
    who = f"--serviceaccount={person.namespace}:lister"
    person.kubectl("create", "rolebinding", "lister", "--role=lister", who)
    viewer = account(person, "viewer", "view")
    for token, line in ((lister, "0.15"), (viewer, "0.15"), (viewer, "0.16")):
        found = SdkUser(gateway.endpoint, token, tmp_path, line).run("only_reads", person.namespace, "x")
        assert (found["project"], found["runs"]) == (person.namespace, ["x"])
        assert {words.partition(":")[0] for words in found["forbidden"].values()} == {"ForbiddenError"}
        assert "kubectl create namespace" in found["forbidden"]["project"]
        assert "run-operator-metrics" in found["forbidden"]["metric"]
        assert found["elsewhere"].startswith("EntityNotExistsError")
    after = person.get("run", "x")
    assert (after["spec"], after["status"].get("metrics")) == (before["spec"], None)
    assert lister not in gateway.log.read_text()


def test_a_thousand_runs_of_kubectl_come_in_pages_the_newest_first(alone, kubeconfig, person, users):
    cluster = Cluster.connect(kubeconfig=str(kubeconfig), namespace=person.namespace)
    names = [f"r{number:04}" for number in range(1000)]
    for number, name in enumerate(names):
        run = run_object(name, suspend=True)
        run["spec"]["metadata"] = {"created": f"2026-11-25T10:{number // 60:02}:{number % 60:02}Z"}
        cluster.create(RUNS, run)
    cluster.close()
    for user in users:
        assert user.run("listing", person.namespace) == names[::-1]


def test_a_project_of_another_name_is_found_by_its_label(gateway, person, tmp_path):
    """By who may list namespaces; `get_or_create_project` makes one where that is allowed."""
    project = f"{person.namespace}-x"
    person.kubectl("label", "namespace", person.namespace, f"run-operator.io/project={project}")
    admin = account(person, "admin")
    who = f"--serviceaccount={person.namespace}:admin"
    person.kubectl("create", "clusterrolebinding", project, "--clusterrole=cluster-admin", who)
    person.apply(run_object("x", suspend=True))
    try:
        users = [SdkUser(gateway.endpoint, admin, tmp_path, line) for line in LINES]
        for user in users:
            assert user.run("listing_of", project) == ["x"]
        assert user.run("listing_of", f"{project}-new") == []
        made = person.get("namespace", f"{project}-new")
        assert made["metadata"]["labels"]["run-operator.io/project"] == f"{project}-new"
        for user in users:
            assert user.run("delete_project", project).startswith("BadRequestError")
        assert user.run("delete_project", f"{project}-new") is True
    finally:
        person.kubectl("delete", "clusterrolebinding", project)
        with contextlib.suppress(AssertionError):
            person.kubectl("delete", "namespace", f"{project}-new", "--wait=false", "--ignore-not-found")
