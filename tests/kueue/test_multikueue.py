"""A Run that a real MultiKueue dispatches: applied in one cluster, run in another one. `make test-kueue`."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support.controller_manager import KueueManager
from tests.support.dead_node import dead_node, end_all, on_it, say_that_it_runs
from tests.support.harness import (
    REPOSITORY,
    OperatorProcess,
    Person,
    cluster_down,
    cluster_name,
    cluster_up,
    condition,
    install_policies,
    operators_account,
    run_object,
    wait_for,
)
from tests.support.terminal import Terminal

pytestmark = pytest.mark.timeout(300)
"""Two control planes and two managers of Kueue are the set-up of the first test."""
NAMES = {"manager": cluster_name("mk-manager"), "worker": cluster_name("mk-worker")}
API = "kueue.x-k8s.io/v1beta2"
SECRETS = "kueue-system"
INGEST = "https://run-operator-metrics.run-operator.svc:8443"
"""Both clusters have the same settings, as in two usual installations: MultiKueue compares their containers."""


class Sending(KueueManager):
    """Kueue of the manager cluster."""

    dispatches = ("Run.v1alpha1.run-operator.io",)


class Clusters(NamedTuple):
    """Somebody who may do everything in both."""

    manager: Person
    worker: Person

    def within(self, namespace: str) -> Clusters:
        return Clusters(*(Person(one.kubeconfig, namespace) for one in self))


@pytest.fixture(scope="module")
def admins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clusters]:
    """Two clusters, each with Kueue and an operator that has the rights of the manifests and no others; the manager's Kueue has the worker's kubeconfig."""
    folder = tmp_path_factory.mktemp("multikueue")
    both = Clusters(**{role: Person(cluster_up(name, "control-plane")) for role, name in NAMES.items()})
    operators: list[OperatorProcess] = []
    try:
        for role, one in both._asdict().items():
            one.install_crds()
            one.kubectl("create", "namespace", SECRETS)
            (folder / role).mkdir()
            account, log = (
                operators_account(one.kubeconfig, folder / f"{role}-account"),
                folder / f"{role}-operator.log",
            )
            given = {"namespace": "run-operator", "ingest_url": INGEST, "pod_api_url": INGEST}
            operators.append(OperatorProcess(account, log, **given))
            install_policies(one)
        with KueueManager(both.worker, folder / "worker"), Sending(both.manager, folder / "manager"):
            _connect(both)
            for operator in operators:
                operator.start()
            for one in both:
                one.apply([_priority("low", 1), _priority("high", 1000)])
            yield both
    finally:
        for operator in operators:
            operator.kill()
        for name in NAMES.values():
            cluster_down(name)


def _priority(name: str, value: int) -> dict[str, Any]:
    return {"apiVersion": API, "kind": "WorkloadPriorityClass", "metadata": {"name": name}, "value": value}


def _connect(both: Clusters) -> None:
    """What an administrator sets up in the manager cluster. Its Kueue has the rights of the administrator of the test."""
    rights = REPOSITORY / "manifests" / "components" / "multikueue" / "rights" / "roles.yaml"
    both.manager.kubectl("apply", "-f", str(rights))
    account = "run-operator.io/multikueue-account=kubernetes-admin"
    Person(both.manager.kubeconfig, "run-operator").kubectl(
        "annotate", "serviceaccount", "run-operator", account
    )
    kubeconfig = Path(both.worker.kubeconfig).read_text()
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "worker"},
        "stringData": {"kubeconfig": kubeconfig},
    }
    Person(both.manager.kubeconfig, SECRETS).apply(secret)
    check = {"controllerName": "kueue.x-k8s.io/multikueue"}
    check["parameters"] = {"apiGroup": "kueue.x-k8s.io", "kind": "MultiKueueConfig", "name": "clusters"}  # type: ignore[assignment]
    both.manager.apply(
        [
            _object("MultiKueueCluster", "worker", clusterSource={"kubeConfig": {"location": "worker"}}),
            _object("MultiKueueConfig", "clusters", clusters=["worker"]),
            _object("AdmissionCheck", "elsewhere", **check),
        ]
    )
    wait_for("the worker connected", lambda: _is_active(both.manager, "multikueuecluster", "worker"))
    wait_for("the check active", lambda: _is_active(both.manager, "admissioncheck", "elsewhere"))


def _is_active(person: Person, kind: str, name: str) -> bool:
    status = person.get(f"{kind}.kueue.x-k8s.io", name).get("status", {})
    return bool(condition(status, "Active").get("status") == "True")


def _object(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": API, "kind": kind, "metadata": {"name": name}, "spec": spec}


def _queue(name: str, *checks: str) -> list[dict[str, Any]]:
    quota = {"name": name, "resources": [{"name": "cpu", "nominalQuota": 2}]}
    spec: dict[str, Any] = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}},
        "resourceGroups": [{"coveredResources": ["cpu"], "flavors": [quota]}],
        "preemption": {"withinClusterQueue": "LowerPriority"},
    }
    if checks:
        spec["admissionChecksStrategy"] = {"admissionChecks": [{"name": one} for one in checks]}
    return [
        _object("ResourceFlavor", name),
        _object("ClusterQueue", name, **spec),
        _object("LocalQueue", "team", clusterQueue=name),
    ]


@pytest.fixture
def team(admins: Clusters) -> Iterator[Clusters]:
    """A namespace with a queue in both."""
    name = f"t-{uuid.uuid4().hex[:10]}"
    both = admins.within(name)
    for one, checks in ((both.worker, ()), (both.manager, ("elsewhere",))):
        one.kubectl("create", "namespace", name)
        one.apply(_queue(name, *checks))
    yield both
    both.manager.kubectl("delete", "runs", "--all", "--wait=false")
    wait_for("nothing left there", lambda: not both.worker.items("runs"))
    for one in both:
        one.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def deserted(team: Clusters) -> Iterator[str]:
    """The name of a node of the worker without a kubelet."""
    with dead_node(team.worker) as name:
        yield name


def dispatched(name: str = "far", priority: str = "low", **top: Any) -> dict[str, Any]:
    one = run_object(name, "sleep", spec={"resources": {"cpu": "1"}, **top.pop("spec", {})}, **top)
    one["metadata"]["labels"] = {
        "kueue.x-k8s.io/queue-name": "team",
        "kueue.x-k8s.io/priority-class": priority,
    }
    one["spec"]["managedBy"] = "kueue.x-k8s.io/multikueue"
    return one


def pods(person: Person, name: str = "far") -> list[Any]:
    return person.items("pods", "-l", f"run-operator.io/run={name}")


def log(person: Person, name: str, *values: float) -> None:
    batch = {
        "apiVersion": "run-operator.io/v1alpha1", "kind": "MetricBatch", "metadata": {"generateName": "m-"},
        "spec": {"run": name, "ops": [{"k": "loss", "append": list(values)}]},
    }  # fmt: skip
    person.kubectl("create", "-f", "-", stdin=json.dumps(batch))


def test_a_run_of_the_manager_runs_in_the_worker_and_comes_back(team):
    team.manager.apply(dispatched())
    status = team.manager.becomes("far", "RUNNING")
    assert status["attempt"] == 1
    (pod,) = pods(team.worker)
    log(team.worker, "far", 3, 2, 1)
    wait_for("its metrics", lambda: team.manager.status("far").get("metrics") == {"loss": [3, 2, 1]})
    team.worker.end_pod(pod["metadata"]["name"])
    status = team.manager.becomes("far", "COMPLETED")
    assert status["metrics"] == {"loss": [3, 2, 1]}
    assert condition(status, "Finished")["status"] == "True"
    assert team.manager.items("jobs,pods") == []
    wait_for("the worker is tidied up", lambda: team.worker.get("run", "far") is None)
    assert team.manager.status("far")["state"] == "COMPLETED"


def started_on_it(team: Clusters, *names: str, **more: Any) -> list[str]:
    """Runs whose pods are on a node of the worker that says nothing by itself; the pods."""
    found = []
    for name in names:
        team.manager.apply(dispatched(name, spec=on_it(team.worker), **more))
        (pod,) = wait_for("a pod", lambda name=name: [p for p in pods(team.worker, name) if _is_placed(p)])
        say_that_it_runs(team.worker, pod["metadata"]["name"])
        team.manager.becomes(name, "RUNNING")
        found.append(pod["metadata"]["name"])
    return found


def _is_placed(pod: dict[str, Any]) -> bool:
    return bool(pod["spec"].get("nodeName"))


def test_a_stop_waits_there_for_its_pods_and_keeps_what_was_logged(team, deserted):
    (pod,) = started_on_it(team, "far")
    log(team.worker, "far", 3, 2, 1)
    team.manager.patch_run("far", {"spec": {"suspend": True}})
    wait_for("its pod ending", lambda: _is_going(team.worker, pod))
    wait_for("a word", lambda: "its pods are ending" in team.manager.status("far")["message"])
    assert (team.manager.status("far")["state"], team.worker.get("run", "far") is None) == ("PENDING", False)
    end_all(team.worker)
    status = team.manager.becomes("far", "STOPPED", 90)
    suspended = condition(status, "Suspended")
    assert (suspended["status"], suspended["reason"]) == ("True", "JobSuspended"), (
        "the other cluster has said it"
    )
    assert status["metrics"] == {"loss": [3, 2, 1]}
    wait_for("gone there", lambda: team.worker.get("run", "far") is None)


def test_a_stop_ends_it_there_and_a_resume_runs_it_again(team):
    team.manager.apply(dispatched())
    team.manager.becomes("far", "RUNNING")
    team.manager.patch_run("far", {"spec": {"suspend": True}})
    status = team.manager.becomes("far", "STOPPED", 90)
    assert condition(status, "Suspended")["reason"] == "JobSuspended"
    assert running_pods(team.worker) == []
    wait_for("gone there", lambda: team.worker.get("run", "far") is None)
    team.manager.patch_run("far", {"spec": {"suspend": False}})
    team.manager.becomes("far", "RUNNING", 90)
    assert len(running_pods(team.worker)) == 1


def _is_going(person: Person, pod: str) -> bool:
    return "deletionTimestamp" in person.get("pod", pod)["metadata"]


def test_one_that_waits_for_quota_says_so_and_a_deleted_one_is_deleted_there(team):
    for name in ("one", "two"):
        team.manager.apply(dispatched(name))
        team.manager.becomes(name, "RUNNING")
    team.manager.apply(dispatched("three"))
    status = team.manager.becomes("three", "PENDING")
    assert (status["suspendedBy"], condition(status, "Queued")["reason"]) == ("Queue", "Queued")
    assert team.worker.get("run", "three") is None
    team.manager.kubectl("delete", "run", "one")
    team.manager.becomes("three", "RUNNING", 90)
    assert team.worker.get("run", "one") is None


def test_one_of_higher_priority_takes_the_place_of_another_which_goes_on_afterwards(team, deserted):
    ours = started_on_it(team, "one", "two")
    team.manager.apply(dispatched("urgent", "high"))
    wait_for("a pod ending", lambda: any(_is_going(team.worker, pod) for pod in ours))
    wait_for("a word", lambda: [n for n in ("one", "two") if "pods are ending" in said(team.manager, n)])
    assert pods(team.worker, "urgent") == [], "its place is not free yet"
    (going,) = [pod for pod in ours if _is_going(team.worker, pod)]
    team.worker.kubectl("delete", "pod", going, "--force", "--grace-period=0", "--wait=false")
    team.manager.becomes("urgent", "RUNNING", 90)
    (preempted,) = (name for name in ("one", "two") if team.manager.status(name)["state"] != "RUNNING")
    assert team.manager.status(preempted)["state"] == "PENDING"
    team.manager.kubectl("delete", "run", "urgent")
    wait_for("another pod", lambda: [p for p in pods(team.worker, preempted) if _is_placed(p)])


def said(person: Person, name: str) -> str:
    return str(person.status(name).get("message"))


def test_an_evicted_pod_is_followed_by_another_one_and_a_deleted_pod_ends_the_run(team):
    team.manager.apply(dispatched())
    team.manager.becomes("far", "RUNNING")
    (pod,) = pods(team.worker)
    evict(team.worker, pod["metadata"]["name"])
    wait_for(
        "another pod", lambda: [one for one in running_pods(team.worker) if one != pod["metadata"]["name"]]
    )
    wait_for(
        "its name", lambda: running_pods(team.worker)[0] in team.manager.status("far").get("message", "")
    )
    assert team.manager.becomes("far", "RUNNING")["attempt"] == 1
    team.worker.kubectl("delete", "pod", *running_pods(team.worker), "--wait=false")
    status = team.manager.becomes("far", "ERROR")
    assert status["message"].startswith("interrupted: ")
    assert team.manager.items("jobs,pods") == []


def running_pods(person: Person, name: str = "far") -> list[str]:
    return [
        one["metadata"]["name"]
        for one in pods(person, name)
        if one["status"]["phase"] == "Running" and "deletionTimestamp" not in one["metadata"]
    ]


def evict(person: Person, name: str) -> None:
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name, "namespace": person.namespace},
    }
    path = f"/api/v1/namespaces/{person.namespace}/pods/{name}/eviction"
    person.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(body))


def test_the_logs_are_in_the_worker(team):
    team.manager.apply(dispatched())
    team.manager.becomes("far", "RUNNING")
    assert "has no logs" in Terminal(team.manager).run("logs", "far").stderr


def test_one_that_is_created_suspended_starts_nowhere_until_it_is_resumed(team):
    team.manager.apply(dispatched(suspend=True))
    team.manager.becomes("far", "STOPPED")
    assert team.manager.items("workloads.kueue.x-k8s.io") == []
    team.manager.patch_run("far", {"spec": {"suspend": False}})
    team.manager.becomes("far", "RUNNING")


def test_what_cannot_be_dispatched_says_why(team):
    ports = {"service_ports": [{"port": 80}]}
    team.manager.apply(dispatched("service", kind="container+serve", spec=ports))
    assert "MultiKueue runs only Jobs" in team.manager.becomes("service", "ERROR")["message"]
    unqueued = dispatched("unqueued")
    del unqueued["metadata"]["labels"]
    team.manager.apply(unqueued)
    message = wait_for("a word", lambda: team.manager.status("unqueued").get("message"))
    assert "set the label kueue.x-k8s.io/queue-name" in message
