"""Runs in a queue of a real Kueue: quota, preemption, stop and resume. `make test-kueue`; its manager takes minutes to build."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.controller_manager import KueueManager
from tests.support.harness import (
    OperatorProcess,
    Person,
    cluster_down,
    cluster_name,
    cluster_up,
    condition,
    run_object,
    wait_for,
)

NAME = cluster_name("kueue")
API = "kueue.x-k8s.io/v1beta2"


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """A cluster with Kueue and the operator, and a queue with two CPUs in each namespace of a test."""
    folder = tmp_path_factory.mktemp("kueue")
    one = Person(cluster_up(NAME, "control-plane"))
    try:
        one.install_crds()
        (folder / "manager").mkdir()
        operator = OperatorProcess(one.kubeconfig, folder / "operator.log")
        with KueueManager(one, folder / "manager"):
            operator.start()
            for name, value in (("low", 1), ("high", 1000)):
                one.apply(_priority(name, value))
            try:
                yield one
            finally:
                operator.kill()
    finally:
        cluster_down(NAME)


@pytest.fixture
def person(admin: Person) -> Iterator[Person]:
    """Somebody in a namespace with a queue called `team`; two Runs of one CPU fit in."""
    name = f"t-{uuid.uuid4().hex[:10]}"
    one = Person(admin.kubeconfig, name)
    one.kubectl("create", "namespace", name)
    one.apply(_queue(name))
    yield one
    one.kubectl("delete", "runs", "--all", "--wait=false")
    one.kubectl("delete", "namespace", name, "--wait=false")


def _priority(name: str, value: int) -> dict[str, Any]:
    return {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": name},
        "value": value,
    }


def _queue(name: str) -> list[dict[str, Any]]:
    flavor = {"apiVersion": API, "kind": "ResourceFlavor", "metadata": {"name": name}}
    quota = {"name": name, "resources": [{"name": "cpu", "nominalQuota": 2}]}
    cluster_queue = {
        "apiVersion": API,
        "kind": "ClusterQueue",
        "metadata": {"name": name},
        "spec": {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}},
            "resourceGroups": [{"coveredResources": ["cpu"], "flavors": [quota]}],
            "preemption": {"withinClusterQueue": "LowerPriority"},
        },
    }
    local = {
        "apiVersion": API,
        "kind": "LocalQueue",
        "metadata": {"name": "team"},
        "spec": {"clusterQueue": name},
    }
    return [flavor, cluster_queue, local]


def apply(person: Person, name: str, priority: str = "low", **top: Any) -> None:
    spec = {"resources": {"cpu": "1"}, "priority_class": priority}
    one = run_object(name, "sleep", spec=spec, **top)
    one["metadata"]["labels"] = {"kueue.x-k8s.io/queue-name": "team"}
    person.apply(one)


def fill(person: Person) -> None:
    """Two Runs, `first` and `second`, that use up the quota."""
    for name in ("first", "second"):
        apply(person, name)
        person.becomes(name, "RUNNING")


def held_back(person: Person, name: str) -> dict[str, Any]:
    """Its status, once Kueue has decided against it and the Run says so."""

    def held() -> dict[str, Any] | None:
        status = person.status(name)
        reserved = condition(_workload(person, name).get("status", {}), "QuotaReserved")
        return status if status.get("suspendedBy") == "Queue" and reserved.get("status") == "False" else None

    status: dict[str, Any] = wait_for(f"{name} held back", held)
    assert (status["state"], condition(status, "Queued")["status"]) == ("PENDING", "True")
    wait_for(f"{name} without pods", lambda: not pods(person, name))
    return status


def pods(person: Person, name: str) -> list[Any]:
    return person.items("pods", "-l", f"run-operator.io/run={name}")


def _workload(person: Person, name: str) -> dict[str, Any]:
    job = person.get("job", name)
    uid = job["metadata"]["uid"] if job else ""
    return next(
        (
            one
            for one in person.items("workloads.kueue.x-k8s.io")
            if any(owner["uid"] == uid for owner in one["metadata"].get("ownerReferences", ()))
        ),
        {},
    )


def test_a_run_beyond_the_quota_is_held_back_and_let_in_when_there_is_room(person):
    fill(person)
    apply(person, "third")
    held_back(person, "third")
    person.kubectl("delete", "run", "first")
    status = person.becomes("third", "RUNNING")
    assert (status["attempt"], condition(status, "Queued")["reason"]) == (1, "Admitted")


def test_a_run_that_ends_makes_room(person):
    fill(person)
    apply(person, "third")
    held_back(person, "third")
    (pod,) = pods(person, "first")
    person.end_pod(pod["metadata"]["name"])
    person.becomes("first", "COMPLETED")
    person.becomes("third", "RUNNING")


def test_a_run_of_higher_priority_preempts_one_that_goes_on_afterwards(person):
    fill(person)
    apply(person, "urgent", "high")
    person.becomes("urgent", "RUNNING")
    (preempted,) = (name for name in ("first", "second") if person.status(name)["state"] != "RUNNING")
    status = held_back(person, preempted)
    assert status.get("interruptions", 0) == 0, "waiting in a queue is no interruption"
    person.kubectl("delete", "run", "urgent")
    assert person.becomes(preempted, "RUNNING")["attempt"] == status["attempt"]


def test_a_stopped_run_makes_room_and_queues_again_when_it_is_resumed(person):
    fill(person)
    apply(person, "third")
    held_back(person, "third")
    person.patch_run("first", {"spec": {"suspend": True}})
    assert person.becomes("first", "STOPPED")["suspendedBy"] == "User"
    person.becomes("third", "RUNNING")
    person.patch_run("first", {"spec": {"suspend": False}})
    held_back(person, "first")
    person.patch_run("second", {"spec": {"suspend": True}})
    status = person.becomes("first", "RUNNING")
    assert status["attempt"] == 2
    assert len(pods(person, "first")) == 1


def test_a_run_that_waits_in_the_queue_can_be_stopped_and_deleted(person):
    fill(person)
    apply(person, "third")
    held_back(person, "third")
    person.patch_run("third", {"spec": {"suspend": True}})
    person.becomes("third", "STOPPED")
    person.kubectl("delete", "run", "third")
    wait_for("its workload gone", lambda: len(person.items("workloads.kueue.x-k8s.io")) == 2)
    person.kubectl("delete", "run", "first")
    wait_for("one runs on", lambda: len(person.items("pods")) == 1)


def test_a_run_that_names_no_queue_of_the_namespace_waits_and_says_so(person):
    one = run_object("x", "sleep", spec={"resources": {"cpu": "1"}})
    one["metadata"]["labels"] = {"kueue.x-k8s.io/queue-name": "nobody"}
    person.apply(one)
    status = wait_for("queued", lambda: (s := person.status("x")).get("suspendedBy") == "Queue" and s)
    assert "nobody" in status["message"]
