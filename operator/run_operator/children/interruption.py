"""Interruptions: a pod that was terminated from outside (deletion, eviction, refusal) before its program ended by itself.

The exit code does not show it: a program that saves its work on SIGTERM and exits with 0 is not finished.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from run_operator.api.raw import parse
from run_operator.children import ConditionView, PodView

DISRUPTION: Final = "DisruptionTarget"
POD_DELETED: Final = "PodDeleted"
CONTAINER_LOST: Final = "ContainerLost"
BY_KUBELET: Final = "TerminationByKubelet"
ANNOUNCED: Final = frozenset({"EvictionByEvictionAPI", "PreemptionByScheduler", "DeletionByTaintManager"})
"""Disruptions that are a mark first and then a deletion. A mark that no deletion follows ends no program."""
OWN_LIMITS: Final = ("exceeded its local", "exceeds the total limit", "exceeds the limit")
"""Parts of the kubelet's message about a pod that it evicts because of the pod's own usage: not an interruption."""
OWN_REASONS: Final = frozenset({"DeadlineExceeded"})
"""Reasons of a pod's end that come from a limit of the pod itself."""
MAX_TEXT: Final = 300
WORDS: Final = {
    POD_DELETED: "was deleted",
    CONTAINER_LOST: "lost its program, because the node or its container runtime restarted",
    "EvictionByEvictionAPI": "was evicted (a drain of its node, an autoscaler)",
    "DeletionByTaintManager": "was deleted because of a taint of its node",
    "DeletionByPodGC": "was deleted because its node no longer exists",
    "PreemptionByScheduler": "was preempted by a pod of higher priority",
    "PreemptionByKubelet": "was preempted by a pod of higher priority",
    BY_KUBELET: "was terminated by its node",
    "Evicted": "was evicted by its node",
    "Terminated": "was terminated because its node shuts down",
    "NodeShutdown": "was refused because its node shuts down",
}


class Interruption(NamedTuple):
    """`by` is one CamelCase word: who or what ended the pod."""

    by: str
    message: str
    """One line."""
    pod: str
    began: bool
    """Whether a container of the pod ever ran. If none did, no work can have been done twice."""
    exit_code: int | None
    finished_at: float | None
    """Seconds since the epoch; None while the program runs, or where nobody saw it end."""


def interruption(pod: PodView) -> Interruption | None:
    """The interruption that ended this pod, or is ending it; None for a pod that goes on, or whose program ended by itself."""
    disrupted = _disruption(pod)
    if not _asked(pod, disrupted):
        return None
    program = pod.program
    ended = program if program is not None and program.state == "terminated" and not program.lost else None
    finished = parse(ended.finished_at) if ended is not None else None
    if finished is not None and _before(finished, pod, disrupted):
        return None
    unnamed = POD_DELETED if pod.facts.deleting else CONTAINER_LOST
    by = (disrupted.reason if disrupted else "") or pod.facts.reason or unnamed
    code = ended.exit_code if ended is not None else None
    return Interruption(
        by,
        _message(pod, by, disrupted, code),
        pod.name,
        began=any(c.began for c in pod.facts.containers),
        exit_code=code,
        finished_at=finished or None,
    )


def ended_by_itself(pod: PodView) -> bool:
    """Whether the program ended before anything asked the pod to end, whatever then became of the other containers."""
    program = pod.program
    if program is None or program.state != "terminated" or interruption(pod):
        return False
    # A pod's reason without a mark is a limit of its own, and nothing says which came first.
    return not pod.facts.reason or _disruption(pod) is not None


def did_its_work(pod: PodView) -> bool:
    """Whether the program exited with 0 by itself."""
    return pod.program is not None and pod.program.exit_code == 0 and ended_by_itself(pod)


def _disruption(pod: PodView) -> ConditionView | None:
    found = pod.condition(DISRUPTION)
    return found if found is not None and found.status == "True" else None


def _asked(pod: PodView, disrupted: ConditionView | None) -> bool:
    """Whether the pod was asked to end. A planned eviction does not count, because it may be withdrawn."""
    if pod.facts.deleting:
        return True
    if pod.live:
        return False
    if disrupted is not None:
        return pod.phase == "Failed" or disrupted.reason not in ANNOUNCED
    if pod.phase == "Failed" and pod.lost:
        return True
    reason = pod.facts.reason
    return pod.phase == "Failed" and bool(reason) and reason not in OWN_REASONS and not _own_limit(pod)


def _own_limit(pod: PodView) -> bool:
    return any(words in pod.facts.message for words in OWN_LIMITS)


def _before(finished: float, pod: PodView, disrupted: ConditionView | None) -> bool:
    """Whether the program had ended before it was asked to end. All times are whole seconds.

    Within one second the program counts as asked: a program that saves little is that quick.
    """
    corrected = finished + _clock_behind(pod)
    marked = parse(disrupted.time) if disrupted else None
    by_its_node = disrupted is not None and disrupted.reason == BY_KUBELET
    moments = ((corrected, pod.facts.asked), (finished if by_its_node else corrected, marked))
    known = [(ended, at) for ended, at in moments if at is not None]
    return bool(known) and all(ended < at for ended, at in known)


def _clock_behind(pod: PodView) -> float:
    """Seconds by which the clock of its node is surely behind: no kubelet starts a pod before the API server has it."""
    created, started = parse(pod.created), parse(pod.start_time)
    return 0.0 if created is None or started is None else max(0.0, created - started)


def _message(pod: PodView, by: str, disrupted: ConditionView | None, code: int | None) -> str:
    where = f" on node {pod.facts.node}" if pod.facts.node else ""
    what = f"pod {pod.name}{where} {WORDS.get(by, 'was terminated from outside the Run')} ({by})"
    why = pod.facts.message or (disrupted.message if disrupted else "")
    said = f": {' '.join(why.split())[:MAX_TEXT]}" if why else ""
    return what + said + (f"; its program exited with code {code}" if code is not None else "")
