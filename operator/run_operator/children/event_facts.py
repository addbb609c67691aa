"""Facts that only Events have: why a Job creates no pod, why a node does not start a pod, how a deleted Job or pod ended."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from run_operator.api.raw import parse
from run_operator.children import JobView, PodView, pending_reason
from run_operator.children.pending_reason import PendingReason
from run_operator.children.termination import last_words

JOB: Final = "Job"
POD: Final = "Pod"
ENDED_POD: Final = "EndedPod"
"""The kind of a question, not of an object: whether a kubelet was asked to end the program of a Job's pod."""
ENDED_JOB: Final = "EndedJob"
"""Also the kind of a question: the verdict of a Job that is gone."""
COMPLETED: Final = "Completed"
BACKOFF_LIMIT: Final = "BackoffLimitExceeded"
DEADLINE: Final = "DeadlineExceeded"
VERDICTS: Final = frozenset({COMPLETED, BACKOFF_LIMIT, DEADLINE})
"""The Job controller's words for the end of a Job. A disrupted pod ends its Job too, and is not a verdict about the program."""
KILLING: Final = "Killing"
"""The kubelet's Event about a container that it ends; there is none about a container that ended by itself."""
FAILED_CREATE: Final = "FailedCreate"
FAILED_MOUNT: Final = "FailedMount"
FAILED_ATTACH: Final = "FailedAttachVolume"
FAILED_SANDBOX: Final = "FailedCreatePodSandBox"
REASONS: Final = {
    JOB: {FAILED_CREATE},
    POD: {FAILED_MOUNT, FAILED_ATTACH, FAILED_SANDBOX},
    ENDED_POD: {KILLING},
    ENDED_JOB: VERDICTS,
}
"""Reasons of the Events that answer a question, by the question's kind."""
LONGEST: Final = 450.0
"""Seconds until a lasting failure is reported again, at most: the kubelet retries every two minutes and reports every five."""
SLACK: Final = 5.0
"""Seconds for the try itself, and for the rounding of times."""
NAME_STEM: Final = 58
"""Characters of a pod's name before the five that its Job adds by chance, at most."""
_SUMMARY: Final = "Unable to attach or mount volumes"
"""The Event that volumes are missing, without a cause; it comes every two minutes beside the others."""
_NO_OBJECT: Final = re.compile(r'(?:secret|configmap) "[^"]{1,253}" not found')


class Question(NamedTuple):
    """A question to Events, about a Job or a pod."""

    kind: str
    uid: str
    """The uid of the object; for pods that are gone, what their names begin with."""
    name: str
    since: float | None = None
    """Since when a pod has been waiting, seconds since the epoch; None: as long as its attempt is under way."""


class Said(NamedTuple):
    """One Event, relative to the time when it was read."""

    reason: str
    message: str
    ago: float
    """Seconds since the last Event."""
    lasted: float
    """Seconds from the first Event to the last one."""


def about_job(job: JobView) -> Question:
    """The question why a Job creates no pod."""
    return Question(JOB, job.uid, job.name)


def about_pod(pod: PodView) -> Question | None:
    """The question why a pod's containers do not start; None where its status says so, or its volumes and sandbox are there."""
    made = pod.condition("PodReadyToStartContainers")
    begun = any(c.state in ("running", "terminated") for c in pod.facts.containers)
    if (made and made.status == "True") or begun or not pod.facts.node:
        return None
    if pending_reason.of_pod(pod).reason not in pending_reason.ORDINARY:
        return None
    return Question(POD, pod.uid, pod.name, parse(pod.start_time) or parse(pod.created))


def about_ended_pods(job: str) -> Question:
    """The question whether a kubelet ended the program of a pod that is deleted by now; `job` is the name of its Job."""
    return Question(ENDED_POD, f"{job}-"[:NAME_STEM], job)


def about_ended_job(uid: str, name: str) -> Question:
    """How the Job ended, before it was deleted, by the Event of its controller."""
    return Question(ENDED_JOB, uid, name)


def answer(question: Question, said: Sequence[Said]) -> PendingReason | None:
    """The reason in these Events; None if they have none."""
    if question.kind == POD:
        return _of_pod(question.name, said)
    newest = min(said, key=lambda one: one.ago, default=None)
    if newest is None:
        return None
    text = " ".join(newest.message.removeprefix("Error creating: ").split())
    return PendingReason(FAILED_CREATE, f"the Job cannot create a pod: {text}")


def _of_pod(name: str, said: Sequence[Said]) -> PendingReason | None:
    """The reason of a pod: all missing objects; else the latest message of the failing step."""
    lasting = [one for one in said if _goes_on([one])]
    if missing := sorted({words for one in lasting for words in _NO_OBJECT.findall(one.message)}):
        text = pending_reason.line(", ".join(missing))
        return PendingReason(pending_reason.missing(text), f"pod {name} cannot start: {text}")
    for step in _steps(said):
        if _goes_on(step):
            newest = min(step, key=lambda one: one.ago)
            return PendingReason(newest.reason, f"pod {name} cannot start: {last_words(newest.message)}")
    return None


def _steps(said: Iterable[Said]) -> tuple[list[Said], ...]:
    """Events by the step of a pod's start that they are about, the last step first."""
    mounts = [one for one in said if one.reason == FAILED_MOUNT]
    return (
        [one for one in said if one.reason == FAILED_SANDBOX],
        [one for one in mounts if not one.message.startswith(_SUMMARY)],
        [one for one in said if one.reason == FAILED_ATTACH],
        mounts,
    )


def _goes_on(said: Sequence[Said]) -> bool:
    """Whether the failure in these Events most likely still lasts: an Event exists an hour longer than its cause.

    The kubelet tries again after ever longer pauses, each as long as all the time before it. So a single report may
    have passed (the kubelet had not read a ConfigMap yet), and so has one that was not repeated for longer than it lasted.
    """
    if not said:
        return False
    ago = min(one.ago for one in said)
    lasted = max(one.ago + one.lasted for one in said) - ago
    if all(one.reason == FAILED_ATTACH for one in said):
        return ago <= LONGEST  # a volume that is attached elsewhere is reported once
    return lasted > 0 and ago <= min(LONGEST, lasted + SLACK)
