"""What others do to the objects around a Run: budgets, quotas, times to live, adoptions, restored Jobs. The Run says what is true."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.test_interruptions import events, patch_status, pod_of
from tests.integration.test_lost_children import RUNS, SERVE, containers
from tests.support.harness import Person, condition, wait_for

NOWHERE = {"node_selector": [{"key": "zone", "value": "nowhere"}]}


def change(person: Person, kind: str, name: str, spec: dict[str, Any]) -> None:
    person.kubectl("patch", kind, name, "--type=merge", "-p", json.dumps({"spec": spec}))


def test_a_budget_that_blocks_evictions_leaves_the_runs_running_and_holds_no_stop(operator, person):
    selector = {"matchLabels": {"app.kubernetes.io/managed-by": "run-operator"}}
    budget = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "none"}}
    person.apply(budget | {"spec": {"maxUnavailable": 0, "selector": selector}})
    person.apply_run("x", "sleep")
    person.apply_run("web", **SERVE)
    for name in ("x", "web"):
        person.becomes(name, "RUNNING")
        pod = pod_of(person, name)["metadata"]["name"]
        path = f"/api/v1/namespaces/{person.namespace}/pods/{pod}/eviction"
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
        said = wait_for(
            "the refusal",
            lambda path=path, body=body: (
                person.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(body), check=False).stderr
            ),
        )
        assert "disruption budget" in said
    for name in ("x", "web"):
        person.patch_run(name, {"spec": {"suspend": True}})
        status = person.becomes(name, "STOPPED")
        assert (status["attempt"], status.get("interruptions")) == (1, None)
    assert not events(person, "RunInterrupted")


@pytest.mark.parametrize(("code", "state"), [(0, "COMPLETED"), (3, "ERROR")])
def test_a_job_that_a_time_to_live_deletes_at_its_end_ends_the_run_with_the_programs_exit_code(
    operator, person, code, state
):
    """As a policy of the cluster sets it. The Job is often gone before its verdict was seen."""
    person.apply_run("x", "sleep")
    person.becomes("x", "RUNNING")
    change(person, "job", "x", {"ttlSecondsAfterFinished": 0})
    main = containers(code, RUNS)[0]
    pod = pod_of(person, "x")["metadata"]["name"]
    patch_status(person, pod, {"phase": "Failed" if code else "Succeeded", "containerStatuses": [main]})
    status = person.becomes("x", state)
    wait_for("the end of its Job", lambda: not person.items("jobs,pods"))
    assert (status["attempt"], status["attempts"][-1]["exitCode"]) == (1, code)


def test_pods_that_another_deployment_adopts_are_named_with_what_to_delete(operator, person):
    person.apply_run("web", **SERVE)
    person.becomes("web", "RUNNING")
    ours = person.get("deployment", "web")["spec"]
    person.kubectl("delete", "deployment", "web", "--cascade=orphan", "--wait=false")
    spec = {"replicas": 1, "selector": ours["selector"], "template": ours["template"]}
    person.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "other"}, "spec": spec})
    wait_for("the report", lambda: "delete Deployment other" in person.status("web").get("message", ""))
    assert person.status("web")["reason"] == "PodsAdopted"
    assert person.status("web")["state"] == "STOP"
    wait_for("the event", lambda: events(person, "PodsAdopted"))
    person.kubectl("delete", "deployment", "other")
    pod_of(person, "web", 2)
    person.becomes("web", "RUNNING")


def test_a_deployment_that_makes_no_progress_is_explained_by_its_pod(operator, person):
    person.apply_run("web", **(SERVE | {"spec": SERVE["spec"] | NOWHERE}))
    wait_for("the Deployment", lambda: person.get("deployment", "web"))
    change(person, "deployment", "web", {"progressDeadlineSeconds": 2})
    wait_for("the condition", lambda: "ProgressDeadlineExceeded" in str(person.get("deployment", "web")))
    status = wait_for(
        "the reason", lambda: (s := person.status("web")).get("reason") == "Unschedulable" and s
    )
    assert status["state"] == "PENDING"
    assert "cannot be scheduled" in status["message"]


QUOTAS = [
    ("x", {"pods": "0"}),
    ("x", {"count/jobs.batch": "0"}),
    ("web", {"pods": "0"}),
    ("web", {"count/deployments.apps": "0"}),
]


@pytest.mark.timeout(150)
@pytest.mark.parametrize(("name", "hard"), QUOTAS, ids=str)
@pytest.mark.parametrize("way", ["raised", "deleted"])
def test_a_run_that_a_quota_refused_begins_when_the_quota_allows_it(operator, person, name, hard, way):
    person.apply(
        {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": hard}}
    )
    wait_for("the quota", lambda: person.get("resourcequota", "q").get("status", {}).get("hard"))
    person.apply_run(name, **({} if name == "x" else SERVE))
    wait_for("the reason", lambda: "exceeded quota" in person.status(name).get("message", ""))
    assert person.status(name)["state"] == "PENDING"
    if way == "raised":
        change(person, "resourcequota", "q", {"hard": dict.fromkeys(hard, "9")})
    else:
        person.kubectl("delete", "resourcequota", "q")
    status = person.becomes(name, "RUNNING", 90)
    assert "quota" not in status["message"]


def test_a_failed_program_keeps_its_retry_when_the_rest_of_its_pod_is_evicted(operator, person):
    person.apply_run("x", "sleep", policy={"backoffLimit": 1, "maxInterruptions": 0})
    person.becomes("x", "RUNNING")
    pod = pod_of(person, "x")["metadata"]["name"]
    main, mesh = containers(3, {"terminated": {"exitCode": 137, "reason": "Error"}})
    evicted = {"type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet"}
    evicted["lastTransitionTime"] = "2026-01-01T00:01:00Z"
    found = person.get("pod", pod)["status"]["conditions"]
    ended = {"phase": "Failed", "reason": "Evicted", "conditions": [*found, evicted]}
    patch_status(person, pod, ended | {"containerStatuses": [main, mesh]})
    pod_of(person, "x", 2)
    first = person.becomes("x", "RUNNING")["attempts"][0]
    assert (first["reason"], first["exitCode"], first["retries"]) == ("Retried", 3, 1)
    assert person.get("job", "x")["spec"]["backoffLimit"] == 0
    patch_status(person, pod_of(person, "x", 2)["metadata"]["name"],
                 {"phase": "Failed", "containerStatuses": [main]})  # fmt: skip
    assert condition(person.becomes("x", "ERROR"), "Failed")["reason"] == "BackoffLimitExceeded"


def test_a_job_that_a_backup_restored_before_its_run_is_named_and_the_run_begins_when_it_is_deleted(
    operator, person
):
    """As Velero restores: by kind in the order of the alphabet, without owners, uids and status."""
    person.apply_run("x", "sleep")
    person.becomes("x", "RUNNING")
    run, job = person.get("run", "x"), person.get("job", "x")
    person.kubectl("delete", "run", "x")
    wait_for("nothing left", lambda: not person.items("jobs,pods"))
    for one in (run, job):
        kept = ("name", "namespace", "labels", "annotations")
        one["metadata"] = {key: one["metadata"][key] for key in kept if key in one["metadata"]}
        del one["status"]
    del job["spec"]["selector"]
    for label in ("controller-uid", "batch.kubernetes.io/controller-uid"):
        job["spec"]["template"]["metadata"]["labels"].pop(label)
    for one in (job, run):
        person.kubectl("create", "-f", "-", stdin=json.dumps(one))
    status = wait_for("the report", lambda: (s := person.status("x")).get("reason") == "NameConflict" and s)
    assert status["state"] == "PENDING"
    assert "delete Job x, then this Run begins" in status["message"]
    person.kubectl("delete", "job", "x")
    assert person.becomes("x", "RUNNING")["attempt"] == 1
