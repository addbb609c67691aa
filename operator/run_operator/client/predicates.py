"""Questions about a raw Run object: has it reached the requested state, is it over, has it failed? No I/O."""

from __future__ import annotations

from run_operator.api.conditions import FINAL, State, state_of
from run_operator.api.exported import action_of
from run_operator.api.raw import JSON, mapping, number

SERVICES = ("serve", "deploy")


def settled(raw: JSON) -> bool:
    """Whether there is nothing more to wait for: COMPLETED, ERROR, STOPPED by `suspend`, or a service that is ready."""
    state, suspended = state_of(mapping(raw.get("status")).get("state")), stopping(raw)
    if state in FINAL:
        return True
    if state is State.STOPPED:
        return suspended and seen(raw)  # else it is about to be resumed
    return state is State.RUNNING and is_service(raw) and not suspended


def ended(raw: JSON) -> bool:
    """As `settled`, but a service that is ready goes on."""
    return settled(raw) and state_of(mapping(raw.get("status")).get("state")) is not State.RUNNING


def stopped(raw: JSON) -> bool:
    """Whether a stop has come to its end."""
    state = state_of(mapping(raw.get("status")).get("state"))
    return state in FINAL or (state is State.STOPPED and seen(raw))


def seen(raw: JSON) -> bool:
    """Whether the operator has seen the newest `suspend`: after a quick change it may still follow the older one."""
    generation = number(mapping(raw.get("metadata")).get("generation"))
    return number(mapping(raw.get("status")).get("observedGeneration")) >= generation


def running(raw: JSON) -> bool:
    """Whether a resume has come to its end."""
    return state_of(mapping(raw.get("status")).get("state")) in (FINAL | {State.RUNNING})


def stopping(raw: JSON) -> bool:
    """Whether it is wished that the Run does not run."""
    return mapping(raw.get("spec")).get("suspend") is True


def is_service(raw: JSON) -> bool:
    """Whether the Run serves until it is stopped."""
    return action_of(mapping(raw.get("spec"))) in SERVICES
