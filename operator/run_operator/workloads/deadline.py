"""How much of `activeDeadlineSeconds` an attempt still has: what its Job gets as its own deadline."""

from __future__ import annotations

from run_operator.resources.policy import DeadlinePolicy
from run_operator.resources.run import Run
from run_operator.resources.times import parse


def remaining(run: Run) -> int:
    """Whole seconds from `status.startTime` on; 0 or less: it is over. The same all through an attempt."""
    limit = run.policy.active_deadline
    match run.policy.deadline_policy:
        case DeadlinePolicy.CONTINUOUS:
            return limit
        case DeadlinePolicy.CUMULATIVE:
            return limit - int(run.status.get("activeSeconds") or 0)
        case DeadlinePolicy.WALL_CLOCK:
            first, began = parse(run.status.get("firstStartTime")), parse(run.status.get("startTime"))
            return limit - (round(began - first) if first is not None and began is not None else 0)
