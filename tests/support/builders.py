"""Small builders of Runs, Jobs and pods for tests: raw objects as the API server serves them."""

from __future__ import annotations

from typing import Any

from run_operator.api.raw import stamp
from run_operator.api.references import EntityView, ProfilesView
from run_operator.api.run import Run
from run_operator.children import DeploymentView, JobView, PodView, ServiceView
from run_operator.workloads.deployment import digest

NOW = 1_800_000_000.0
UID = "11111111-2222-3333-4444-555555555555"


def owned_by(kind: str, uid: str, name: str = "hello") -> list[dict[str, Any]]:
    """The owner references of an object that this one controls."""
    return [{"controller": True, "kind": kind, "name": name, "uid": uid}]


def container_status(name: str = "main", *, ready: bool = False, **state: Any) -> dict[str, Any]:
    """The status of a container as a kubelet writes it; `state`: one of running, waiting, terminated."""
    return {"name": name, "image": "x", "imageID": "", "ready": ready, "restartCount": 0, "state": state}


def run(spec: dict[str, Any] | None = None, *, kind: str = "container+job:run", **top: Any) -> Run:
    """A Run of a busybox job; `top`: name, suspend, policy, status, labels, generation, deleting, managed_by."""
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
            "managedBy": top.get("managed_by", ""),
        },
        "status": top.get("status", {}),
    }
    if top.get("deleting"):
        raw["metadata"]["deletionTimestamp"] = stamp(NOW)
    return Run.from_object(raw)


def job(
    *, attempt: int = 1, suspend: bool = False, uid: str = "job-1", version: str = "20", **status: Any
) -> JobView:
    """A Job of that Run; `status`: active, failed, terminating, complete, failed_reason, target, target_reason, deadline, created, managed_by, started, and
    noticed: whether its controller has seen that it is suspended."""
    conditions = []
    if suspend and status.get("noticed", True):
        conditions.append({"type": "Suspended", "status": "True", "lastTransitionTime": stamp(NOW)})
    if status.get("complete"):
        conditions.append({"type": "Complete", "status": "True", "lastTransitionTime": stamp(NOW)})
    if status.get("failed_reason"):
        reason = status["failed_reason"]
        conditions.append(
            {"type": "Failed", "status": "True", "reason": reason, "lastTransitionTime": stamp(NOW)}
        )
    if status.get("target"):
        reason = status.get("target_reason", "")
        conditions.append({"type": "FailureTarget", "status": "True", "reason": reason})
    counters = {key: status[key] for key in ("active", "failed", "terminating") if key in status}
    metadata = {
        "namespace": "ml", "name": "hello", "uid": uid, "resourceVersion": version,
        "labels": {"run-operator.io/run-uid": UID}, "annotations": {"run-operator.io/attempt": str(attempt)},
        "ownerReferences": owned_by("Run", UID),
    }  # fmt: skip
    if "created" in status:
        metadata["creationTimestamp"] = status["created"]
    if status.get("deleting"):
        metadata["deletionTimestamp"] = stamp(NOW)
    return JobView.from_object(
        {
            "metadata": metadata,
            "spec": {
                "suspend": suspend,
                "activeDeadlineSeconds": status.get("deadline", 259_200),
                "managedBy": status.get("managed_by"),
            },
            "status": counters | {"conditions": conditions, "startTime": status.get("started")},
        }
    )


SERVE: dict[str, Any] = {
    "task": "container+serve://demo/t",
    "image": "http-echo:1.0",
    "service_ports": [{"port": 80, "target_port": 5678}],
}


def serve(**top: Any) -> Run:
    """A Run of a service; `top`: as for `run`, and `more` of the inner spec."""
    return run(SERVE | top.pop("more", {}), kind="container+serve:run", **top)


def deployment(
    *, attempt: int = 1, replicas: int = 1, pods: int | None = None, **facts: Any
) -> DeploymentView:
    """The Deployment of that service; `facts`: observed, deleting, failure, unavailable_since, version, and
    spec: the document its pods were made from."""
    metadata = {
        "namespace": "ml", "name": "hello", "uid": "deployment-1", "generation": 3,
        "resourceVersion": facts.get("version", "20"),
        "labels": {"run-operator.io/run-uid": UID}, "ownerReferences": owned_by("Run", UID),
        "annotations": {
            "run-operator.io/attempt": str(attempt),
            "run-operator.io/spec-digest": digest(facts.get("spec", SERVE)),
        },
    }  # fmt: skip
    if facts.get("deleting"):
        metadata["deletionTimestamp"] = stamp(NOW)
    conditions = []
    if "failure" in facts:
        conditions.append({"type": "ReplicaFailure", "status": "True", "message": facts["failure"]})
    if "unavailable_since" in facts:
        since = stamp(facts["unavailable_since"])
        conditions.append({"type": "Available", "status": "False", "lastTransitionTime": since})
    counted = replicas if pods is None else pods
    status = {"observedGeneration": 3 if facts.get("observed", True) else 2, "replicas": counted}
    return DeploymentView.from_object(
        {"metadata": metadata, "spec": {"replicas": replicas}, "status": status | {"conditions": conditions}}
    )


def service(name: str = "hello", **spec: Any) -> ServiceView:
    """The Service of that service."""
    ports = [{"name": "port80", "port": 80, "targetPort": 5678, "protocol": "TCP"}]
    metadata = {
        "namespace": "ml", "name": name, "uid": f"service-{name}", "resourceVersion": "25",
        "labels": {"run-operator.io/run-uid": UID}, "ownerReferences": owned_by("Run", UID),
    }  # fmt: skip
    return ServiceView.from_object(
        {"metadata": metadata, "spec": {"type": "ClusterIP", "clusterIP": "10.0.0.9", "ports": ports} | spec}
    )


def replica(ready: bool | None = True, *, since: float = NOW, restarts: int = 0, **facts: Any) -> PodView:
    """A pod of that Deployment; ready None: a pod whose kubelet has said nothing yet. `facts`: name, attempt,
    waiting, message, exit_code, last_exit, last_reason, last_message, started, deleting, unschedulable, replica_set."""
    container: dict[str, Any] = {"name": "main", "image": "http-echo:1.0", "restartCount": restarts}
    if "exit_code" in facts:
        container["state"] = {"terminated": {"exitCode": facts["exit_code"], "reason": "Error"}}
    elif "waiting" in facts:
        container["state"] = {"waiting": {"reason": facts["waiting"], "message": facts.get("message", "")}}
    else:
        container["state"] = {"running": {"startedAt": stamp(facts.get("started", since))}}
    if "last_exit" in facts:
        ended = {"exitCode": facts["last_exit"], "reason": facts.get("last_reason", "Error")}
        container["lastState"] = {"terminated": ended | {"message": facts.get("last_message", "")}}
    conditions = []
    if ready is not None:
        conditions.append({"type": "Ready", "status": str(ready), "lastTransitionTime": stamp(since)})
    if "unschedulable" in facts:
        said = {"reason": "Unschedulable", "message": facts["unschedulable"]}
        conditions.append({"type": "PodScheduled", "status": "False"} | said)
    name = facts.get("name", "hello-a")
    metadata = {
        "namespace": "ml", "name": name, "uid": f"uid-{name}", "resourceVersion": "30",
        "creationTimestamp": stamp(since),
        "labels": {"run-operator.io/run-uid": UID, "run-operator.io/attempt": str(facts.get("attempt", 1))},
        "ownerReferences": owned_by("ReplicaSet", "replica-set-1", facts.get("replica_set", "hello-5d8")),
    }  # fmt: skip
    if facts.get("deleting"):
        metadata["deletionTimestamp"] = stamp(NOW)
    phase = "Running" if ready is not None and "waiting" not in facts else "Pending"
    status = {"phase": phase, "conditions": conditions, "containerStatuses": [container]}
    return PodView.from_object({"metadata": metadata, "spec": {"nodeName": "node-1"}, "status": status})


def pod(phase: str = "Pending", **facts: Any) -> PodView:
    """A pod of that Job; `facts`: name, attempt, waiting, message, exit_code, reason, unschedulable, version, pod_reason, created,
    due: when it is expected to be gone, in seconds since the epoch, after `grace` seconds; said: its last words;
    disrupted: the reason of its DisruptionTarget, `disrupted_at` seconds since the epoch; beside: exit codes of other
    containers by name, None: it runs, a text: why it waits; sidecars: those of them that are native ones; inits: those that run before it; finished: when its program ended;
    ready: what the cluster says of it; controller: what made it; began: when its kubelet took it, by the clock of the node;
    node: its node, empty for none."""
    name, attempt = facts.get("name", "hello-x"), facts.get("attempt", 1)
    container: dict[str, Any] = {"name": "main", "image": "busybox:1.36", "restartCount": 0}
    if "exit_code" in facts:
        times = {"startedAt": stamp(NOW - 10), "finishedAt": stamp(facts.get("finished", NOW))}
        container["state"] = {
            "terminated": {
                "exitCode": facts["exit_code"],
                "reason": facts.get("reason", "Error"),
                "message": facts.get("said", ""),
            }
            | times
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
    if "disrupted" in facts:
        since = stamp(facts.get("disrupted_at", NOW))
        mark = {"type": "DisruptionTarget", "status": "True", "reason": facts["disrupted"]}
        conditions.append(mark | {"lastTransitionTime": since})
    if "ready" in facts:
        ready = {"status": str(facts["ready"]), "lastTransitionTime": stamp(NOW)}
        conditions.append({"type": "Ready"} | ready)
        container["ready"] = True
    status = {"phase": phase, "conditions": conditions, "reason": facts.get("pod_reason", "")}
    status["message"] = facts.get("pod_message", "")
    status["startTime"] = _time(facts.get("began"))
    others = [_beside(name, code) for name, code in facts.get("beside", {}).items()]
    native = facts.get("sidecars", ())
    inits = (*native, *facts.get("inits", ()))
    if "state" in container:
        status["containerStatuses"] = [container, *(c for c in others if c["name"] not in inits)]
    status["initContainerStatuses"] = [c for c in others if c["name"] in inits]
    metadata = {
        "namespace": "ml", "name": name, "uid": f"uid-{name}", "resourceVersion": facts.get("version", "30"),
        "creationTimestamp": facts.get("created", stamp(NOW)),
        "labels": {
            "run-operator.io/run-uid": UID, "run-operator.io/attempt": str(attempt),
            "batch.kubernetes.io/controller-uid": "job-1",
        },
    }  # fmt: skip
    if "due" in facts:
        metadata["deletionTimestamp"] = stamp(facts["due"])
        metadata["deletionGracePeriodSeconds"] = facts.get("grace", 30)
    if controller := facts.get("controller", ("Job", "job-1")):
        metadata["ownerReferences"] = owned_by(*controller)
    spec = {"nodeName": facts.get("node", "node-1")}
    spec["initContainers"] = [{"name": n, "restartPolicy": "Always"} for n in native]
    return PodView.from_object({"metadata": metadata, "spec": spec, "status": status})


def _time(moment: float | None) -> str:
    return "" if moment is None else stamp(moment)


def _beside(name: str, code: int | str | None) -> dict[str, Any]:
    """A container beside the program, that ended a second after it, runs on, or cannot start."""
    reason = "Unknown" if code == 255 else "Error"  # as runtimes say of a container that they lost
    ended = {"exitCode": code, "reason": reason, "startedAt": stamp(NOW - 10), "finishedAt": stamp(NOW + 1)}
    state = {"running": {}} if code is None else {"terminated": ended}
    if isinstance(code, str):
        state = {"waiting": {"reason": code}}
    return {"name": name, "image": "proxy:1", "restartCount": 0, "state": state}


def entity(kind: str, entity_id: str, spec: dict[str, Any], **facts: Any) -> dict[str, Any]:
    """A Function or Task object; `facts`: name (of the document), created, object_name, namespace, version."""
    document = {
        "kind": kind,
        "project": "demo",
        "name": facts.get("name", entity_id),
        "id": entity_id,
        "spec": spec,
    }
    return {
        "metadata": {
            "namespace": facts.get("namespace", "ml"), "name": facts.get("object_name", entity_id),
            "uid": facts.get("uid", f"uid-{entity_id}"), "resourceVersion": facts.get("version", "40"), "generation": 1,
        },
        "spec": document | {"metadata": {"created": facts.get("created", "2026-01-01T00:00:00Z")}},
    }  # fmt: skip


def function(entity_id: str = "v1", image: str | None = "busybox:1.36", **more: Any) -> EntityView:
    """A version of the Function hello; `more`: as for `entity`, kind, and `spec` (more of the inner spec)."""
    inner = ({"image": image} if image else {}) | more.pop("spec", {})
    kind = more.pop("kind", "container")
    return EntityView.function(entity(kind, entity_id, inner, **({"name": "hello"} | more)))


def task(entity_id: str = "t", **more: Any) -> EntityView:
    """A Task of the Function hello; `more`: as for `function`."""
    inner = {"function": "container://demo/hello"} | more.pop("spec", {})
    return EntityView.task(entity("container+job", entity_id, inner, **more))


def profiles(texts: dict[str, str], **facts: Any) -> ProfilesView:
    """A ConfigMap of profiles; `facts`: name, namespace, version."""
    name, namespace = facts.get("name", "profiles"), facts.get("namespace", "ml")
    metadata = {
        "namespace": namespace, "name": name, "uid": f"uid-{namespace}-{name}",
        "resourceVersion": facts.get("version", "50"),
    }  # fmt: skip
    return ProfilesView.from_object({"metadata": metadata, "data": texts})


def sdk_document(kind: str = "container+job:run") -> dict[str, Any]:
    """A Run as the gateway answers it to the SDK."""
    task = kind.removesuffix(":run")
    return {
        "kind": kind, "id": "x", "project": "p", "name": "x", "key": f"store://p/run/{kind}/x", "user": "u", "extensions": [],
        "metadata": {"project": "p", "name": "x"}, "spec": {"task": f"{task}://p/t"}, "status": {"state": "RUNNING"},
    }  # fmt: skip
