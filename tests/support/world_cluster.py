"""The cluster of the model in `world.py`: Jobs, pods, the Job controller, the kubelet and the nodes around one Run."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from typing import Any

from run_operator.api.constants import ANNOTATION_ATTEMPT, LABEL_ATTEMPT, LABEL_RUN_UID
from run_operator.api.raw import stamp
from run_operator.api.references import Catalog
from run_operator.api.run import Run
from run_operator.children import JobView, PodView
from tests.support.builders import NOW, UID

NODE = "node"
UNBOUND = 3
"""Every third pod waits for a node first."""


class BrokenRuleError(AssertionError):
    """A truth rule does not hold."""


@dataclass
class ClusterWorld:
    """Raw objects as an API server would hold them; `jobs` and `pods` by uid."""

    queue: str = ""
    named: bool = False
    """Whether the Run names a Function instead of saying everything itself."""
    backoff_limit: int = 0
    now: float = NOW
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    pods: dict[str, dict[str, Any]] = field(default_factory=dict)
    numbers: Any = field(default_factory=lambda: itertools.count(100))

    def __post_init__(self) -> None:
        labels = {"kueue.x-k8s.io/queue-name": self.queue} if self.queue else {}
        inner = {"task": "container+job://demo/t"}
        inner |= {"function": "container://demo/hello"} if self.named else {"image": "busybox:1.36"}
        policy = {"backoffLimit": self.backoff_limit}
        spec = {
            "kind": "container+job:run",
            "project": "demo",
            "id": "hello",
            "spec": inner,
            "runPolicy": policy,
        }
        self.run: dict[str, Any] = {
            "metadata": {"namespace": "ml", "name": "hello", "uid": UID, "generation": 1, "labels": labels},
            "spec": spec | {"suspend": False},
            "status": {"state": "CREATED"},
        }
        self._touch(self.run)
        self.viewed = Run.from_object({})
        self.seen: tuple[list[JobView], list[PodView]] = ([], [])
        self.won = False
        self.by_hand = False
        self.catalog = Catalog()
        self.images: set[str] = set()
        self.lost = False
        self.unread = False
        """The status was lost, and no decision was stored since."""
        self.done = False
        """Whether a program came to a good end by itself, asked by nobody to end."""
        self.failed = False
        """Whether a program failed by itself."""
        self.gone: tuple[PodView, ...] = ()
        self.dead: set[str] = set()
        """Pods on a node that does not answer."""

    def check(self) -> None:
        """Rules that hold at every moment: `world_rules.py` has them."""
        raise NotImplementedError

    def _rule(self, holds: bool, text: str) -> None:
        if not holds:
            raise BrokenRuleError(f"{text}; run {self.run['status']}; jobs {self.jobs}; pods {self.pods}")

    # The controllers and the nodes

    def informer(self) -> None:
        """The Job controller learns what Jobs there are and what they are asked for."""
        for job in self.jobs.values():
            job["known"] = job["spec"]["suspend"]

    def job_controller(self) -> None:
        """One step of the Job controller, and of the garbage collector."""
        for uid, job in list(self.jobs.items()):
            if job["metadata"].get("deletionTimestamp"):
                if not any(pod["job"] == uid for pod in self.pods.values()):
                    del self.jobs[uid]
                    # Without status, Job and pods nothing is left that tells of its end. An operator that decided
                    # while the Job was still there has to have read its verdict.
                    self.won = self.won and not self.unread
                continue
            if "known" not in job:
                continue
            mine = [pod for pod in self.pods.values() if pod["job"] == uid]
            live = [pod for pod in mine if self._live(pod)]
            status = job["status"]
            before = dict(status)  # what is in it is replaced, never changed
            counted = [p for p in mine if not p["suspended"]]
            status["failed"] = sum(p["status"]["phase"] == "Failed" for p in counted)
            if not self._verdict(job):
                self._steer(uid, job, mine, live)
            if status != before:
                self._touch(job)

    def _steer(self, uid: str, job: dict[str, Any], mine: list[Any], live: list[Any]) -> None:
        status, suspend = job["status"], job["known"]
        ending = [pod for pod in live if pod["metadata"].get("deletionTimestamp")]
        succeeded = [p for p in mine if p["status"]["phase"] == "Succeeded" and not p["suspended"]]
        if succeeded:  # it asks nobody whether such a pod was asked to end
            self._conclude(job, "Complete", live, won=any(map(self._surely, succeeded)))
        elif any(p["status"]["phase"] == "Failed" and p["status"].get("conditions") for p in mine):
            self._conclude(job, "Failed", live, reason="PodFailurePolicy")
        elif status["failed"] > job["spec"]["backoffLimit"]:
            self._conclude(job, "Failed", live)
        elif suspend:
            for pod in live:
                self._delete_pod(pod, suspended=True)
            self._condition(job, "Suspended", "True")
            status |= {"active": 0, "terminating": len(live)}
        else:
            self._condition(job, "Suspended", "False")
            if not live:
                self._new_pod(uid, job)
            status |= {"active": 1 if not ending else 0, "terminating": len(ending)}

    def kubelet(self, end: int | None, *, saves: bool = False) -> None:
        """One step for every pod: it starts, or its program ends (`end`: with this exit code), or it is removed.

        `saves`: the program answers SIGTERM by saving its work and exiting with 0.
        """
        for uid, pod in list(self.pods.items()):
            phase, going = pod["status"]["phase"], pod["metadata"].get("deletionTimestamp")
            if uid in self.dead:
                continue
            if phase == "Pending" and not going:
                pod["spec"]["nodeName"] = NODE
                self._phase(pod, "Running", {"running": {"startedAt": stamp(self.now)}})
            elif phase == "Running" and self._ended(pod):
                if going or end is not None:  # what kept it ends too
                    self._phase(pod, "Failed" if self._ended(pod)["exitCode"] else "Succeeded", None)
            elif not self._can_write(pod) and phase == "Pending":  # the pod garbage collector's work
                pod["status"]["phase"] = "Failed"
                self._touch(pod)
            elif phase in ("Pending", "Running") and (going or end is not None):
                code = (0 if saves else 143) if going or end is None else end
                pod["by_itself"] = not going and code == 0
                self.done |= pod["by_itself"]
                self.failed |= not going and code != 0
                ended = {"exitCode": code, "startedAt": stamp(self.now - 1), "finishedAt": stamp(self.now)}
                self._phase(pod, "Failed" if code else "Succeeded", {"terminated": ended})
            elif going and phase in ("Succeeded", "Failed"):
                if not any(old.uid == uid and old.facts.deleting for old in self.seen[1]):
                    self.done |= phase == "Succeeded"  # all that is left of it is what its Job says
                    self.won = False
                del self.pods[uid]

    def sidecar(self, code: int) -> None:
        """The program ends by itself, and a container beside it goes on."""
        for uid, pod in self.pods.items():
            going = pod["metadata"].get("deletionTimestamp")
            if (
                pod["status"]["phase"] == "Running"
                and not self._ended(pod)
                and not going
                and uid not in self.dead
            ):
                pod["by_itself"] = code == 0
                self.done |= pod["by_itself"]
                self.failed |= code != 0
                ended = {"exitCode": code, "startedAt": stamp(self.now - 1), "finishedAt": stamp(self.now)}
                self._phase(pod, "Running", {"terminated": ended}, beside={"running": {}})

    def refuse(self) -> None:
        """The kubelet refuses a pod that it was given."""
        for pod in self.pods.values():
            if pod["status"]["phase"] == "Pending" and not pod["metadata"].get("deletionTimestamp"):
                pod["spec"]["nodeName"] = NODE
                pod["status"] |= {"phase": "Failed", "reason": "NodeAffinity", "message": "Pod was rejected"}
                self._touch(pod)

    def node_dies(self) -> None:
        """The node of the pods does not answer any more, and the cluster asks them to end."""
        for uid, pod in self.pods.items():
            if self._live(pod) and "nodeName" in pod["spec"]:
                self.dead.add(uid)
                self._delete_pod(pod, suspended=False)

    def node_returns(self) -> None:
        """It answers again."""
        self.dead.clear()

    def evict(self) -> None:
        """A pod is evicted by its node: it fails, and stays to be looked at."""
        for uid, pod in self.pods.items():
            if pod["status"]["phase"] == "Running" and not self._ended(pod) and uid not in self.dead:
                self._disrupt(pod, "TerminationByKubelet")
                self._phase(pod, "Failed", {"terminated": {"exitCode": 137, "finishedAt": stamp(self.now)}})

    def reboot(self) -> None:
        """The node is switched off and on: its programs are gone, and nobody saw how they ended."""
        for uid, pod in self.pods.items():
            if pod["status"]["phase"] == "Running" and not self._ended(pod) and uid not in self.dead:
                ended = {"exitCode": 255, "reason": "Unknown", "finishedAt": stamp(self.now)}
                self._phase(pod, "Failed", {"terminated": ended})

    def preemption_taken_back(self) -> None:
        """The scheduler marks a pod, and then needs its place no more."""
        for pod in self.pods.values():
            if pod["status"]["phase"] == "Running" and not self._ended(pod):
                self._disrupt(pod, "PreemptionByScheduler")

    def drain(self) -> None:
        """A pod is evicted by the API: it is marked, and deleted."""
        for pod in self.pods.values():
            if self._live(pod):
                self._disrupt(pod, "EvictionByEvictionAPI")
                self._delete_pod(pod, suspended=False)

    def _disrupt(self, pod: dict[str, Any], reason: str) -> None:
        mark = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": reason,
            "lastTransitionTime": stamp(self.now),
        }
        pod["status"]["conditions"] = [mark]

    @staticmethod
    def _surely(pod: dict[str, Any]) -> bool:
        """Whether its program came to a good end by itself, and nobody asked the pod to end in the same second."""
        ended = ClusterWorld._ended(pod).get("finishedAt")
        marked = any(c["lastTransitionTime"] == ended for c in pod["status"].get("conditions", ()))
        return bool(pod.get("by_itself")) and not marked and not pod["metadata"].get("deletionTimestamp")

    @staticmethod
    def _ended(pod: dict[str, Any]) -> dict[str, Any]:
        for container in pod["status"].get("containerStatuses", ()):
            if container["name"] == "main":
                found: dict[str, Any] = container["state"].get("terminated") or {}
                return found
        return {}

    # Objects

    def _create_job(self, child: dict[str, Any]) -> None:
        if self.jobs:
            return  # AlreadyExists, and ours
        uid = f"job-{next(self.numbers)}"
        job = copied(child)
        job["metadata"] |= {"uid": uid}
        job["status"] = {"failed": 0, "active": 0, "terminating": 0, "conditions": []}
        self.jobs[uid] = job
        self._touch(job)
        stored, number = self.run["status"], int(job["metadata"]["annotations"][ANNOTATION_ATTEMPT])
        first = number == 1 and stored["state"] == "CREATED" and not stored.get("attempt")
        self._rule(first or number == stored.get("attempt"), "a Job of another attempt")
        image = job["spec"]["template"]["spec"]["containers"][0]["image"]
        self.images.add(image)
        self._rule(len(self.images) == 1, f"attempts run different images: {self.images}")

    def _delete_job(self, uid: str) -> None:
        del self.jobs[uid]
        for pod in self.pods.values():
            if pod["job"] == uid:
                self._delete_pod(pod, suspended=True)

    def _new_pod(self, uid: str, job: dict[str, Any]) -> None:
        number = next(self.numbers)
        name = f"pod-{number}"
        labels = {
            LABEL_RUN_UID: UID,
            LABEL_ATTEMPT: job["spec"]["template"]["metadata"]["labels"][LABEL_ATTEMPT],
        }
        pod = {
            "metadata": {
                "namespace": "ml", "name": name, "uid": name, "labels": labels, "creationTimestamp": stamp(self.now),
                "ownerReferences": [{"kind": "Job", "name": "hello", "uid": uid, "controller": True}],
            },
            "spec": {"nodeName": NODE} if number % UNBOUND else {},
            "status": {"phase": "Pending"}, "job": uid, "suspended": False,
        }  # fmt: skip
        stopped = self.run["status"]["state"] == "STOPPED"
        self._rule(self.by_hand or not stopped, "a pod is made while the Run is STOPPED")
        self.pods[name] = pod
        self._touch(pod)
        self.check()

    def _delete_pod(self, pod: dict[str, Any], *, suspended: bool) -> None:
        if self._live(pod) and not pod["metadata"].get("deletionTimestamp"):
            pod["suspended"] = suspended
            pod["metadata"] |= {"deletionTimestamp": stamp(self.now + 30), "deletionGracePeriodSeconds": 30}
            self._touch(pod)
        elif not self._live(
            pod
        ):  # a person is not as quick as to delete it within the second in which it ended
            pod["metadata"].setdefault("deletionTimestamp", stamp(self.now + 1))

    def _phase(self, pod: dict[str, Any], phase: str, state: Any, *, beside: Any = None) -> None:
        """Of its program; `state` None: as it was."""
        main = {"name": "main", "image": "busybox:1.36", "restartCount": 0, "state": state}
        containers = pod["status"]["containerStatuses"][:1] if state is None else [main]
        more = [{**main, "name": "proxy", "state": beside}] if beside is not None else []
        pod["status"] |= {"phase": phase, "containerStatuses": [*containers, *more]}
        self._touch(pod)

    def _conclude(
        self,
        job: dict[str, Any],
        verdict: str,
        live: list[Any],
        *,
        won: bool = False,
        reason: str = "BackoffLimitExceeded",
    ) -> None:
        for pod in live:
            self._delete_pod(pod, suspended=True)
        if not live:  # a verdict is withheld while a pod can write
            self._condition(job, verdict, "True", reason)
            self.won = won
            job["status"] |= {"active": 0, "terminating": 0}

    def _condition(
        self, job: dict[str, Any], kind: str, value: str, reason: str = "BackoffLimitExceeded"
    ) -> None:
        if any(c["type"] == kind and c["status"] == value for c in job["status"]["conditions"]):
            return
        rest = [c for c in job["status"]["conditions"] if c["type"] != kind]
        new = {
            "type": kind,
            "status": value,
            "reason": reason,
            "lastTransitionTime": stamp(self.now),
        }
        job["status"]["conditions"] = [*rest, new]

    def _verdict(self, job: dict[str, Any]) -> bool:
        return any(c["type"] in ("Complete", "Failed") for c in job["status"]["conditions"])

    def _touch(self, thing: dict[str, Any]) -> None:
        thing["metadata"]["resourceVersion"] = str(next(self.numbers))

    @staticmethod
    def _live(pod: dict[str, Any]) -> bool:
        return pod["status"]["phase"] in ("Pending", "Running")

    def _can_write(self, pod: dict[str, Any]) -> bool:
        """Whether it runs or may run; one that is deleted before it has a node never does."""
        return self._live(pod) and ("nodeName" in pod["spec"] or "deletionTimestamp" not in pod["metadata"])


def copied(document: Any) -> Any:
    """A copy of what is JSON, faster than copy.deepcopy."""
    return json.loads(json.dumps(document))
