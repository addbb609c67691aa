"""The end of a Run: success, failure, an impossible document; and what may still happen afterwards."""

from __future__ import annotations

from typing import Final

from run_operator.lifecycle import settling
from run_operator.lifecycle.actions import DeleteRun, Plan
from run_operator.lifecycle.situation import Situation
from run_operator.resources import conditions
from run_operator.resources.states import State
from run_operator.resources.times import parse
from run_operator.workloads.observe import Observation

ALREADY_FINISHED: Final = "AlreadyFinished"


def finished(here: Situation, seen: Observation) -> Plan:
    """The Job says it is over; no pod of it runs any more."""
    if (at := settling.until(here, seen.finished_at)) is not None:
        return Plan(wake_at=at)
    ended = seen.finished_at if seen.finished_at is not None else here.now
    good = seen.progress == "SUCCEEDED"
    draft = here.draft
    if draft.state == State.PENDING and seen.started_at is not None:
        draft.event("Started", f"Attempt {draft.attempt}: pod {seen.pod_name} ran")
        draft.become(State.RUNNING, "", at=seen.started_at)  # faster than it could be watched
    draft.end_attempt(seen.reason, seen.message, seen.exit_code, seen.pod_name, ended)
    draft.completed_at(ended)
    if good:
        draft.event("Completed", seen.message)
        _end(here, State.COMPLETED, conditions.COMPLETE, seen.reason, seen.message)
    else:
        draft.event(seen.reason, seen.message, warning=True)
        _end(here, State.ERROR, conditions.FAILED, seen.reason, seen.message)
    return here.decided(wake_at=_expiry(here, ended))


def impossible(here: Situation, reason: str, message: str) -> Plan:
    """The document asks for what cannot be done: said once, clearly, and final."""
    here.draft.completed_at(here.now)
    here.draft.end_attempt(reason, message, None, None, here.now)
    here.draft.event(reason, message, warning=True)
    _end(here, State.ERROR, conditions.FAILED, reason, message)
    return here.decided(wake_at=_expiry(here, here.now))


def after_the_end(here: Situation) -> Plan:
    """Remove the Run when its time to live is over; answer a stop that came too late."""
    expiry = _expiry(here, parse(here.run.status.get("completionTime")) or here.now)
    if expiry is not None and here.now >= expiry:
        return Plan(actions=(DeleteRun(here.run.uid),))
    suspended = conditions.find(here.run.status.get("conditions", ()), conditions.SUSPENDED)
    if here.run.suspend and (suspended is None or suspended.get("reason") != ALREADY_FINISHED):
        message = f"the Run is {here.draft.state} already: there is nothing to stop"
        here.draft.condition(conditions.SUSPENDED, status=False, reason=ALREADY_FINISHED, message=message)
        here.draft.event(ALREADY_FINISHED, message, warning=True)
    return here.decided(wake_at=expiry)


def _end(here: Situation, state: State, outcome: str, reason: str, message: str) -> None:
    draft = here.draft
    draft.suspended_by("")
    draft.become(state, message)
    draft.condition(conditions.RUNNING, status=False, reason="Finished", message=message)
    draft.condition(outcome, status=True, reason=reason, message=message)
    draft.condition(conditions.FINISHED, status=True, reason=reason, message=message)
    settling.told(here)


def _expiry(here: Situation, ended: float) -> float | None:
    ttl = here.run.policy.ttl_after_finished
    return None if ttl is None else ended + ttl
