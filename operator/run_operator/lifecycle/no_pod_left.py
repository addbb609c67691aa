"""Whether a suspended Job has no pod any more that can write.

The Job counts its pods once a second, so that its own count says so a second late. One list of the pods is as good a proof: the
Job controller reports `Suspended` only when it knows all pods that it made, and makes none afterwards. A list that was read
after that report, and in which every pod has ended, shows all of them.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from run_operator.api.conditions import State
from run_operator.children import JobView
from run_operator.children.interruption import did_its_work, interruption
from run_operator.lifecycle.context import Context

COUNTED: Final = 10.0
"""Seconds until a suspended Job that counts its pods is looked at again; its own change comes sooner."""


class Answer(Enum):
    """Have all pods ended? UNKNOWN: the watch streams show none, and only a list from the API server can confirm it."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


def no_pod_left(ctx: Context, job: JobView) -> Answer:
    """The answer about the Job of the current attempt; pods that count as lost are not writers."""
    suspended = job.condition("Suspended")
    if ctx.writers or not (suspended or job.decided):
        return Answer.NO
    if not job.busy(len(ctx.lost)):
        return Answer.YES
    if not suspended or job.decided or not _was_asked(ctx, job):
        return Answer.NO
    if ctx.observed.fresh or (ctx.run.suspend and ctx.draft.state == State.STOPPED):
        return Answer.YES
    return Answer.UNKNOWN


def is_counting(ctx: Context, job: JobView) -> bool:
    """Whether the Job has not counted its ended pods yet, so that no other Job may take its name yet.

    The Job controller keeps by name what it still expects of pods. Expectations of a deleted Job hold back the next one of
    that name for five minutes.
    """
    return job.busy(len(ctx.lost))


def _was_asked(ctx: Context, job: JobView) -> bool:
    """Whether the stop ended the newest pod. A program that ended by itself gets the Job's verdict, which comes with its count."""
    mine = sorted(
        (pod for pod in ctx.witnesses if pod.attempt == job.attempt), key=lambda p: (p.created, p.name)
    )
    return bool(mine) and interruption(mine[-1]) is not None and not ended_uncounted(ctx, job)


def ended_uncounted(ctx: Context, job: JobView) -> bool:
    """Whether a program of the Job, whose pods have all ended, ended by itself and the Job has not counted it yet.

    A good end is counted by the Job's verdict.
    """
    mine = [pod for pod in ctx.witnesses if pod.attempt == job.attempt]
    if any(map(did_its_work, mine)):
        return not job.decided
    return sum(interruption(pod) is None for pod in mine) > job.facts.failed
