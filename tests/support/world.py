"""A small model of the cluster around one Run: Job controller, kubelet, people, and an operator that may be killed.

It keeps the rules the real thing keeps (a Job's pods are never replaced before they end, a suspended Job says so only
when it has asked its pods to go, a deleted Job leaves its pods to the kubelet) and leaves the order of everything to
the test. What the operator sees of Jobs and pods may be older than what is there; a status write needs the Run's
newest version, as on a real API server.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from run_operator.api.raw import stamp
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
from tests.support.builders import function
from tests.support.world_cluster import BrokenRuleError, copied
from tests.support.world_rules import OVER, RuledWorld

OUTSIDE = (
    "runs",
    "set spec.suspend to false",
    "waiting in queue",
    "set spec.suspend of the Job to false",
    "Delete the Node",
)
"""Words that name what has to happen outside: a program ends, a person resumes, a queue lets in, an admin deletes a Node."""

ROUND: Final = 15.0
"""Seconds of one calm round."""
STILL: Final = 6
"""Calm rounds in a row: ninety seconds, longer than any grace period or pause of a story's cluster."""


class World(RuledWorld):
    """The people around the Run, and the operator; Jobs and pods are in `world_cluster.py`, the rules in `world_rules.py`."""

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

    # Time

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
            self.viewed = Run.from_object(copied(self.run))
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
