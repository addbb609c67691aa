"""The readiness of a service: how many of its pods answer, since when, and why the others do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from run_operator.api.raw import parse
from run_operator.children import ContainerView, DeploymentView, PodView, pending_reason
from run_operator.children.common import SKEW
from run_operator.children.event_facts import FAILED_CREATE, Question, about_pod
from run_operator.children.pending_reason import PendingReason
from run_operator.children.termination import HINTS, SIGNALS, reason_of_runner

CRASHING: Final = "CrashLoopBackOff"
MAX_TEXT: Final = 400


@dataclass(frozen=True, slots=True)
class Readiness:
    """The result of `read`. Times are seconds since the epoch; `reason` and `message` are about missing pods."""

    ready: int
    """Pods that get requests."""
    settled: int
    """Ready pods that were not restarted a moment ago."""
    settles_at: float | None
    """When the next ready pod becomes settled, if it stays ready."""
    changed_at: float
    """When a pod last came, became ready or unready."""
    stuck: bool
    """Whether waiting alone will not start the missing pods."""
    reason: str
    message: str
    ask: Question | None = None
    """The question to Events, where only they say why pods are missing."""


def read(deployment: DeploymentView, pods: Sequence[PodView], now: float, steady: float) -> Readiness:
    """The readiness of the current attempt; `steady`: seconds that a restarted pod must run to count as ready."""
    mine = sorted(
        (pod for pod in pods if pod.live and not pod.facts.deleting and pod.attempt == deployment.attempt),
        key=lambda pod: (pod.created, pod.name),
    )
    due = {pod.uid: _settles_at(pod, now, steady) for pod in mine if pod.ready}
    missing = [pod for pod in mine if due.get(pod.uid, now + 1) > now]
    why, ask = _why(deployment, missing)
    return Readiness(
        ready=len(due),
        settled=sum(at <= now for at in due.values()),
        settles_at=min((at for at in due.values() if at > now), default=None),
        changed_at=max((_changed_at(pod, now) for pod in mine), default=_unavailable_since(deployment, now)),
        stuck=why.reason == FAILED_CREATE or any(map(_held_back, missing)),
        reason=why.reason,
        message=why.message,
        ask=ask,
    )


def _settles_at(pod: PodView, now: float, steady: float) -> float:
    """When its readiness counts: at once the first time, after `steady` seconds when it was restarted."""
    mains = [c for c in pod.facts.containers if not c.init]
    if not any(c.restarts for c in mains):
        return 0.0
    return max(_past(parse(c.started_at), now) for c in mains) + steady


def _changed_at(pod: PodView, now: float) -> float:
    condition = pod.condition("Ready")
    return _past((parse(condition.time) if condition else None) or parse(pod.created), now)


def _past(moment: float | None, now: float) -> float:
    """The moment, by the clock of a node; long ago where that clock is wrong, so that nothing waits for it to be over."""
    return 0.0 if moment is None or moment > now + SKEW else moment


def _unavailable_since(deployment: DeploymentView, now: float) -> float:
    condition = deployment.condition("Available")
    since = parse(condition.time) if condition and condition.status == "False" else None
    return now if since is None else since


def _held_back(pod: PodView) -> bool:
    """Whether waiting alone will not start the pod: no image, no node, repeated crashes."""
    unscheduled = any(c.type == "PodScheduled" and c.status == "False" for c in pod.facts.conditions)
    return unscheduled or any(
        c.state == "waiting" and c.reason not in pending_reason.ORDINARY for c in pod.facts.containers
    )


def _why(deployment: DeploymentView, missing: Sequence[PodView]) -> tuple[PendingReason, Question | None]:
    """Why these pods do not answer, with what a person can act on first; and the pod whose Events may say more."""
    failure = _reported_failure(deployment, missing)
    if failure is not None:
        return failure, None
    oldest = next(filter(about_pod, missing), missing[0])
    return pending_reason.of_pod(oldest), about_pod(oldest)


def _reported_failure(deployment: DeploymentView, missing: Sequence[PodView]) -> PendingReason | None:
    """The reason in their statuses; None if they only wait."""
    crashed = [c for pod in missing for c in pod.facts.containers if _has_crashed(c)]
    if crashed:
        return _crash(deployment, max(crashed, key=lambda c: c.restarts))
    held = next(filter(_held_back, missing), None)
    if held is not None:
        return pending_reason.of_pod(held)
    failure = deployment.condition("ReplicaFailure")
    if failure is not None and failure.status == "True":
        said = " ".join(failure.message.split())[:MAX_TEXT]
        return PendingReason(FAILED_CREATE, f"the Deployment cannot create its pods: {said}")
    if not missing:
        return PendingReason("NoPod", "waiting for the Deployment to create its pods")
    oldest = missing[0]
    if any(c.state == "running" for c in oldest.facts.containers if not c.init):
        return PendingReason("NotReady", f"pod {oldest.name} runs, but nothing listens on its port yet")
    return None


def _has_crashed(container: ContainerView) -> bool:
    """Whether it ended although it should run. An init container that ended with success has done its work."""
    ended = container.state == "terminated"
    if container.sidecar or (container.init and ended and container.exit_code == 0):
        return False
    return ended or container.restarts > 0


def _crash(deployment: DeploymentView, container: ContainerView) -> PendingReason:
    """The message about crashes, without a pod's name and without an exact number, so that it stays true for a while."""
    now = container.state == "terminated"
    code = container.exit_code if now else container.last_exit_code
    cause = container.reason if now else container.last_reason
    if cause == "OOMKilled":
        what = "used more memory than its limit allows; raise resources.mem"
    else:
        hint = SIGNALS.get(code or 0) or HINTS.get(code or 0)
        hint = "the program of a service must keep running" if code == 0 else hint
        what = f"exited with code {'unknown' if code is None else code}" + (f", {hint}" if hint else "")
        reason, why = reason_of_runner(container.message if now else container.last_message)
        what += f", {reason}: {why}" if reason else ""
    logs = f"kubectl logs deployment/{deployment.name}" + (f" -c {container.name}" if container.init else "")
    if not container.restarts:  # there is no earlier one whose log --previous could show
        return PendingReason(CRASHING, f"{container.name} {what}; it will be restarted ({logs})")
    return PendingReason(
        CRASHING, f"{container.name} {what}; restarted {_about(container.restarts)} ({logs} --previous)"
    )


def _about(restarts: int) -> str:
    """The number of restarts in steps that double, so that not every restart causes a write."""
    step = 2 ** (restarts.bit_length() - 1)
    return "once" if restarts == 1 else f"{step} times or more"
