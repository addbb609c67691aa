"""The input of one decision, in one place."""

from __future__ import annotations

from dataclasses import dataclass, field

from run_operator.api.conditions import State
from run_operator.api.raw import JSON, parse
from run_operator.api.run import Run
from run_operator.children import PodView
from run_operator.children.termination import last_ending
from run_operator.lifecycle.model import Action, Observed, Plan
from run_operator.lifecycle.status_builder import StatusBuilder
from run_operator.resolution.resolve import Resolution
from run_operator.workloads.types import Options


@dataclass(frozen=True, slots=True)
class Context:
    """One Run, its children, the time, and the draft of its new status."""

    run: Run
    """Its spec is merged with Function, Task, profile and Runtime."""
    observed: Observed
    now: float
    """Seconds since the epoch."""
    options: Options
    draft: StatusBuilder
    resolution: Resolution
    document: JSON = field(default_factory=dict)
    """The inner spec as the Run has it, without anything merged."""

    @property
    def writers(self) -> tuple[PodView, ...]:
        """Pods that can still write, without the `lost` ones."""
        return tuple(pod for pod in self.observed.live_pods if self._given_up_at(pod) > self.now)

    @property
    def has_child(self) -> bool:
        """Whether anything of an attempt is there: a Job, a Deployment or a pod."""
        seen = self.observed
        return bool(seen.job or seen.deployment or seen.live_pods)

    @property
    def is_new(self) -> bool:
        """Whether the Run should run and nothing of it was ever started, here or elsewhere."""
        run, status = self.run, self.draft.current
        begun = status.keys() & {"attempt", "attempts", "startTime", "firstStartTime", "activeSeconds"}
        untouched = self.draft.state == State.CREATED and not begun and not self.has_child
        return untouched and not run.suspend and run.end_mark is None and not run.ran_elsewhere

    @property
    def lost(self) -> tuple[PodView, ...]:
        """Pods that were asked to end long ago and never confirmed it, as on a dead node."""
        return tuple(pod for pod in self.observed.live_pods if self._given_up_at(pod) <= self.now)

    @property
    def next_loss(self) -> float | None:
        """When the next ending pod counts as lost (seconds since the epoch); None: no pod is ending."""
        moments = [self._given_up_at(pod) for pod in self.writers]
        return min((at for at in moments if at != float("inf")), default=None)

    @property
    def state_since(self) -> float:
        """When the present state was entered, in seconds since the epoch."""
        transitions = self.draft.current.get("transitions", ())
        return (parse(transitions[0].get("time")) if transitions else None) or self.now

    @property
    def witnesses(self) -> tuple[PodView, ...]:
        """All pods of the Run whose statuses may show how an attempt ended, deleted ones included."""
        there = {pod.uid for pod in self.observed.pods}
        return (*(pod for pod in self.observed.gone if pod.uid not in there), *self.observed.pods)

    def _given_up_at(self, pod: PodView) -> float:
        due = parse(pod.facts.due)
        return float("inf") if due is None else due + self.run.policy.pod_termination_timeout

    def decided(self, *actions: Action, wake_at: float | None = None) -> Plan:
        """A plan with the drafted status and these actions."""
        waits = self.draft.state in (State.CREATED, State.STOPPED)
        return Plan(
            status=self.draft.status(),
            actions=actions,
            events=tuple(self.draft.events),
            wake_at=wake_at,
            wants=self.resolution.wants if waits else (),
        )


def record_stop(ctx: Context) -> None:
    """End the current attempt as stopped, with the exit code of its last pod where it was seen."""
    mine = [pod for pod in ctx.witnesses if pod.attempt == ctx.draft.attempt]
    ended = last_ending(sorted(mine, key=lambda pod: (pod.created, pod.name)))
    if ended is None or ended.exit_code is None:
        ctx.draft.end_attempt("Suspended", "stopped", None, None, ctx.now)
    else:
        ctx.draft.end_attempt("Suspended", f"stopped: {ended.brief}", ended.exit_code, ended.pod, ctx.now)
