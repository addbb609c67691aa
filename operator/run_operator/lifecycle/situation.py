"""Everything one decision is made from, in one place."""

from __future__ import annotations

from dataclasses import dataclass

from run_operator.lifecycle.actions import Action, Plan
from run_operator.lifecycle.draft import Draft
from run_operator.lifecycle.observed import Observed
from run_operator.resources.run import Run
from run_operator.workloads.options import Options


@dataclass(frozen=True, slots=True)
class Situation:
    """One Run, what is seen of its children, the clock, and the status in the making."""

    run: Run
    observed: Observed
    now: float
    """Seconds since the epoch."""
    options: Options
    draft: Draft

    def decided(self, *actions: Action, wake_at: float | None = None) -> Plan:
        """The plan: the status as drafted by now, then the actions."""
        return Plan(
            status=self.draft.status(), actions=actions, events=tuple(self.draft.events), wake_at=wake_at
        )
