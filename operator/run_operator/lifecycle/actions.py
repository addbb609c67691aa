"""What a decision can ask for. Each action is idempotent: carrying it out twice is carrying it out once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from run_operator.workloads.workload import Workload


@dataclass(frozen=True, slots=True)
class CreateWorkload:
    """Create what the attempt needs (claims, config maps), then the child. Existing ones of ours are fine."""

    workload: Workload


@dataclass(frozen=True, slots=True)
class SuspendChild:
    """Tell the child to end its pods and keep itself."""

    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class DeleteChild:
    """Remove the child of an earlier attempt, which has no live pods any more."""

    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class DeleteRun:
    """Remove the Run itself: its time to live after the end is over."""

    uid: str


Action = CreateWorkload | SuspendChild | DeleteChild | DeleteRun


@dataclass(frozen=True, slots=True)
class RunEvent:
    """A line of the story that `kubectl describe run` tells."""

    type: str
    """`Normal` or `Warning`."""
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The next step for one Run. Order of execution: status, then actions, then events."""

    status: Mapping[str, Any] | None = None
    """The whole status as it should be; None: as it is."""
    actions: tuple[Action, ...] = ()
    events: tuple[RunEvent, ...] = ()
    wake_at: float | None = None
    """Seconds since the epoch at which to look again even if nothing happens."""
    reread: bool = False
    """True: nothing else is in this plan; decide again with children read from the API server."""
