"""A small model of the cluster around one Run: Job controller, kubelet, people, and an operator that may be killed.

It keeps the rules the real thing keeps (a Job's pods are never replaced before they end, a suspended Job says so only
when it has asked its pods to go, a deleted Job leaves its pods to the kubelet) and leaves the order of everything to
the test. What the operator sees of Jobs and pods may be older than what is there; a status write needs the Run's
newest version, as on a real API server.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field, replace
from typing import Any, Final

from run_operator.api.constants import ANNOTATION_ATTEMPT, LABEL_ATTEMPT, LABEL_RUN_UID
from run_operator.api.raw import stamp
from run_operator.api.references import Catalog
from run_operator.api.run import Run
from run_operator.children import JobView, PodView
from run_operator.lifecycle.model import (
    CreateWorkload,
    DeleteChild,
    DeletePod,
    DeleteRun,
    MarkFinished,
    Observed,
    Plan,
    SetDeadline,
    SuspendChild,
)
from run_operator.lifecycle.plan import plan
from run_operator.workloads.types import Options
from tests.support.builders import NOW, UID, function
from tests.support.lifecycle_page import transitions

OVER = ("COMPLETED", "ERROR")
OUTSIDE = (
    "runs",
    "set spec.suspend to false",
    "waiting in queue",
    "set suspend of the Job to false",
    "Delete the Node",
)
"""Words that name what has to happen outside: a program ends, a person resumes, a queue lets in, an admin deletes a Node."""

ROUND: Final = 15.0
"""Seconds of one calm round."""
STILL: Final = 6
"""Calm rounds in a row: ninety seconds, longer than any grace period or pause of a story's cluster."""


class BrokenRuleError(AssertionError):
    """A truth rule does not hold."""


@dataclass
class World:
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
        self.gone: tuple[PodView, ...] = ()
        self.dead: set[str] = set()
        """Pods on a node that does not answer."""

    # People

    def set_suspend(self, *, suspend: bool) -> None:
        """Stop or resume."""
        if self.run["spec"]["suspend"] != suspend:
            self.run["spec"]["suspend"] = suspend
            self.run["metadata"]["generation"] += 1
            self._touch(self.run)

    def apply_function(self) -> None:
        """Somebody applies the Function, each time with another image."""
        version = str(next(self.numbers))
        self.catalog.put(function("v1", f"image-{version}", version=version))

    def delete_function(self) -> None:
        """And deletes it again."""
        self.catalog.drop("uid-v1")

    def rob(self) -> None:
        """Somebody deletes the Job by hand, and with it what it had to say."""
        self.won = False
        for uid in list(self.jobs):
            self._delete_job(uid)

    def orphan(self) -> None:
        """Somebody deletes the Job and leaves its pods (`--cascade=orphan`)."""
        self.won = False
        for uid in list(self.jobs):
            del self.jobs[uid]
            for pod in self.pods.values():
                if pod["job"] == uid:
                    pod["metadata"].pop("ownerReferences", None)
                    self._touch(pod)

    def delete_in_foreground(self) -> None:
        """Somebody deletes the Job, which stays until its pods are gone (`--cascade=foreground`)."""
        for job in self.jobs.values():
            job["metadata"]["deletionTimestamp"] = stamp(self.now)
            self._touch(job)
        for pod in self.pods.values():
            if pod["job"] in self.jobs:
                self._delete_pod(pod, suspended=True)

    def delete_pod(self) -> None:
        """Somebody deletes the pods by hand."""
        for pod in self.pods.values():
            self._delete_pod(pod, suspended=False)

    def lose_status(self) -> None:
        """Somebody wipes the status (`kubectl replace --subresource=status`, a restore of a backup)."""
        self.run["status"] = {"state": "CREATED"}
        self.images.clear()  # what it was started with is forgotten too
        self.lost = self.unread = True
        self._touch(self.run)
        self.look()  # a person is slower than a stream is late

    def admit(self, *, admitted: bool) -> None:
        """The queue lets the Job go on, or takes it back."""
        for job in self.jobs.values():
            if self.queue and not self._verdict(job) and job["spec"]["suspend"] == admitted:
                job["spec"]["suspend"] = not admitted
                self._touch(job)

    def unsuspend(self) -> None:
        """Somebody lets a suspended Job go on by hand, and answers for what its pods do."""
        self.by_hand = True
        for job in self.jobs.values():
            if not self._verdict(job) and not self.queue:
                job["spec"]["suspend"] = False
                self._touch(job)

    # The cluster

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
                self._phase(pod, "Running", {"running": {"startedAt": stamp(self.now)}})
            elif phase == "Running" and self._ended(pod):
                if going or end is not None:  # what kept it ends too
                    self._phase(pod, "Failed" if self._ended(pod)["exitCode"] else "Succeeded", None)
            elif phase in ("Pending", "Running") and (going or end is not None):
                code = (0 if saves else 143) if going or end is None else end
                pod["by_itself"] = not going and code == 0
                self.done |= pod["by_itself"]
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
                ended = {"exitCode": code, "startedAt": stamp(self.now - 1), "finishedAt": stamp(self.now)}
                self._phase(pod, "Running", {"terminated": ended}, beside={"running": {}})

    def refuse(self) -> None:
        """The kubelet refuses a pod that it was given."""
        for pod in self.pods.values():
            if pod["status"]["phase"] == "Pending" and not pod["metadata"].get("deletionTimestamp"):
                pod["status"] |= {"phase": "Failed", "reason": "NodeAffinity", "message": "Pod was rejected"}
                self._touch(pod)

    def node_dies(self) -> None:
        """The node of the pods does not answer any more, and the cluster asks them to end."""
        for uid, pod in self.pods.items():
            if self._live(pod):
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
        return bool(pod.get("by_itself")) and not pod["metadata"].get("deletionTimestamp")

    @staticmethod
    def _ended(pod: dict[str, Any]) -> dict[str, Any]:
        for container in pod["status"].get("containerStatuses", ()):
            if container["name"] == "main":
                found: dict[str, Any] = container["state"].get("terminated") or {}
                return found
        return {}

    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds

    def comes_to_rest(self, rounds: int) -> None:
        """So many calm rounds, or fewer: until STILL rounds in a row have changed nothing and no timer is left in the others."""
        still, before = 0, self._versions()
        for left in range(rounds - 1, -1, -1):
            decision = self.calm()
            after = self._versions()
            timer = decision.wake_at is not None and decision.wake_at <= self.now + left * ROUND
            moved = after != before or decision.status is not None or decision.actions or timer
            still, before = (0, after) if moved else (still + 1, before)
            if still == STILL:
                return

    def _versions(self) -> tuple[Any, ...]:
        objects = (self.run, *self.jobs.values(), *self.pods.values())
        return tuple((one["metadata"].get("uid"), one["metadata"]["resourceVersion"]) for one in objects)

    def calm(self) -> Plan:
        """A round in which everybody does what is to be done, and no program ends; returns what the operator decided."""
        if not list(self.catalog):
            self.apply_function()
        self.node_returns()
        self.look()
        decision = self.reconcile()
        self.admit(admitted=True)
        self.informer()
        self.job_controller()
        self.kubelet(None)
        self.now += ROUND
        return decision

    # The operator

    def look(self, *, jobs: bool = True, pods: bool = True) -> None:
        """The watch streams catch up, each for itself."""
        if pods:
            for old in self.seen[1]:
                if old.uid not in self.pods and (old.facts.deleting or not old.live):
                    self.gone = (replace(old, gone=True),)
        self.seen = (
            [JobView.from_object(job) for job in self.jobs.values()] if jobs else self.seen[0],
            [PodView.from_object(pod) for pod in self.pods.values()] if pods else self.seen[1],
        )

    def reconcile(self, *, writes: int = 99) -> Plan:
        """One decision, carried out until the operator is killed after so many writes."""
        run = self._view()
        decision = plan(run, self._observed(fresh=False), self.now, Options())
        if decision.reread:
            self.look()
            decision = plan(run, self._observed(fresh=True), self.now, Options())
        steps = [] if decision.status is None else [decision.status]
        for step in [*steps, *decision.actions][:writes]:
            self._carry_out(step)
        self.unread = self.unread and not writes
        self.check()
        if writes > len(steps) + len(decision.actions):
            self._waits(decision)
        return decision

    def _waits(self, decision: Plan) -> None:
        """A Run that is not over is looked at again at a time, or says what outside of the operator has to happen."""
        state, message = self.run["status"]["state"], str(self.run["status"].get("message"))
        named = any(words in message for words in OUTSIDE)
        timed = decision.wake_at is not None or bool(decision.actions) or bool(decision.wants)
        self._rule(
            state in OVER or timed or named, f"{state} waits without end for what is not named: {message!r}"
        )

    def _view(self) -> Run:
        """The Run as its stream tells it: read when it changes, not at every look, and apart from what is stored."""
        if self.viewed.resource_version != self.run["metadata"]["resourceVersion"]:
            self.viewed = Run.from_object(_copied(self.run))
        return self.viewed

    def _observed(self, *, fresh: bool) -> Observed:
        jobs, pods = self.seen
        return Observed(
            job=jobs[0] if jobs else None, pods=tuple(pods), fresh=fresh, catalog=self.catalog, gone=self.gone
        )

    def _carry_out(self, step: Any) -> None:
        match step:
            case CreateWorkload(workload):
                self._create_job(workload.child)
            case SuspendChild(_, uid) if uid in self.jobs:
                self.jobs[uid]["spec"]["suspend"] = True
                self._touch(self.jobs[uid])
            case DeleteChild(_, uid, _, version):
                if uid in self.jobs and version in ("", self.jobs[uid]["metadata"]["resourceVersion"]):
                    self._delete_job(uid)
                self.look()  # our own write is known at once
            case DeletePod(_, uid):
                if uid in self.pods:
                    self._delete_pod(self.pods[uid], suspended=False)
            case SetDeadline() | SuspendChild():
                pass
            case MarkFinished(_, value):
                self.run["metadata"].setdefault("annotations", {})["run-operator.io/finished"] = value
                self._touch(self.run)
            case DeleteRun():
                raise BrokenRuleError("a Run without a time to live is deleted")
            case status:
                self._store_status(status)

    # The truth rules

    def check(self) -> None:
        """Rules that hold at every moment."""
        status = self.run["status"]
        live = [pod for pod in self.pods.values() if self._live(pod)]
        attempts = {pod["metadata"]["labels"][LABEL_ATTEMPT] for pod in live}
        self._rule(len(attempts) <= 1, f"pods of attempts {attempts} live at once")
        self._rule(len(self.jobs) <= 1, "two Jobs")
        if status["state"] in OVER:
            self._rule(not live, f"{status['state']} while a pod can write")
        known = status.get("attempt", 0)
        allowed = known or int(status["state"] == "CREATED")  # the first Job comes before its status
        for number in attempts if known or not self.lost else ():
            self._rule(int(number) <= allowed, "a pod of an attempt that is not recorded")

    def _store_status(self, status: dict[str, Any]) -> None:
        seen = {pod.uid for pod in self.seen[1]}
        live = [
            pod for uid, pod in self.pods.items() if self._live(pod) and (uid in seen or not self.by_hand)
        ]
        old = self.run["status"]  # a Job let go by hand makes pods that no stream may have shown yet
        said = old["state"] == "STOPPED" or status["state"] != "STOPPED" or not live
        self._rule(said, "STOPPED is said while a pod can write")
        self._rule(
            old["state"] not in OVER or status["state"] == old["state"], f"{old['state']} was not final"
        )
        self._rule(status["state"] != "COMPLETED" or self.done, "COMPLETED, though no program did its work")
        step = status.get("attempt", 0) - old.get("attempt", 0)
        found = old["state"] == "CREATED" and not old.get("attempt")
        self._rule(step in (0, 1) or found, f"the attempt number moves by {step}")
        self._rule(step == 0 or found or not live, "the next attempt is counted while a pod can write")
        self._follows_arrows(old, status)
        self.run["status"] = _copied(status)
        self._touch(self.run)

    def _follows_arrows(self, old: dict[str, Any], status: dict[str, Any]) -> None:
        """Each change of state is one of those that docs/lifecycle.md draws; one write may hold several."""
        before = len(old.get("transitions", ()))
        entered = status.get("transitions", [])[: len(status.get("transitions", [])) - before]
        way = [old["state"], *(entry["status"] for entry in reversed(entered))]
        for one, next_one in itertools.pairwise(way):
            self._rule((one, next_one) in transitions(), f"there is no way from {one} to {next_one}")

    def settled(self) -> None:
        """What must be true once nothing moves any more."""
        state, suspend = self.run["status"]["state"], self.run["spec"]["suspend"]
        expected = {"STOPPED", *OVER} if suspend else {"RUNNING", "PENDING", *OVER}
        self._rule(state in expected, f"stuck in {state}, suspend is {suspend}")
        self._rule(not self.won or state == "COMPLETED", f"{state}, though the Job completed")
        if not suspend and not self.queue:
            self._rule(state != "PENDING", "stuck in PENDING")

    def _rule(self, holds: bool, text: str) -> None:
        if not holds:
            raise BrokenRuleError(f"{text}; run {self.run['status']}; jobs {self.jobs}; pods {self.pods}")

    # Objects

    def _create_job(self, child: dict[str, Any]) -> None:
        if self.jobs:
            return  # AlreadyExists, and ours
        uid = f"job-{next(self.numbers)}"
        job = _copied(child)
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
        name = f"pod-{next(self.numbers)}"
        labels = {
            LABEL_RUN_UID: UID,
            LABEL_ATTEMPT: job["spec"]["template"]["metadata"]["labels"][LABEL_ATTEMPT],
        }
        pod = {
            "metadata": {
                "namespace": "ml", "name": name, "uid": name, "labels": labels, "creationTimestamp": stamp(self.now),
                "ownerReferences": [{"kind": "Job", "name": "hello", "uid": uid, "controller": True}],
            },
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


def _copied(document: Any) -> Any:
    """A copy of what is JSON, faster than copy.deepcopy."""
    return json.loads(json.dumps(document))
