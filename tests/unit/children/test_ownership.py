"""What makes an object a Run's: its namespace and its owners. What a label says is no proof."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from run_operator.api.run import Run
from run_operator.children import Controller, ServiceView
from run_operator.children.ownership import FOREIGN, proof
from run_operator.engine.store import Store
from run_operator.lifecycle.plan import plan
from run_operator.workloads.types import Options
from tests.support.builders import NOW, UID, deployment, job, pod, replica, run, serve, service

MAKERS: dict[str, Any] = {
    "Job": lambda: job(active=1),
    "Deployment": deployment,
    "Service": service,
    "pod of a Job": lambda: pod("Running"),
    "pod of a Deployment": replica,
}


def filed(one: Run, *children: Any) -> Store:
    store = Store(lambda *_: None)
    store.put_run(one)
    for child in children:
        store.put_child(child)
    return store


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
def test_a_child_counts_in_the_namespace_of_its_run(make):
    one = run()
    assert list(filed(one, make()).children(one)) == [make()]


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
def test_a_child_of_another_namespace_does_not_count_whatever_it_claims(make):
    one, foreign = run(), replace(make(), namespace="other")
    store = filed(one, foreign)
    assert list(store.children(one)) == []
    assert store.owner(foreign) is None


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
@pytest.mark.parametrize(
    "owner", [Controller(), Controller("Run", "hello", "another"), Controller("Job", "x", "y")]
)
def test_a_child_without_the_runs_controller_reference_does_not_count(make, owner):
    one = run()
    assert list(filed(one, replace(make(), controller=owner)).children(one)) == []


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
def test_the_proof_itself_ends_at_the_border_of_the_namespace(make):
    """The ingest asks for it without the store, which files by namespace too."""
    one = run()
    known = {owner.uid: owner.controller for owner in (job(), deployment())}
    assert proof(replace(make(), namespace="other"), one, known) == FOREIGN


def test_a_pod_needs_the_label_of_the_run_beside_its_owners():
    """Admission lets the controllers of Jobs and Deployments alone set it."""
    one, known = run(), {job().uid: job().controller}
    assert proof(pod("Running"), one, known).is_own
    assert proof(replace(pod("Running"), run_uid="another"), one, known) == FOREIGN


def test_a_pod_of_a_job_that_is_not_the_runs_does_not_count():
    one, forged = run(), replace(job(), controller=Controller())
    assert list(filed(one, forged, pod("Running")).children(one)) == []


def test_a_pod_without_a_controller_is_waited_for_and_proves_nothing():
    """As `kubectl delete job --cascade=orphan` leaves it, and as a person may forge it in the Run's own namespace."""
    one, orphan = run(), replace(pod("Running"), controller=Controller())
    store = filed(one, orphan)
    assert store.observed(one).pods == (orphan,)
    assert list(store.children(one)) == []
    assert store.owner(orphan) is None
    assert filed(one, replace(orphan, namespace="other")).observed(one).pods == ()


def test_a_pod_that_loses_its_controller_is_the_pod_it_was():
    one = run()
    store = filed(one, pod("Running", version="1"))
    store.put_child(replace(pod("Running", version="2"), controller=Controller()))
    assert list(store.children(one)) == [pod("Running", version="2")]


def test_a_pod_that_the_jobs_controller_does_not_count_does_not_count_here():
    one = run()
    raw = {
        "metadata": {
            "namespace": "ml", "name": "forged", "uid": "forged", "resourceVersion": "9",
            "labels": {"run-operator.io/run-uid": UID, "run-operator.io/attempt": "1"},
            "ownerReferences": [{"controller": True, "kind": "Job", "name": "hello", "uid": "job-1"}],
        },
    }  # fmt: skip
    assert list(filed(one, job(), type(pod()).from_object(raw)).children(one)) == [job()]


def test_a_pod_whose_job_is_gone_already_counts_so_that_a_stop_waits_for_it():
    one = run()
    assert list(filed(one, pod("Running")).children(one)) == [pod("Running")]


def test_what_another_namespace_does_wakes_nobody():
    calls: list[Any] = []
    store = Store(lambda key, urgent: calls.append(key))
    store.put_run(run())
    calls.clear()
    for make in MAKERS.values():
        store.put_child(replace(make(), namespace="other"))
    store.drop_child(job().uid)
    assert calls == []


def test_the_last_words_of_a_foreign_pod_are_not_kept():
    one = run()
    store = filed(one, replace(pod("Failed", exit_code=3), namespace="other"))
    store.drop_child(pod().uid)
    assert store.gone(one) == ()


@pytest.mark.parametrize("seed", range(150))
def test_nothing_written_in_one_namespace_changes_the_plan_of_another(seed):
    """The second namespace holds copies of the first one's objects, and others, with every label and owner it likes."""
    chance = random.Random(seed)
    one = _run(chance)
    own = [child for child in _children(chance) if chance.random() < 0.7]
    foreign = [
        replace(
            child, namespace="other", uid=chance.choice([f"copy-{n}", f"{child.uid}-copy"]), **_lies(chance)
        )
        for n, child in enumerate(_children(chance))
    ]
    mixed = [*own, *foreign]
    chance.shuffle(mixed)
    alone, beside = filed(one, *own), filed(one, *mixed)
    for uid in [child.uid for child in foreign if chance.random() < 0.3]:
        beside.drop_child(uid)
    assert _decided(one, beside) == _decided(one, alone)


def _decided(one: Run, store: Store) -> Any:
    seen = store.observed(one)
    kept = replace(seen, pods=tuple(sorted(seen.pods, key=lambda pod: pod.uid)))
    made = plan(one, kept, NOW + 60, Options())
    return made.status, made.actions, made.events, made.wake_at, made.reread


def _run(chance: random.Random) -> Run:
    state = chance.choice(["CREATED", "PENDING", "RUNNING", "STOP", "STOPPED", "COMPLETED"])
    status: dict[str, Any] = {"state": state}
    if state != "CREATED":
        status |= {"attempt": 1, "startTime": "2027-01-15T07:59:00Z", "attempts": [{"attempt": 1}]}
    more = {"suspend": chance.random() < 0.5, "status": status, "generation": chance.choice([1, 2])}
    return chance.choice([run, serve])(**more)


def _children(chance: random.Random) -> list[Any]:
    attempt = chance.choice([1, 1, 2])
    ended: dict[str, Any] = chance.choice([{}, {"complete": True}, {"failed_reason": "BackoffLimitExceeded"}])
    pods = [pod("Running", attempt=attempt), pod("Failed", name="hello-y", exit_code=chance.choice([0, 3]))]
    return [
        job(attempt=attempt, suspend=chance.random() < 0.3, active=chance.choice([0, 1]), **ended), *pods,
        deployment(attempt=attempt, replicas=chance.choice([0, 1])), replica(name="hello-z"), service(),
    ]  # fmt: skip


def _lies(chance: random.Random) -> dict[str, Any]:
    owners = [Controller("Run", "hello", UID), Controller("Job", "hello", "job-1"), Controller()]
    return chance.choice([{}, {"controller": chance.choice(owners)}, {"name": "hello"}])


def test_a_service_of_another_namespace_is_no_address():
    one = serve(status={"state": "PENDING", "attempt": 1})
    foreign = replace(service(), namespace="aaa")
    assert isinstance(foreign, ServiceView)
    assert filed(one, deployment(), foreign).observed(one).services == ()
