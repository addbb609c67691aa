"""Deadlines that no Job keeps: of an attempt that does not begin to run, and of a Run that is stopped or queued."""

from __future__ import annotations

from typing import Final, NamedTuple

from run_operator.lifecycle.situation import Situation
from run_operator.resources import conditions
from run_operator.resources.policy import DeadlinePolicy
from run_operator.resources.states import State
from run_operator.resources.times import parse
from run_operator.workloads.build import child_kind
from run_operator.workloads.deadline import remaining

ACTIVE: Final = "DeadlineExceeded"
PENDING: Final = "PendingDeadlineExceeded"


class Verdict(NamedTuple):
    """Reason and message of the Failed condition."""

    reason: str
    message: str


def sealed(here: Situation) -> Verdict | None:
    """The verdict by which the Run is being given up already: it stays, whatever happens meanwhile."""
    known = conditions.find(here.draft.current.get("conditions", ()), conditions.RUNNING) or {}
    if here.draft.state == State.STOP and known.get("reason") in (ACTIVE, PENDING):
        return Verdict(str(known["reason"]), str(known.get("message")))
    return None


def expired(here: Situation) -> Verdict | None:
    """The deadline that is over, if one is, for a Run that has no program running."""
    if (at := _pending_until(here)) is not None and here.now >= at:
        why = here.run.status.get("message") or "its program did not begin to run"
        return Verdict(PENDING, f"runPolicy.pendingDeadlineSeconds is over: {why}")
    if (at := _wall_until(here)) is not None and here.now >= at:
        return Verdict(
            ACTIVE, "runPolicy.activeDeadlineSeconds is over (WallClock: it counts stopped time too)"
        )
    return None


def used_up(here: Situation) -> Verdict | None:
    """Whether no time is left for another attempt."""
    if child_kind(here.run) != "Job" or remaining(here.run.with_status(here.draft.current)) > 0:
        return None
    return Verdict(
        ACTIVE, "runPolicy.activeDeadlineSeconds is used up by the attempts so far; raise it to go on"
    )


def due(here: Situation) -> float | None:
    """When to look again."""
    moments = [at for at in (_pending_until(here), _wall_until(here)) if at is not None and at > here.now]
    return min(moments, default=None)


def _pending_until(here: Situation) -> float | None:
    limit, began = here.run.policy.pending_deadline, parse(here.draft.current.get("startTime"))
    waits = here.draft.state == State.PENDING and not here.draft.ran and not here.run.suspend
    if limit is None or began is None or not waits:
        return None
    return began + limit


def _wall_until(here: Situation) -> float | None:
    """While no Job's own clock runs."""
    first = parse(here.draft.current.get("firstStartTime"))
    kept = here.run.policy.deadline_policy == DeadlinePolicy.WALL_CLOCK and child_kind(here.run) == "Job"
    if first is None or not kept or "startTime" in here.draft.current:
        return None
    return first + here.run.policy.active_deadline
