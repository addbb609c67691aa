"""Small builders of Runs, Jobs and pods for tests: raw objects as the API server serves them."""

from __future__ import annotations

from typing import Any

from run_operator.resources.run import Run
from run_operator.resources.times import stamp
from run_operator.workloads.views import JobView, PodView

NOW = 1_800_000_000.0
UID = "11111111-2222-3333-4444-555555555555"


def run(spec: dict[str, Any] | None = None, *, kind: str = "container+job:run", **top: Any) -> Run:
    """A Run of a busybox job; `top`: name, suspend, policy, status, labels, generation, deleting."""
    inner = (
        {"task": f"{kind.removesuffix(':run')}://demo/t", "image": "busybox:1.36"} if spec is None else spec
    )
    raw = {
        "metadata": {
            "namespace": "ml",
            "name": top.get("name", "hello"),
            "uid": UID,
            "resourceVersion": top.get("version", "10"),
            "generation": top.get("generation", 1),
            "creationTimestamp": stamp(NOW),
            "labels": top.get("labels", {}),
        },
        "spec": {
            "kind": kind,
            "project": "demo",
            "id": "hello",
            "spec": inner,
            "suspend": top.get("suspend", False),
            "runPolicy": top.get("policy", {}),
        },
        "status": top.get("status", {}),
    }
    if top.get("deleting"):
        raw["metadata"]["deletionTimestamp"] = stamp(NOW)
    return Run.from_object(raw)


def job(
    *, attempt: int = 1, suspend: bool = False, uid: str = "job-1", version: str = "20", **status: Any
) -> JobView:
    """A Job of that Run; `status`: active, failed, terminating, complete, failed_reason, target."""
    conditions = []
    if status.get("complete"):
        conditions.append({"type": "Complete", "status": "True", "lastTransitionTime": stamp(NOW)})
    if status.get("failed_reason"):
        reason = status["failed_reason"]
        conditions.append(
            {"type": "Failed", "status": "True", "reason": reason, "lastTransitionTime": stamp(NOW)}
        )
    if status.get("target"):
        conditions.append({"type": "FailureTarget", "status": "True"})
    counters = {key: status[key] for key in ("active", "failed", "terminating") if key in status}
    metadata = {
        "namespace": "ml", "name": "hello", "uid": uid, "resourceVersion": version,
        "labels": {"run-operator.io/run-uid": UID}, "annotations": {"run-operator.io/attempt": str(attempt)},
    }  # fmt: skip
    if status.get("deleting"):
        metadata["deletionTimestamp"] = stamp(NOW)
    return JobView.from_object(
        {"metadata": metadata, "spec": {"suspend": suspend}, "status": counters | {"conditions": conditions}}
    )


def pod(phase: str = "Pending", *, name: str = "hello-x", attempt: int = 1, **facts: Any) -> PodView:
    """A pod of that Job; `facts`: waiting, message, exit_code, reason, unschedulable, version, pod_reason, created."""
    container: dict[str, Any] = {"name": "main", "image": "busybox:1.36", "restartCount": 0}
    if "exit_code" in facts:
        times = {"startedAt": stamp(NOW - 10), "finishedAt": stamp(NOW)}
        container["state"] = {
            "terminated": {"exitCode": facts["exit_code"], "reason": facts.get("reason", "Error")} | times
        }
    elif "waiting" in facts:
        container["state"] = {"waiting": {"reason": facts["waiting"], "message": facts.get("message", "")}}
    elif phase == "Running":
        container["state"] = {"running": {"startedAt": stamp(NOW)}}
    conditions = []
    if "unschedulable" in facts:
        conditions.append(
            {
                "type": "PodScheduled",
                "status": "False",
                "reason": "Unschedulable",
                "message": facts["unschedulable"],
            }
        )
    status = {"phase": phase, "conditions": conditions, "reason": facts.get("pod_reason", "")}
    if "state" in container:
        status["containerStatuses"] = [container]
    return PodView.from_object(
        {
            "metadata": {
                "namespace": "ml", "name": name, "uid": f"uid-{name}", "resourceVersion": facts.get("version", "30"),
                "creationTimestamp": facts.get("created", stamp(NOW)),
                "labels": {"run-operator.io/run-uid": UID, "run-operator.io/attempt": str(attempt)},
            },
            "spec": {"nodeName": "node-1"},
            "status": status,
        }
    )  # fmt: skip
