"""Nothing waits without a word: pods that a container keeps, that lost their owner, or whose node does not answer."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest

from tests.integration.test_interruptions import decided, delete, events, killing, patch_status, pod_of
from tests.support.builders import container_status
from tests.support.harness import Person, condition, wait_for

PLAIN = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Orphan"}
SERVE = {"kind": "container+serve", "spec": {"service_ports": [{"port": 80}]}}
ENDED = {"reason": "Completed", "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:09Z"}


RUNS = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
WAITS = {"waiting": {"reason": "ImagePullBackOff"}}


def containers(code: int, mesh: dict[str, Any]) -> list[dict[str, Any]]:
    """The program has ended, and a container beside it goes on, or cannot start."""
    return [
        container_status(terminated=ENDED | {"exitCode": code}),
        container_status("mesh", ready=mesh is RUNS, **mesh),
    ]


@pytest.mark.parametrize(
    ("code", "state", "mesh"),
    [(0, "COMPLETED", RUNS), (3, "ERROR", RUNS), (0, "COMPLETED", WAITS)],
    ids=["0", "3", "waits"],
)
def test_a_pod_that_an_injected_container_keeps_is_ended_and_the_program_decides(
    operator, person, code, state, mesh
):
    person.apply_run("x", "sleep")
    person.becomes("x", "RUNNING")
    pod = pod_of(person, "x")["metadata"]["name"]
    patch_status(person, pod, {"containerStatuses": containers(code, mesh)})
    status = person.becomes("x", state)
    assert status["attempts"][-1]["exitCode"] == code
    assert "mesh keeps the pod running" in wait_for("its event", lambda: events(person, "PodKeptRunning"))[0]
    assert person.items("pods") == []


@pytest.mark.parametrize("way", ["plain", "cascade"])
def test_a_job_deleted_without_its_pods_begins_again_as_the_next_attempt(operator, person, way):
    person.apply_run("x", "sleep")
    person.becomes("x", "RUNNING")
    orphan = pod_of(person, "x")["metadata"]["name"]
    if way == "plain":
        person.kubectl("delete", "--raw", f"/apis/batch/v1/namespaces/{person.namespace}/jobs/x")
    else:
        person.kubectl("delete", "job", "x", "--cascade=orphan")
    pod_of(person, "x", 2)
    assert orphan not in [pod["metadata"]["name"] for pod in person.items("pods")]
    assert person.becomes("x", "RUNNING")["attempts"][0]["reason"] == "ChildDeleted"
    assert events(person, "OrphanEnded")


def test_a_run_whose_job_is_gone_can_be_stopped(operator, person):
    person.apply_run("x", "sleep")
    person.becomes("x", "RUNNING")
    pod_of(person, "x")
    person.patch_run("x", {"spec": {"suspend": True}})
    person.kubectl("delete", "--raw", f"/apis/batch/v1/namespaces/{person.namespace}/jobs/x", check=False)
    person.becomes("x", "STOPPED")
    assert person.items("pods") == []


def test_a_deployment_deleted_without_its_pods_begins_again(operator, person):
    person.apply_run("web", **SERVE)
    person.becomes("web", "RUNNING")
    person.kubectl("delete", "deployment", "web", "--cascade=orphan")
    pod_of(person, "web", 2)
    person.becomes("web", "RUNNING")
    (only,) = person.items("replicasets")
    assert only["metadata"]["ownerReferences"]


def test_a_replica_set_of_somebody_else_is_left_alone(operator, person):
    """A pod may name any owner; the ReplicaSet has to say itself that it was the Run's."""
    labels = {"app": "theirs"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "x"}]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    person.apply(
        {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "theirs"}, "spec": spec}
    )
    theirs = person.get("replicaset", "theirs")["metadata"]["uid"]
    person.apply_run("web", **SERVE)
    person.becomes("web", "RUNNING")
    run = person.get("run", "web")["metadata"]
    marks = pod_of(person, "web")["metadata"]["labels"] | {"pod-template-hash": "x"}
    owner = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "name": "theirs",
        "uid": theirs,
        "controller": True,
    }
    forged = {"name": "forged", "labels": marks, "ownerReferences": [owner]}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": forged, "spec": template["spec"]}
    person.apply(body)
    person.kubectl("delete", "deployment", "web", "--cascade=orphan")
    wait_for("the next look", lambda: person.status("web").get("state") != "RUNNING")
    wait_for("the event", lambda: events(person, "OrphanEnded"))
    person.kubectl("delete", "pod", "forged", "--ignore-not-found", "--force", "--grace-period=0")
    pod_of(person, "web", 2)
    assert run["uid"]
    assert person.get("replicaset", "theirs")["metadata"]["uid"] == theirs


def dead_node(person: Person, name: str) -> None:
    """A Node whose kubelet was heard once, and then never again."""
    labels = {"kubernetes.io/hostname": name, "dead": name}
    person.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}})
    ready = {"type": "Ready", "status": "True", "lastHeartbeatTime": "2026-01-01T00:00:00Z"}
    room = {"cpu": "8", "memory": "8Gi", "pods": "100"}
    patch = json.dumps({"status": {"conditions": [ready], "capacity": room, "allocatable": room}})
    person.kubectl("patch", "node", name, "--subresource=status", "--type=merge", "-p", patch)


def on_dead_node(person: Person, name: str, node: str, **policy: int) -> str:
    """A Run that ran there."""
    spec = {"node_selector": [{"key": "dead", "value": node}],
            "tolerations": [{"operator": "Exists", "effect": "NoSchedule"},
                            {"operator": "Exists", "effect": "NoExecute", "toleration_seconds": 5}]}  # fmt: skip
    quick = {"podTerminationTimeoutSeconds": 2, "terminationGracePeriodSeconds": 1}
    person.apply_run(name, "sleep", spec=spec, policy=quick | policy)
    pod = pod_of(person, name)["metadata"]["name"]
    wait_for("scheduled", lambda: person.get("pod", pod)["spec"].get("nodeName"))
    main = container_status(ready=True, **RUNS)
    ready = {"type": "Ready", "status": "True"}
    patch_status(person, pod, {"phase": "Running", "conditions": [ready], "containerStatuses": [main]})
    person.becomes(name, "RUNNING")
    return str(pod)


@pytest.fixture
def node(person):
    name = f"dead-{person.namespace}"
    dead_node(person, name)
    yield name
    person.kubectl("delete", "node", name, "--ignore-not-found")


def test_a_pod_deleted_on_a_node_that_does_not_answer_is_reported_and_its_deadline_holds(
    operator, person, node
):
    pod = on_dead_node(person, "x", node)
    on_dead_node(person, "y", node, activeDeadlineSeconds=15)
    delete(person, pod)
    shown = wait_for(
        "the report",
        lambda: condition(person.status("x"), "Running").get("reason") == "PodTerminationTimeout",
    )
    assert shown
    assert events(person, "PodTerminationTimeout")
    status = person.becomes("y", "ERROR")
    assert condition(status, "Failed")["reason"] == "DeadlineExceeded"
    assert "has not confirmed its end" in status["message"]
    person.patch_run("x", {"spec": {"suspend": True}})
    assert condition(person.becomes("x", "STOPPED"), "Suspended")["reason"] == "PodTerminationTimeout"


@pytest.mark.timeout(200)
def test_a_run_goes_on_elsewhere_when_its_dead_node_is_deleted(operator, person, node):
    """The cluster's collector of pods looks every 20 s, and lets a node be missing for 40 s before it believes it."""
    pod = on_dead_node(person, "x", node)
    delete(person, pod)
    person.kubectl("delete", "node", node)
    wait_for("the next attempt", lambda: person.status("x").get("attempt") == 2, 150)


def test_a_job_deleted_in_the_foreground_on_a_dead_node_says_what_it_waits_for_and_its_deadline_holds(
    operator, person, node
):
    """The Job stays until its pod is gone, and that one never confirms it."""
    on_dead_node(person, "x", node, activeDeadlineSeconds=20)
    person.kubectl("delete", "job", "x", "--cascade=foreground", "--wait=false")
    wait_for("the report", lambda: condition(person.status("x"), "Running").get("reason") == "ChildDeleted")
    status = person.becomes("x", "ERROR")
    assert condition(status, "Failed")["reason"] == "DeadlineExceeded"
    assert "has not confirmed its end" in status["message"]


def hold(person: Person, kind: str, name: str, *, held: bool = True) -> None:
    """A finalizer of somebody else: the object stays until it is taken away."""
    mark = "example.com/held"
    found = person.get(kind, name)["metadata"].get("finalizers", [])
    finalizers = [*found, mark] if held else [one for one in found if one != mark]
    patch = json.dumps({"metadata": {"finalizers": finalizers}})
    person.kubectl("patch", kind, name, "--type=merge", "-p", patch)


def test_a_job_that_a_finalizer_holds_is_reported_and_the_next_attempt_begins_when_it_is_gone(
    operator, person
):
    person.apply_run("x", "sleep")
    person.becomes("x", "RUNNING")
    pod = pod_of(person, "x")["metadata"]["name"]
    hold(person, "job", "x")
    person.kubectl("delete", "job", "x", "--wait=false")
    wait_for("the end of its pod", lambda: pod not in {p["metadata"]["name"] for p in person.items("pods")})
    shown = wait_for("the report", lambda: "a finalizer keeps it" in person.status("x")["message"])
    assert shown
    assert person.status("x")["attempt"] == 1
    hold(person, "job", "x", held=False)
    pod_of(person, "x", 2)
    assert person.becomes("x", "RUNNING")["attempts"][0]["reason"] == "ChildDeleted"


def test_a_pod_that_a_finalizer_holds_keeps_nothing_waiting_once_its_program_has_ended(operator, person):
    person.apply_run("x", "sleep")
    person.becomes("x", "RUNNING")
    pod = pod_of(person, "x")["metadata"]["name"]
    hold(person, "pod", pod)
    delete(person, pod)
    pod_of(person, "x", 2)
    person.becomes("x", "RUNNING")
    assert person.get("pod", pod)["status"]["phase"] == "Failed"
    hold(person, "pod", pod, held=False)


def ended_pod(person: Person, code: int) -> None:
    """The program of the only pod ended; a fake node's kubelet does not say so by itself."""
    main = containers(code, RUNS)[0]
    pod = pod_of(person, "x")["metadata"]["name"]
    patch_status(person, pod, {"phase": "Failed" if code else "Succeeded", "containerStatuses": [main]})


def deleted_job(person: Person, way: tuple[str, ...] = ("job", "x")) -> None:
    """The Job has its verdict, and goes with its pods."""
    wait_for("the verdict", lambda: decided(person, "x"))
    person.kubectl("delete", *way)
    wait_for("nothing left", lambda: not person.items("jobs,pods"))


@pytest.mark.parametrize(
    "way", [("job", "x"), ("jobs,pods", "--all"), ("job", "x", "--cascade=foreground")], ids="-".join
)
@pytest.mark.parametrize(
    ("code", "state", "reason"), [(0, "COMPLETED", "Completed"), (3, "ERROR", "BackoffLimitExceeded")]
)
def test_what_ended_and_was_deleted_while_the_operator_was_away_is_not_done_again(
    operator, person, way, code, state, reason
):
    person.apply_run("x", "sleep")
    person.becomes("x", "RUNNING")
    operator.kill()
    ended_pod(person, code)
    wait_for("the Event of its Job", lambda: events(person, reason))
    deleted_job(person, way)
    operator.start()
    status = person.becomes("x", state)
    assert (status["attempt"], person.items("jobs,pods")) == (1, [])
    assert "the operator did not see how its program ended" in status["message"]


def test_a_stop_meanwhile_changes_nothing_of_what_was_done(operator, person):
    person.apply_run("x", "sleep")
    person.becomes("x", "RUNNING")
    operator.kill()
    ended_pod(person, 0)
    wait_for("the Event of its Job", lambda: events(person, "Completed"))
    deleted_job(person)
    person.patch_run("x", {"spec": {"suspend": True}})
    operator.start()
    person.becomes("x", "COMPLETED")


def test_a_verdict_about_a_program_that_was_asked_to_end_is_none(operator, person):
    person.apply_run("x", "kwok-save")
    person.becomes("x", "RUNNING")
    pod = pod_of(person, "x")["metadata"]["name"]
    operator.kill()
    killing(person, pod)
    delete(person, pod)
    wait_for("the Event of its Job", lambda: events(person, "Completed"))
    deleted_job(person)
    operator.start()
    pod_of(person, "x", 2)


@pytest.mark.parametrize("trace", ["none", "of another Job", "of somebody else"])
def test_without_an_event_of_the_job_its_work_is_done_again(operator, person, trace):
    person.apply_run("x", "sleep")
    uid = person.becomes("x", "RUNNING")["attempts"][0]["jobUid"]
    operator.kill()
    ended_pod(person, 0)
    wait_for("the Event of its Job", lambda: events(person, "Completed"))
    deleted_job(person)
    (event,) = person.items("events", "--field-selector=reason=Completed")
    person.kubectl("delete", "events", "--field-selector=reason=Completed")
    event["metadata"] = {"name": "another"}
    assert event["involvedObject"]["uid"] == uid
    if trace == "of another Job":
        event["involvedObject"]["uid"] = "00000000-0000-0000-0000-000000000000"
        person.apply(event)
    if trace == "of somebody else":
        event |= {"source": {"component": "kueue"}, "reportingComponent": "kueue"}
        person.apply(event)
    operator.start()
    pod_of(person, "x", 2)
    assert person.becomes("x", "RUNNING")["attempts"][0]["reason"] == "ChildDeleted"


def test_a_job_that_is_deleted_each_time_it_is_made_is_made_again_ever_later(operator, person):
    """As a policy engine does that wants no such Jobs."""
    person.apply_run("x", "sleep", spec={"node_selector": [{"key": "zone", "value": "nowhere"}]})
    wait_for("its Job", lambda: person.get("job", "x"))

    def pauses() -> bool:
        person.kubectl("delete", "job", "x", "--ignore-not-found", "--wait=false")
        return "begins at" in str(person.status("x").get("message"))

    wait_for("a pause, with its end", pauses)
    wait_for("its Job again", lambda: person.get("job", "x"))


def runs(person: Person, attempt: int) -> bool:
    status = person.status("x")
    return status.get("attempt") == attempt and status["state"] == "RUNNING"


@pytest.mark.parametrize("what", ["job", "deployment"])
def test_attempts_whose_child_is_deleted_one_after_the_other_are_followed_by_pauses(operator, person, what):
    person.apply_run("x", **({} if what == "job" else SERVE))
    for attempt in range(1, 5):
        wait_for("RUNNING", partial(runs, person, attempt))
        person.kubectl("delete", what, "x")
    status = wait_for(
        "the pause", lambda: "attempt 5 begins at" in (s := person.status("x")).get("message", "") and s
    )
    assert (status["state"], status["attempt"]) == ("PENDING", 4)
    assert {one["reason"] for one in status["attempts"]} == {"ChildDeleted"}
    pod_of(person, "x", 5)
