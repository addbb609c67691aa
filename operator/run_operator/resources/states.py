"""The platform's words for where a Run is (`status.state`), and which of them are final."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Known to the DigitalHub SDK; the operator reports no other word."""

    CREATED = "CREATED"
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    STOP = "STOP"
    STOPPED = "STOPPED"
    COMPLETED = "COMPLETED"
    ERROR = "ERROR"


FINAL: Final = frozenset({State.COMPLETED, State.ERROR})
"""No pod runs any more and none will. STOPPED is not final: it can be resumed."""


def state_of(status_state: object) -> State:
    """The state a stored status names; CREATED when it names none (the operator has not seen it yet)."""
    try:
        return State(str(status_state))
    except ValueError:
        return State.CREATED
