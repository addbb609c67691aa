"""What a Job and its pods say about the attempt: under way how far, ended how, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from run_operator.api.raw import parse
from run_operator.children import ConditionView, JobView, PodView, pending_reason
from run_operator.children.kubelet_events import Question, about_job, about_pod
from run_operator.children.termination import Termination, last_ending

MAX_MESSAGE: Final = 1000
Progress = Literal["PENDING", "RUNNING", "ENDING", "SUCCEEDED", "FAILED"]
"""ENDING: the program has ended, and the Job has not said yet what follows from it."""


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """One reading. `message` is one line a person can act on; times are seconds since the epoch."""

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


def observe(job: JobView, pods: Sequence[PodView]) -> JobOutcome:
    """Read the Job's own verdict first: counters and pods alone never end an attempt."""
    mine = sorted((p for p in pods if p.attempt == job.attempt), key=lambda p: (p.created, p.name))
    complete, failed = _verdict(job, mine)
    ending = last_ending(mine)
    if complete:
        return _succeeded(job, complete.time, ending)
    if failed:
        return _failed(failed.reason, failed.message, failed.time, ending, pending_reason.explain(mine))
    return _under_way(job, mine, ending)


def _verdict(job: JobView, pods: Sequence[PodView]) -> tuple[ConditionView | None, ConditionView | None]:
    """Complete or Failed, if one is said.

    A Job that is suspended at the very moment of its end is told what it will be and may never be told that it is: the Job
    controller has nothing left to do for a suspended Job. What is announced is decided once no pod is left.
    """
    complete, failed = job.condition("Complete"), job.condition("Failed")
    if complete or failed or not job.suspend or job.busy() or any(pod.live for pod in pods):
        return complete, failed
    return job.condition("SuccessCriteriaMet"), job.condition("FailureTarget")


def _succeeded(job: JobView, decided_at: str, ending: Termination | None) -> JobOutcome:
    ended = (ending.finished_at if ending else None) or parse(job.completion_time) or parse(decided_at)
    began = ending.started_at if ending else None
    took = f" after {ended - began:.0f} s" if ended is not None and began is not None else ""
    pod = f" (pod {ending.pod})" if ending else ""
    return JobOutcome(
        "SUCCEEDED",
        "CompletionsReached",
        f"exited with code 0{took}{pod}",
        evidence=ending is not None,
        exit_code=0 if ending else None,
        pod_name=ending.pod if ending else None,
        started_at=began,
        finished_at=ended,
    )


def _failed(
    reason: str,
    message: str,
    decided_at: str,
    ending: Termination | None,
    stuck: pending_reason.PendingReason | None,
) -> JobOutcome:
    if reason == "DeadlineExceeded":
        why = f"; before that: {stuck.message}" if stuck else ""
        text = f"runPolicy.activeDeadlineSeconds is over{why}"
    elif ending is not None:
        text = ending.message
        reason = ending.reason or reason
    else:
        text = message or "the Job failed"
    return JobOutcome(
        "FAILED",
        reason or "Failed",
        text[:MAX_MESSAGE],
        evidence=ending is not None or reason == "DeadlineExceeded",
        exit_code=ending.exit_code if ending else None,
        pod_name=ending.pod if ending else None,
        started_at=ending.started_at if ending else None,
        finished_at=parse(decided_at),
    )


def _may_run(pod: PodView) -> bool:
    """Whether a container of the pod runs or is still to run."""
    ended = any(c.state == "terminated" and not c.init for c in pod.facts.containers)
    return pod.live and not ended


def _undecided(job: JobView, pods: Sequence[PodView]) -> bool:
    """Whether a pod ended that the Job has not drawn its conclusion from: retry, success or failure."""
    if job.condition("SuccessCriteriaMet") or job.condition("FailureTarget"):
        return True
    return sum(not _disrupted(pod) for pod in pods) > job.facts.failed


def _disrupted(pod: PodView) -> bool:
    """Whether it ended by eviction or preemption, which its Job does not count (see its podFailurePolicy)."""
    found = pod.condition("DisruptionTarget")
    return found is not None and found.status == "True" and pod.phase != "Succeeded"


def _under_way(job: JobView, pods: Sequence[PodView], ending: Termination | None) -> JobOutcome:
    newest = next((pod for pod in reversed(pods) if _may_run(pod)), None)
    if newest is None and _undecided(job, pods):
        return JobOutcome("ENDING", "Ending", "the program has ended")
    if job.suspend:
        return JobOutcome("PENDING", "Suspended", "the Job is suspended by somebody else (a queue?): waiting")
    again = f"; before: {ending.message}" if ending and ending.exit_code not in (0, None) else ""
    if newest is None:
        # A pod that is refused (quota, priority class) leaves no mark on the Job but an Event.
        advice = f"if none comes, kubectl describe job {job.name} says why"
        text = f"waiting for the Job to make a pod ({advice}){again}"
        return JobOutcome("PENDING", "NoPod", text[:MAX_MESSAGE], ask=about_job(job))
    running = next((c for c in newest.facts.containers if not c.init and c.state == "running"), None)
    if running is not None:
        where = f" on node {newest.facts.node}" if newest.facts.node else ""
        reason = "Restarted" if again else "Running"
        message = f"pod {newest.name} runs{where}{again}"[:MAX_MESSAGE]
        return JobOutcome(
            "RUNNING", reason, message, pod_name=newest.name, started_at=parse(running.started_at)
        )
    stuck = pending_reason.of_pod(newest)
    message = f"{stuck.message}{again}"[:MAX_MESSAGE]
    return JobOutcome("PENDING", stuck.reason, message, pod_name=newest.name, ask=about_pod(newest))
