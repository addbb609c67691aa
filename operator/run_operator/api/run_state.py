"""The state of a Run that the SDK gets: never older than an accepted stop, resume or deletion."""

from __future__ import annotations

from typing import Final

from run_operator.api.conditions import FINAL, State, state_of
from run_operator.api.raw import JSON, mapping, number, text

RESUMED: Final = "resume accepted; the operator has not started the next attempt yet"
STOPPED: Final = "stop accepted; the operator has not stopped the program yet"


def is_shown(raw: JSON) -> bool:
    """Whether the SDK sees the Run: not after its deletion was accepted, although the object may exist a little longer."""
    return not mapping(raw.get("metadata")).get("deletionTimestamp")


def state_shown(raw: JSON) -> tuple[State, str]:
    """The state of a Run and its message. A request that the operator has not seen yet is shown as accepted."""
    spec, status = mapping(raw.get("spec")), mapping(raw.get("status"))
    state, message = state_of(status.get("state")), text(status.get("message"))
    generation = number(mapping(raw.get("metadata")).get("generation"))
    if state in FINAL or number(status.get("observedGeneration")) >= generation:
        return state, message
    if spec.get("suspend") and state in (State.PENDING, State.RUNNING):
        return State.STOP, STOPPED
    if not spec.get("suspend") and state in (State.STOP, State.STOPPED):
        return State.PENDING, RESUMED
    return state, message
