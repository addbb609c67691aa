"""A Job held back by somebody else: by the queue that was asked to, or by a person's hand."""

from __future__ import annotations

from typing import Final

from run_operator.lifecycle import deadlines
from run_operator.lifecycle.actions import Plan
from run_operator.lifecycle.situation import Situation
from run_operator.resources import conditions
from run_operator.resources.states import State

QUEUED: Final = "Queued"
HELD: Final = "Suspended"


def held(here: Situation) -> Plan:
    """The Job is suspended though the Run is not: it waits, its clock stands still, and nobody interferes."""
    draft, queue = here.draft, here.run.queue
    if queue:
        reason, message = QUEUED, waiting_text(queue)
        draft.condition(conditions.QUEUED, status=True, reason=QUEUED, message=message)
    else:
        reason = HELD
        message = (
            "somebody suspended its Job, which waits now; set suspend of the Job to false to let it go on"
        )
    if draft.state == State.RUNNING:
        draft.event(reason, message)
    draft.become(State.PENDING, message)
    draft.condition(conditions.RUNNING, status=False, reason=reason, message=message)
    draft.suspended_by("Queue" if queue else "Other")
    draft.pause()
    return here.decided(wake_at=deadlines.due(here))


def admitted(here: Situation) -> None:
    """The Job is not held back (any more)."""
    draft = here.draft
    draft.unpause()
    draft.suspended_by("")
    if conditions.is_true(draft.current.get("conditions", ()), conditions.QUEUED):
        message = f"let in by queue {here.run.queue}"
        draft.condition(conditions.QUEUED, status=False, reason="Admitted", message=message)


def waiting_text(queue: str) -> str:
    """What a Run in a queue says."""
    return f"waiting in queue {queue}"
