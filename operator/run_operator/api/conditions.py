"""`status.conditions` in the form of metav1.Condition, as `kubectl wait --for=condition=...` reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from run_operator.api.raw import printable, stamp

RESOLVED: Final = "Resolved"
"""True when Function, Task, profile and Runtime were found; only on Runs that refer to such objects."""
RUNNING: Final = "Running"
DEGRADED: Final = "Degraded"
"""Reason of the condition Running: a service serves with fewer replicas than it should have."""
SUSPENDED: Final = "Suspended"
QUEUED: Final = "Queued"
"""True while a queue holds the Run's Job back."""
COMPLETE: Final = "Complete"
FAILED: Final = "Failed"
FINISHED: Final = "Finished"
"""True on either outcome, so that one `kubectl wait` never hangs on a failure."""
NOT_APPLIED: Final = "NotApplied"
"""True while a field of the document has no effect; only on Runs that have, or had, such a field."""
METRICS_COMPLETE: Final = "MetricsComplete"
"""True when every received value is in status.metrics, and none is known to be missing; Unknown while more may come; only on Runs that logged."""
RECONCILING: Final = "Reconciling"
"""As tools with kstatus read it: on its way to what was asked for. True or not there."""
STALLED: Final = "Stalled"
"""The same: it failed, and waiting does not help. True or not there."""
RECEIVING: Final = "Receiving"
ALL_POINTS: Final = "AllPointsInStatus"
DECIMATED: Final = "Decimated"
WRITER_LOST: Final = "WriterLost"
LIMIT_REACHED: Final = "LimitReached"

NOT_SEEN: Final = -1
"""`status.observedGeneration` of a Run that the operator has not looked at, as the CRD has it."""
MAX_MESSAGE: Final = 1024
"""Characters. The API allows 32,768; a long message in every condition makes the object slow for everybody."""

Condition = Mapping[str, Any]


def find(conditions: Sequence[Condition], kind: str) -> Condition | None:
    """The condition of that type; None: it was never set."""
    return next((c for c in conditions if c.get("type") == kind), None)


def is_true(conditions: Sequence[Condition], kind: str) -> bool:
    """Whether the condition is set and True."""
    found = find(conditions, kind)
    return found is not None and found.get("status") == "True"


def with_condition(
    conditions: Sequence[Condition],
    kind: str,
    *,
    status: bool | None,
    reason: str,
    message: str,
    now: float,
    generation: int,
) -> list[Condition]:
    """Set one condition (None: Unknown). The order stays; `lastTransitionTime` changes only with the status."""
    value = "Unknown" if status is None else str(status)
    old = find(conditions, kind)
    since = old["lastTransitionTime"] if old and old.get("status") == value else stamp(now)
    new = {
        "type": kind,
        "status": value,
        "reason": reason,
        "message": printable(message[:MAX_MESSAGE]),
        "lastTransitionTime": since,
        "observedGeneration": generation,
    }
    if old is None:
        return [*conditions, new]
    return [new if c.get("type") == kind else c for c in conditions]


def without(conditions: Sequence[Condition], kind: str) -> list[Condition]:
    """All but the condition of that type."""
    return [one for one in conditions if one.get("type") != kind]


class State(StrEnum):
    """States of a Run; the DigitalHub SDK knows all of them."""

    CREATED = "CREATED"
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    STOP = "STOP"
    STOPPED = "STOPPED"
    COMPLETED = "COMPLETED"
    ERROR = "ERROR"


FINAL: Final = frozenset({State.COMPLETED, State.ERROR})
"""No pod runs any more and none will. STOPPED is not final: it can be resumed."""


_BY_NAME: Final = {str(state): state for state in State}


def state_of(status_state: object) -> State:
    """The state in a stored status; CREATED for a Run that the operator has not seen yet."""
    return _BY_NAME.get(str(status_state), State.CREATED)


ON_ITS_WAY: Final = frozenset({State.CREATED, State.PENDING, State.STOP})


def progress(state: State, running_reason: str) -> str:
    """The one of Reconciling and Stalled that is True; empty: neither, the Run is where it was asked to be.

    Flux, kpt and Config Sync wait by these two (kstatus). So a tool that knows nothing of Runs waits until one runs, is
    stopped or has completed, and fails with one that failed. `running_reason`: of the condition Running.
    """
    if state == State.ERROR:
        return STALLED
    lacks_pods = state == State.RUNNING and running_reason == DEGRADED
    return RECONCILING if state in ON_ITS_WAY or lacks_pods else ""
