"""A pod that something outside ends has not done its work, whatever its exit code: on a real API server and Job controller."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from tests.support.builders import container_status
from tests.support.harness import Person, condition, wait_for

NOWHERE = {"node_selector": [{"key": "zone", "value": "nowhere"}]}


def pod_of(person: Person, name: str, attempt: int = 1) -> dict[str, Any]:
    selector = f"--selector=run-operator.io/run={name},run-operator.io/attempt={attempt}"
    return wait_for(f"a pod of attempt {attempt}", lambda: person.items("pods", selector))[0]


def evict(person: Person, pod: str) -> None:
    """As `kubectl drain` does."""
    path = f"/api/v1/namespaces/{person.namespace}/pods/{pod}/eviction"
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
    person.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(body))


def delete(person: Person, pod: str) -> None:
    person.kubectl("delete", "pod", pod, "--wait=false")


def force(person: Person, pod: str) -> None:
    person.kubectl("delete", "pod", pod, "--force", "--grace-period=0", "--wait=false")


def preempt(person: Person, pod: str) -> None:
    """As the scheduler does: it marks the pod, then deletes it."""
    mark(person, pod, "PreemptionByScheduler")
    delete(person, pod)


def shut_down(person: Person, pod: str) -> None:
    """As a kubelet does when its node shuts down."""
    mark(person, pod, "TerminationByKubelet", phase="Failed", reason="Terminated", message="node shutdown")


def mark(person: Person, pod: str, by: str, **status: str) -> None:
    found = person.get("pod", pod)["status"]["conditions"]
    target = {"type": "DisruptionTarget", "status": "True", "reason": by}
    patch_status(person, pod, {"conditions": [*found, target], **status})


def patch_status(person: Person, pod: str, status: dict[str, Any]) -> None:
    patch = json.dumps({"status": status})
    person.kubectl("patch", "pod", pod, "--subresource=status", "--type=merge", "-p", patch)


def events(person: Person, reason: str) -> list[str]:
    return [item["message"] for item in person.items("events", f"--field-selector=reason={reason}")]


@pytest.mark.parametrize("program", ["kwok-save", "sleep"])
@pytest.mark.parametrize("ended", [evict, delete, force, preempt, shut_down])
def test_a_run_goes_on_with_the_next_attempt_and_says_who_ended_its_pod(operator, person, ended, program):
    person.apply_run("x", program)
    person.becomes("x", "RUNNING")
    ended(person, pod_of(person, "x")["metadata"]["name"])
    second = pod_of(person, "x", 2)
    status = wait_for(
        "RUNNING again",
        lambda: (s := person.status("x")).get("attempt") == 2 and s["state"] == "RUNNING" and s,
    )
    first = status["attempts"][0]
    assert (first["reason"], status["interruptions"]) == ("Interrupted", 1)
    assert first["interruptedBy"] in (
        "EvictionByEvictionAPI",
        "PodDeleted",
        "PreemptionByScheduler",
        "TerminationByKubelet",
    )
    env = {item["name"]: item.get("value") for item in second["spec"]["containers"][0]["env"]}
    assert env["RUN_ATTEMPT"] == "2"
    wait_for("the event", lambda: events(person, "RunInterrupted"))
    assert person.get("job", "x")["spec"]["backoffLimit"] == 0


def test_an_eviction_while_the_operator_is_away_is_none_that_completes_the_run(operator, person):
    person.apply_run("x", "sleep")
    person.becomes("x", "RUNNING")
    pod = pod_of(person, "x")["metadata"]["name"]
    operator.kill()
    evict(person, pod)
    wait_for("the Job's verdict", lambda: decided(person, "x"))
    operator.start()
    pod_of(person, "x", 2)
    assert person.status("x")["attempts"][0]["reason"] == "Interrupted"


def killing(person: Person, pod: str) -> None:
    """What a kubelet says when it ends a program; fake nodes say nothing."""
    now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    about = {"apiVersion": "v1", "kind": "Pod", "name": pod, "namespace": person.namespace}
    event = {
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": f"{pod}.killing"}, "reason": "Killing", "type": "Normal",
        "involvedObject": about | {"fieldPath": "spec.containers{main}"}, "message": "Stopping container main",
        "firstTimestamp": now, "lastTimestamp": now, "count": 1, "source": {"component": "kubelet"},
    }  # fmt: skip
    person.kubectl("create", "-f", "-", stdin=json.dumps(event))


@pytest.mark.parametrize("program", ["kwok-save", "sleep"])
def test_a_pod_that_was_deleted_while_the_operator_was_away_and_is_gone_was_interrupted(
    operator, person, program
):
    """The Job counts it as completed, or as failed."""
    person.apply_run("x", program)
    person.becomes("x", "RUNNING")
    pod = pod_of(person, "x")["metadata"]["name"]
    operator.kill()
    killing(person, pod)
    delete(person, pod)
    wait_for("the Job's verdict", lambda: decided(person, "x"))
    wait_for("no pod", lambda: not person.items("pods"))
    operator.start()
    pod_of(person, "x", 2)
    assert person.becomes("x", "RUNNING")["attempts"][0]["reason"] == "Interrupted"


def test_without_that_event_the_job_is_believed_and_the_run_says_so(operator, person):
    person.apply_run("x", "kwok-complete")
    pod = pod_of(person, "x")["metadata"]["name"]
    operator.kill()
    wait_for("the Job's verdict", lambda: decided(person, "x"))
    person.kubectl("delete", "pod", pod)
    operator.start()
    status = person.becomes("x", "COMPLETED")
    assert (
        "the operator did not see how its program ended" in status["message"]
        or status["attempts"][0].get("exitCode") == 0
    )


def decided(person: Person, name: str) -> bool:
    found = person.get("job", name)["status"].get("conditions", ())
    return any(c["type"] in ("Complete", "Failed") and c["status"] == "True" for c in found)


def cordon_and_taint(person: Person, node: str) -> None:
    """As an operator of nodes does: what does not tolerate it is deleted by the cluster itself."""
    person.kubectl("taint", "node", node, "upgrade=now:NoExecute")


def test_a_taint_of_the_node_and_a_pod_of_higher_priority_are_interruptions(operator, person):
    """By the cluster's own controllers: nobody writes the marks here but they."""
    name = f"small-{person.namespace}"
    small_node(person, name)
    try:
        spec = {
            "node_selector": [{"key": "kubernetes.io/hostname", "value": name}],
            "resources": {"cpu": "600m"},
        }
        person.apply_run("x", "sleep", spec=spec)
        person.becomes("x", "RUNNING")
        urgent(person, name)
        first = wait_for("preempted", lambda: interrupted(person, 1))
        assert first["interruptedBy"] == "PreemptionByScheduler"
        person.kubectl("delete", "pod", "urgent", "--wait=false")
        person.becomes("x", "RUNNING")
        cordon_and_taint(person, name)
        second = wait_for("tainted", lambda: interrupted(person, 2))
        assert second["interruptedBy"] == "DeletionByTaintManager"
        person.kubectl("delete", "run", "x")
    finally:
        person.kubectl("delete", "node", name)
        person.kubectl("delete", "priorityclass", name, "--ignore-not-found")


def interrupted(person: Person, attempt: int) -> dict[str, Any] | None:
    found = person.status("x").get("attempts", ())
    return next((a for a in found if a["attempt"] == attempt and a.get("interruptedBy")), None)


def small_node(person: Person, name: str) -> None:
    """A fake node with room for one pod, which kwok keeps alive."""
    labels = {"kubernetes.io/hostname": name, "type": "kwok"}
    metadata = {"name": name, "labels": labels, "annotations": {"kwok.x-k8s.io/node": "fake"}}
    person.apply({"apiVersion": "v1", "kind": "Node", "metadata": metadata})
    room = {"cpu": "1", "memory": "8Gi", "pods": "20"}
    patch = json.dumps({"status": {"capacity": room, "allocatable": room}})
    person.kubectl("patch", "node", name, "--subresource=status", "--type=merge", "-p", patch)


def urgent(person: Person, node: str) -> None:
    """A pod of higher priority that needs the node for itself."""
    kind = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass"}
    person.apply(kind | {"metadata": {"name": node}, "value": 1000})
    container = {"name": "c", "image": "x", "resources": {"requests": {"cpu": "900m"}}}
    spec = {
        "priorityClassName": node,
        "nodeSelector": {"kubernetes.io/hostname": node},
        "containers": [container],
    }
    person.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "urgent"}, "spec": spec})


@pytest.mark.parametrize("reason", ["NodeAffinity", "OutOfcpu", "UnexpectedAdmissionError"])
def test_a_pod_that_its_kubelet_refuses_costs_nothing(operator, person, reason):
    person.apply_run("x", spec=NOWHERE)
    pod = pod_of(person, "x")["metadata"]["name"]
    patch_status(person, pod, {"phase": "Failed", "reason": reason, "message": "Pod was rejected"})
    pod_of(person, "x", 2)
    status = person.status("x")
    assert status["attempts"][0]["reason"] == "NotStarted"
    assert status["attempts"][0]["interruptedBy"] == reason
    assert "interruptions" not in status


def test_retries_and_interruptions_are_counted_apart(operator, person):
    person.apply_run("x", "sleep", policy={"backoffLimit": 1, "maxInterruptions": 1})
    for attempt in (1, 2):
        person.becomes("x", "RUNNING")
        delete(person, pod_of(person, "x", attempt)["metadata"]["name"])
    status = person.becomes("x", "ERROR")
    assert condition(status, "Failed")["reason"] == "MaxInterruptionsExceeded"


def test_a_stop_during_an_interruption_is_a_stop(operator, person):
    person.apply_run("x", "kwok-save")
    person.becomes("x", "RUNNING")
    evict(person, pod_of(person, "x")["metadata"]["name"])
    person.patch_run("x", {"spec": {"suspend": True}})
    assert person.becomes("x", "STOPPED")["attempt"] in (1, 2)


def test_jobs_are_kept_from_autoscalers(operator, person):
    person.apply_run("x", "sleep")
    marks = pod_of(person, "x")["metadata"]["annotations"]
    assert marks["cluster-autoscaler.kubernetes.io/safe-to-evict"] == "false"
    assert marks["karpenter.sh/do-not-disrupt"] == "true"


def test_a_limit_range_below_the_added_tenth_refuses_nothing(operator, person):
    rule = {"type": "Container", "max": {"memory": "1Gi"}}
    person.apply(
        {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "most"}, "spec": {"limits": [rule]}}
    )
    person.apply_run("x", "sleep", spec={"resources": {"mem": "1Gi"}})
    person.becomes("x", "RUNNING")
    assert pod_of(person, "x")["spec"]["containers"][0]["resources"]["limits"]["memory"] == "1Gi"


def test_annotations_of_a_profile_reach_the_pods_and_win(operator, person):
    text = "annotations: {prometheus.io/scrape: 'true', karpenter.sh/do-not-disrupt: 'false'}"
    labels = {"run-operator.io/profiles": "true"}
    person.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "p", "labels": labels},
            "data": {"short": text},
        }
    )
    person.apply_run("x", "sleep", spec={"profile": "short"})
    marks = pod_of(person, "x")["metadata"]["annotations"]
    assert (marks["prometheus.io/scrape"], marks["karpenter.sh/do-not-disrupt"]) == ("true", "false")


@pytest.mark.parametrize(("code", "state"), [(0, "COMPLETED"), (3, "ERROR")])
@pytest.mark.parametrize("beside", [False, True])
def test_a_clock_that_goes_backwards_makes_no_negative_duration(operator, person, code, state, beside):
    """A node's runtime reads its clock twice, and each time is cut to a second."""
    person.apply_run("x", "sleep")
    person.becomes("x", "RUNNING")
    pod = pod_of(person, "x")["metadata"]["name"]
    ended = {
        "exitCode": code,
        "reason": "x",
        "startedAt": "2026-01-01T00:00:01Z",
        "finishedAt": "2026-01-01T00:00:00Z",
    }
    main = container_status(terminated=ended)
    mesh = container_status("mesh", ready=True, running={"startedAt": "2026-01-01T00:00:00Z"})
    phase = {} if beside else {"phase": "Failed" if code else "Succeeded"}
    patch_status(person, pod, {"containerStatuses": [main, mesh] if beside else [main], **phase})
    status = person.becomes("x", state)
    assert "-" not in status["message"].partition("after ")[2].partition(" s")[0]
    assert status["activeSeconds"] >= 0
