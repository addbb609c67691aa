"""docs/lifecycle.md is what the plan does: every line of its tables is tried."""

from __future__ import annotations

from typing import Any

import pytest

from run_operator.api.raw import stamp
from run_operator.children.event_facts import Said
from run_operator.lifecycle.model import (
    CreateService,
    CreateWorkload,
    DeleteChild,
    DeletePod,
    Observed,
    RestartChild,
    ScaleChild,
    SuspendChild,
)
from run_operator.lifecycle.plan import plan
from run_operator.workloads.types import Options
from tests.support.builders import NOW, deployment, job, pod, replica, run, serve, service
from tests.support.lifecycle_page import table, transitions

VERBS = {
    CreateWorkload: "create",
    DeleteChild: "delete",
    SuspendChild: "suspend",
    ScaleChild: "scale",
    RestartChild: "restart",
}
CHILDREN: dict[str, dict[str, Any]] = {
    "none": {},
    "runs": {"job": job(active=1)},
    "suspending": {"job": job(suspend=True, noticed=False)},
    "suspended": {"job": job(suspend=True)},
    "complete": {"job": job(complete=True)},
    "failed": {"job": job(failed_reason="BackoffLimitExceeded")},
    "up": {"deployment": deployment(), "services": (service(),)},
    "stopping": {"deployment": deployment(replicas=0, observed=False), "services": (service(),)},
    "down": {"deployment": deployment(replicas=0), "services": (service(),)},
}
PODS: dict[str, Any] = {
    "gone": (),
    "pending": (pod("Pending"),),
    "running": (pod("Running"),),
    "ending": (pod("Running", due=NOW + 30),),
    "lost": (pod("Running", due=NOW - 301),),
    "succeeded": (pod("Succeeded", exit_code=0),),
    "exit 3": (pod("Failed", exit_code=3),),
    "ready": (replica(),),
}


def status_of(state: str) -> dict[str, Any]:
    """After one attempt, which ended where the state says so."""
    began = {"attempt": 1, "startTime": stamp(NOW - 60), "firstStartTime": stamp(NOW - 60)}
    ended = {"endTime": stamp(NOW)} if state in ("STOPPED", "COMPLETED", "ERROR") else {}
    attempts = [{"attempt": 1, "startTime": stamp(NOW - 60)} | ended]
    known = {} if state == "CREATED" else began | {"attempts": attempts}
    if state == "STOPPED":
        del known["startTime"]
    return {"state": state, "observedGeneration": 1} | known


def taken(row: list[str], make: Any) -> tuple[str, str]:
    state, desired, child, pods, _, _ = row
    one = make(suspend=desired == "stop", status=status_of(state))
    made = plan(one, Observed(pods=PODS[pods], fresh=True, **CHILDREN[child]), NOW, Options())
    after = (made.status or one.status)["state"]
    words = "Deployment" if make is serve else "Job"
    actions = [action for action in made.actions if not isinstance(action, CreateService)]
    return after, ", ".join(f"{VERBS[type(action)]} {words}" for action in actions) or "-"


@pytest.mark.parametrize("row", table("Jobs"), ids=" ".join)
def test_jobs(row):
    assert taken(row, run) == tuple(row[4:])


ASKED: dict[str, Any] = {"due": NOW + 20, "grace": 30}
"""Deleted ten seconds before NOW."""
KEPT = {"mesh": None}
KILLING = Said("Killing", "Stopping container main", 20.0, 0.0)
KILLED = {"said": (KILLING,)}
DONE, FAILED = (
    Said("Completed", "Job completed", 15.0, 0.0),
    Said("BackoffLimitExceeded", "Job has failed", 15.0, 0.0),
)
FATES: dict[str, tuple[Any, dict[str, Any]]] = {
    "it is evicted, and ends": (pod("Running", disrupted="EvictionByEvictionAPI", **ASKED), {}),
    "it was evicted, its program saved its work and exited with 0": (pod("Succeeded", exit_code=0, **ASKED), {}),
    "it was deleted, exit code 143": (pod("Failed", exit_code=143, **ASKED), {}),
    "it was disrupted and is gone": (None, {}),
    "it was deleted when its program had ended": (pod("Succeeded", exit_code=0, due=NOW + 40), {}),
    "its kubelet refuses it": (pod("Failed", pod_reason="NodeAffinity"), {}),
    "it was interrupted, and `maxInterruptions` is 0": (
        pod("Failed", exit_code=143, **ASKED), {"maxInterruptions": 0}),
    "its program exited with 0, then its node evicted what was left of it": (
        pod("Failed", exit_code=0, pod_reason="Evicted", disrupted="TerminationByKubelet", disrupted_at=NOW + 5, beside={"mesh": 137}), {}),
    "it was to be preempted, that was taken back, and its program exited with 0": (
        pod("Succeeded", exit_code=0, disrupted="PreemptionByScheduler", disrupted_at=NOW - 60), {}),
    "its program exited with 0 before its deadline ended the rest of it": (
        pod("Failed", exit_code=0, due=NOW + 35, beside={"mesh": 143}), {}),
    "its deadline ended it, its program saved its work and exited with 0": (pod("Failed", exit_code=0, **ASKED), {}),
    "its node was switched off, and came back without it": (pod("Failed", exit_code=255, reason="Unknown"), {}),
    "the clock of its node is ahead, its program exited with 0": (pod("Succeeded", exit_code=0, finished=NOW + 600), {}),
    "an init container that was injected failed": (
        pod("Failed", waiting="PodInitializing", beside={"certs": 1}, inits=("certs",)), {}),
    "it used more than its own limit of disk": (
        pod("Failed", exit_code=0, pod_reason="Evicted", pod_message='exceeds the limit "1Gi"'), {}),
    "its program exited with 0, another container keeps it": (pod("Running", exit_code=0, beside=KEPT), {}),
    "its program exited with 0, a container beside it cannot start": (
        pod("Pending", exit_code=0, beside={"mesh": "ImagePullBackOff"}), {}),
    "its program exited with 3, another container keeps it": (pod("Running", exit_code=3, beside=KEPT), {}),
    "its program exited with 3, a retry is left, another container keeps it": (
        pod("Running", exit_code=3, beside=KEPT), {"backoffLimit": 1}),
    "its program exited with 3, a retry is left, then its node evicted what was left of it": (
        pod("Failed", exit_code=3, pod_reason="Evicted", disrupted="TerminationByKubelet", disrupted_at=NOW + 5, beside=KEPT),
        {"backoffLimit": 1}),
    "its program exited with 0, a container beside it with 1": (
        pod("Failed", exit_code=0, beside={"mesh": 1}), {"backoffLimit": 1}),
    "its program used too much memory, a sidecar ended with 137": (
        pod("Failed", exit_code=137, reason="OOMKilled", beside={"mesh": 137}, sidecars=("mesh",)), {}),
    "its node does not answer": (pod("Running", ready=False), {}),
    "it never confirmed that it ended": (
        pod("Running", due=NOW - 301, disrupted="DeletionByTaintManager"), {"interrupted": True}),
    "it never confirmed that it ended, its deadline is over": (pod("Running", due=NOW - 301), {}),
    "its Job was deleted without it": (pod("Running", controller=None), {"state": "STOP"}),
    "its Job was deleted when its program had done its work": (pod("Succeeded", exit_code=0), {}),
    "its Job was deleted when its program had failed, and no retry is left": (pod("Failed", exit_code=3), {}),
    "its Job is being deleted, and waits for it": (pod("Running", **ASKED), {}),
    "it is gone, and a finalizer holds its Job": (None, {}),
    "it was deleted while the operator was away, its program saved its work and exited with 0": (None, KILLED),
    "it was deleted while the operator was away, exit code 143": (None, KILLED),
    "it is gone, and nobody saw how its program ended": (None, {}),
    "its Job was deleted with it while the operator was away, after it completed": (None, {"said": (DONE,)}),
    "its Job was deleted with it while the operator was away, after it failed": (None, {"said": (FAILED,)}),
    "its Job was deleted with it while the operator was away, after it was asked to end": (
        None, {"said": (DONE, KILLING)}),
    "its Job was deleted with it while the operator was away, and no Event says how it ended": (None, {}),
}  # fmt: skip
JOBS = CHILDREN | {
    "disrupted": {"job": job(failed=1, failed_reason="PodFailurePolicy")},
    "going": {"job": job(deleting=True)},
    "too late": {"job": job(failed_reason="DeadlineExceeded")},
    "out of time": {"job": job(target=True, target_reason="DeadlineExceeded", terminating=1)},
}


@pytest.mark.parametrize("row", table("What happens to the pod"), ids=" ".join)
def test_what_happens_to_the_pod(row):
    fate, child, says, does = row
    one, facts = FATES[fate]
    policy = {key: value for key, value in facts.items() if key in ("maxInterruptions", "backoffLimit")}
    status = status_of(facts.get("state", "RUNNING")) | {"pods": [{"name": "hello-x"}]}
    known = {"type": "Running", "status": "True", "reason": "Running", "lastTransitionTime": stamp(NOW - 60)}
    status["conditions"] = [known]
    status["transitions"] = [{"status": status["state"], "time": stamp(NOW - 60)}]
    status["attempts"] = [status["attempts"][0] | {"jobUid": "j-1"}]
    if facts.get("interrupted"):
        status["attempts"] = [status["attempts"][0] | {"interruptedBy": "DeletionByTaintManager"}]
    seen = Observed(pods=(one,) if one else (), fresh=True, said=facts.get("said", ()), **JOBS[child])
    made = plan(run(status=status, policy=policy), seen, NOW + 15, Options())
    (running,) = [c for c in made.status["conditions"] if c["type"] == "Running"]
    verbs = VERBS | {DeletePod: "end"}
    things = [f"{verbs[type(a)]} {'pod' if isinstance(a, DeletePod) else 'Job'}" for a in made.actions]
    assert (f"{made.status['state']}, `{running['reason']}`", ", ".join(things) or "-") == (says, does)


def test_every_fate_is_in_the_table():
    assert {row[0] for row in table("What happens to the pod")} == set(FATES)


@pytest.mark.parametrize("row", table("Services"), ids=" ".join)
def test_services(row):
    assert taken(row, serve) == tuple(row[4:])


@pytest.mark.parametrize("row", [row for row in table("Jobs") if row[4] == "PENDING" and row[0] != "PENDING"])
def test_every_way_back_to_pending_counts_the_next_attempt(row):
    one = run(suspend=False, status=status_of(row[0]))
    made = plan(one, Observed(pods=PODS[row[3]], fresh=True, **CHILDREN[row[2]]), NOW, Options())
    expected = one.status.get("attempt", 0) + (0 if row[3] == "ending" else 1)
    assert made.status["attempt"] == expected


@pytest.mark.parametrize("row", [*table("Jobs"), *table("Services")], ids=" ".join)
def test_every_change_of_state_is_an_arrow_of_the_drawing(row):
    before, after = row[0], row[4]
    assert before == after or (before, after) in transitions()
