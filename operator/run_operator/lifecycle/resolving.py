"""A Run that refers to a Function, a Task or a profile: it waits for them, and remembers what it was started with.

What cannot be found is a reason to wait only when something is about to be started: an attempt under way goes on
with what it has.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from run_operator.lifecycle import deadlines
from run_operator.lifecycle.actions import Plan
from run_operator.lifecycle.evidence import record_stop
from run_operator.lifecycle.situation import Situation
from run_operator.resources import conditions
from run_operator.resources.states import State
from run_operator.workloads.errors import UnresolvedError, WorkloadError
from run_operator.workloads.resolve import resolve


def resolved(here: Situation) -> Situation:
    """The situation with what the Run refers to looked up and merged in. Nothing is decided or written yet."""
    found = resolve(here.run, here.observed.catalog, here.options)
    return replace(here, run=found.run, resolution=found)


def require(here: Situation) -> None:
    """Go on only if everything is there. Raises the WorkloadError that says what is not."""
    if here.resolution.error:
        raise here.resolution.error


def record(here: Situation) -> None:
    """Before an attempt starts: store what it uses, or drop what is not used any more. Raises WorkloadError."""
    require(here)
    found = here.resolution
    here.draft.resolved(found.record.to_object() if found.record else None)
    if found.record:
        here.draft.condition(conditions.RESOLVED, status=True, reason="Resolved", message=found.message)


class Told(NamedTuple):
    """What a stopped Run says about what it refers to."""

    text: str = ""
    """To be added to its message; empty when nothing is missing."""
    news: bool = False
    """Whether this differs from what it said before."""


def tell(here: Situation) -> Told:
    """While a Run is stopped: say in its condition whether it could start.

    Raises the WorkloadError of a Run that was never started and can never be.
    """
    found, before = here.resolution, _condition(here)
    if isinstance(found.error, UnresolvedError):
        _missing(here, found.error)
        return Told(f"; it would have to wait: {found.error}", _condition(here) != before)
    if found.error:
        if here.draft.attempt == 0:
            raise found.error
        return Told()
    if found.record:
        here.draft.condition(conditions.RESOLVED, status=True, reason="Resolved", message=found.message)
    else:
        here.draft.resolved(None)
    return Told(news=_condition(here).get("status") != before.get("status"))


def wait(here: Situation, error: UnresolvedError) -> Plan:
    """Nothing starts until what is missing is there: CREATED, or STOPPED if there were attempts before."""
    draft, message = here.draft, str(error)
    _missing(here, error)
    if draft.attempt:
        record_stop(here)
        draft.become(State.STOPPED, message)
        if not conditions.is_true(draft.current.get("conditions", ()), conditions.SUSPENDED):
            draft.condition(conditions.SUSPENDED, status=True, reason="JobSuspended", message=message)
    else:
        draft.become(State.CREATED, message)
        if conditions.find(draft.current.get("conditions", ()), conditions.SUSPENDED):
            draft.condition(conditions.SUSPENDED, status=False, reason="JobResumed", message=message)
    draft.condition(conditions.RUNNING, status=False, reason=error.reason, message=message)
    draft.pause()
    draft.suspended_by("")
    return here.decided(wake_at=deadlines.due(here))


def _missing(here: Situation, error: WorkloadError) -> None:
    known, message = _condition(here), str(error)[: conditions.MAX_MESSAGE]
    if (known.get("reason"), known.get("message")) != (error.reason, message):
        here.draft.event(error.reason, message, warning=True)
    here.draft.condition(conditions.RESOLVED, status=False, reason=error.reason, message=message)


def _condition(here: Situation) -> conditions.Condition:
    return conditions.find(here.draft.current.get("conditions", ()), conditions.RESOLVED) or {}
