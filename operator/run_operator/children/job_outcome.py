"""The progress or the outcome of an attempt, and its reason, from the Job and its pods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from run_operator.api.raw import parse
from run_operator.children import ConditionView, JobView, PodView, pending_reason
from run_operator.children.event_facts import BACKOFF_LIMIT, Question, about_job, about_pod
from run_operator.children.interruption import DISRUPTION, Interruption, did_its_work, interruption
from run_operator.children.pod import PROGRAM
from run_operator.children.termination import Termination, last_ending

MAX_MESSAGE: Final = 1000
Progress = Literal["PENDING", "RUNNING", "ENDING", "INTERRUPTED", "SUCCEEDED", "FAILED"]
"""ENDING: the program has ended, and the Job has not said yet what follows from it. INTERRUPTED: it did not end by itself."""
DEADLINE: Final = "DeadlineExceeded"
NO_POD: Final = "NoPod"
NODE_NOT_READY: Final = "NodeNotReady"
UNSEEN: Final = (
    "its Job counts it as completed; its pod is gone, and the operator did not see how its program ended"
)
POLICY: Final = "PodFailurePolicy"
"""Reason of a failed Job whose pod was disrupted; its podFailurePolicy has no other rule."""


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """The result of `observe`. `message` is one line that a person can act on; times are seconds since the epoch."""

    progress: Progress
    reason: str
    message: str
    evidence: bool = True
    """For an ended attempt: whether the pod that ended it was seen, with its exit code."""
    exit_code: int | None = None
    pod_name: str | None = None
    started_at: float | None = None
    finished_at: float | None = None
    ask: Question | None = None
    """Where only Events say why it is PENDING."""
    interruption: Interruption | None = None
    """The interruption that ended the pod, if the program did not end by itself."""
    kept_by: tuple[str, ...] = ()
    """For ENDING: containers beside the program that have not ended, and keep the pod."""
    sidecars_only: bool = False
    """Whether all of these are sidecars, which the kubelet ends itself."""
    overruled: bool = False
    """For ENDING: the pod failed though its program did not; the Job would begin again."""


def observe(job: JobView, pods: Sequence[PodView]) -> JobOutcome:
    """Read the progress of an attempt. Only the Job's verdict or its program ends an attempt; counters alone do not.

    Two things a Job does not know: whether a pod was asked to end, and which of its containers is the program.
    """
    mine = sorted((p for p in pods if p.attempt == job.attempt), key=lambda p: (p.created, p.name))
    complete, failed = _verdict(job, mine)
    ending = last_ending(mine)
    if cut := _interruption(job, complete, failed, mine):
        return _interrupted(cut)
    verdict = complete or failed
    if verdict and (complete or (mine and did_its_work(mine[-1]))):
        # Also after a deadline: the Job controller looks at it before it looks at a program that has ended in time.
        return _succeeded(job, verdict.time, ending)
    if failed:
        return _failed(failed.reason, failed.message, failed.time, ending, pending_reason.explain(mine))
    return _under_way(job, mine, ending)


def _interruption(
    job: JobView, complete: ConditionView | None, failed: ConditionView | None, pods: Sequence[PodView]
) -> Interruption | None:
    """The interruption that ended the newest pod; None if the Job did, because it is suspended, deleted or out of time.

    No verdict counts if the program was asked to end, except that of an exceeded deadline.
    """
    decided = complete or (failed is not None and failed.reason != DEADLINE)
    if _ends_its_pods(job) and not decided:
        return None
    if pods:  # the newest one decides
        return None if not decided and _suspended_before(job, pods[-1]) else interruption(pods[-1])
    if failed and failed.reason == POLICY:  # the pod is gone, and nobody saw it go
        return Interruption(DISRUPTION, f"its pod was disrupted: {failed.message}", "", True, None, None)
    return None


def _ends_its_pods(job: JobView) -> bool:
    """Whether the Job itself ends its pods: it is suspended, deleted, or out of time."""
    out_of_time = any(
        c.reason == DEADLINE and c.status == "True" and c.type in ("Failed", "FailureTarget")
        for c in job.facts.conditions
    )
    return job.suspend or job.deleting or out_of_time


def _suspended_before(job: JobView, pod: PodView) -> bool:
    """Whether the Job was suspended when the pod was asked to end, and is not suspended now."""
    held = next((c for c in job.facts.conditions if c.type == "Suspended"), None)
    asked, since = pod.facts.asked, parse(held.time) if held else None
    if held is None or asked is None:
        return False
    return held.status == "True" or (since is not None and asked <= since)


def _interrupted(cut: Interruption) -> JobOutcome:
    return JobOutcome(
        "INTERRUPTED",
        "Interrupted",
        cut.message[:MAX_MESSAGE],
        exit_code=cut.exit_code,
        pod_name=cut.pod or None,
        finished_at=cut.finished_at,
        interruption=cut,
    )


def _verdict(job: JobView, pods: Sequence[PodView]) -> tuple[ConditionView | None, ConditionView | None]:
    """The condition Complete or Failed, if there is one.

    A Job that is suspended at the very moment of its end may get the condition of its target and never the final one: the Job
    controller has nothing left to do for a suspended Job. The target counts once no pod is left.
    """
    complete, failed = job.condition("Complete"), job.condition("Failed")
    if complete or failed or not job.suspend or job.busy() or any(pod.live for pod in pods):
        return complete, failed
    return job.condition("SuccessCriteriaMet"), job.condition("FailureTarget")


def _succeeded(job: JobView, decided_at: str, ending: Termination | None) -> JobOutcome:
    decided = parse(job.completion_time) or parse(decided_at)
    ended = _ended_at(ending, decided)
    began = ending.started_at if ending else None
    took = f" after {max(0.0, ended - began):.0f} s" if ended is not None and began is not None else ""
    message = f"exited with code 0{took} (pod {ending.pod})" if ending else UNSEEN
    return JobOutcome(
        "SUCCEEDED",
        "CompletionsReached",
        message,
        evidence=ending is not None,
        exit_code=0 if ending else None,
        pod_name=ending.pod if ending else None,
        started_at=began,
        finished_at=ended,
    )


def _ended_at(ending: Termination | None, decided: float | None) -> float | None:
    """When the program ended. Its node says so, whose clock may be wrong: it was not later than the Job's verdict."""
    moments = [at for at in (ending.finished_at if ending else None, decided) if at is not None]
    return min(moments, default=None)


def _failed(
    reason: str,
    message: str,
    decided_at: str,
    ending: Termination | None,
    stuck: pending_reason.PendingReason | None,
) -> JobOutcome:
    if reason == "DeadlineExceeded":
        why = f"; before that: {stuck.message}" if stuck else ""
        text = f"runPolicy.activeDeadlineSeconds is exceeded{why}"
    elif ending is not None:
        text = ending.message
        # A disruption that came after the program's own end is not its reason.
        reason = ending.reason or (BACKOFF_LIMIT if reason == POLICY else reason)
    else:
        text = f"{message or 'the Job failed'}; its pod is gone, and the operator did not see how its program ended"
    return JobOutcome(
        "FAILED",
        reason or "Failed",
        text[:MAX_MESSAGE],
        evidence=ending is not None or reason == "DeadlineExceeded",
        exit_code=ending.exit_code if ending else None,
        pod_name=ending.pod if ending else None,
        started_at=ending.started_at if ending else None,
        finished_at=_ended_at(None if reason == DEADLINE else ending, parse(decided_at)),
    )


def _may_run(pod: PodView) -> bool:
    """Whether the program of the pod runs or is still to run."""
    program = pod.program
    return pod.live and (program is None or program.state != "terminated")


def _undecided(job: JobView, pods: Sequence[PodView]) -> bool:
    """Whether the Job has not counted an ended pod yet, as retry, success or failure."""
    if job.condition("SuccessCriteriaMet") or job.condition("FailureTarget"):
        return True
    return sum(not _disrupted(pod) for pod in pods) > job.facts.failed


def _disrupted(pod: PodView) -> bool:
    """Whether the pod ended by eviction or preemption, which the Job's podFailurePolicy does not count."""
    found = pod.condition(DISRUPTION)
    return found is not None and found.status == "True" and pod.phase != "Succeeded"


def _ending(job: JobView, pod: PodView | None, ending: Termination | None) -> JobOutcome:
    """The outcome when the program has ended, but the pod has not, or ended in another way."""
    if pod is None or ending is None or ending.pod != pod.name or _ends_its_pods(job):
        return JobOutcome("ENDING", "Ending", "the program has ended")
    # One that cannot start keeps the pod as well.
    others = [c for c in pod.facts.containers if c.state != "terminated" and pod.live]
    message = ending.message if ending.exit_code else f"{PROGRAM} exited with code 0 (pod {pod.name})"
    return JobOutcome(
        "ENDING",
        ending.reason or "Ending",
        message[:MAX_MESSAGE],
        exit_code=ending.exit_code,
        pod_name=pod.name,
        started_at=ending.started_at,
        finished_at=ending.finished_at,
        kept_by=tuple(c.name for c in others),
        sidecars_only=bool(others) and all(c.sidecar for c in others),
        overruled=pod.phase == "Failed" and did_its_work(pod),
    )


def _silent(pod: PodView) -> str:
    ready = pod.condition("Ready")
    since = f" since {ready.time}" if ready and ready.time else ""
    return (
        f"pod {pod.name} ran on node {pod.facts.node} when the node was heard last; it does not answer{since}: "
        "the cluster ends the pod after its toleration (five minutes by default)"
    )


def _under_way(job: JobView, pods: Sequence[PodView], ending: Termination | None) -> JobOutcome:
    newest = next((pod for pod in reversed(pods) if _may_run(pod)), None)
    if newest is None and _undecided(job, pods):
        return _ending(job, pods[-1] if pods else None, ending)
    if job.suspend:
        return JobOutcome(
            "PENDING", "Suspended", "waiting: another client (perhaps a queue) suspended the Job"
        )
    again = f"; before: {ending.message}" if ending and ending.exit_code not in (0, None) else ""
    if newest is None:
        # A pod that is refused (quota, priority class) leaves no mark on the Job but an Event.
        advice = f"if it creates none, kubectl describe job {job.name} shows why"
        text = f"waiting for the Job to create a pod ({advice}){again}"
        return JobOutcome("PENDING", NO_POD, text[:MAX_MESSAGE], ask=about_job(job))
    running = newest.at_work
    if running is not None:
        where = f" on node {newest.facts.node}" if newest.facts.node else ""
        reason = "Restarted" if again else "Running"
        message = f"pod {newest.name} runs{where}{again}"[:MAX_MESSAGE]
        if newest.unheard:
            reason, message = NODE_NOT_READY, _silent(newest)
        return JobOutcome(
            "RUNNING", reason, message, pod_name=newest.name, started_at=parse(running.started_at)
        )
    stuck = pending_reason.of_pod(newest)
    message = f"{stuck.message}{again}"[:MAX_MESSAGE]
    return JobOutcome("PENDING", stuck.reason, message, pod_name=newest.name, ask=about_pod(newest))
