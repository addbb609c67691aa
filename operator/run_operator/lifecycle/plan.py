"""What to do next with one Run: a pure function of the Run, its children and the clock.

Level based: whatever woke the operator up, the answer follows from what is there now. The truth rules of
docs/architecture.md are kept in this room and nowhere else; docs/lifecycle.md is its table, and tested against it.
"""

from __future__ import annotations

from run_operator.lifecycle import batch, finishing, resolving, serving, starting
from run_operator.lifecycle.actions import Plan
from run_operator.lifecycle.draft import Draft
from run_operator.lifecycle.observed import Observed
from run_operator.lifecycle.situation import Situation
from run_operator.resources.run import Run
from run_operator.resources.states import FINAL
from run_operator.workloads.build import child_kind
from run_operator.workloads.errors import UnresolvedError, WorkloadError
from run_operator.workloads.options import Options
from run_operator.workloads.resolve import Resolution
from run_operator.workloads.views import DeploymentView, JobView


def plan(run: Run, observed: Observed, now: float, options: Options) -> Plan:
    """The next step. `now` is seconds since the epoch."""
    here = Situation(run, observed, now, options, Draft(run, now), Resolution(run))
    if run.deleting:
        return Plan()
    if here.draft.state in FINAL:
        return finishing.after_the_end(here)
    if observed.refusal:
        return starting.refused(here, observed.refusal)
    here = resolving.resolved(here)
    try:
        return _towards_the_wish(here)
    except UnresolvedError as error:
        return resolving.wait(here, error)
    except WorkloadError as error:
        return _cannot(here, error)


def _cannot(here: Situation, error: WorkloadError) -> Plan:
    """The end of a Run that cannot be; one that runs in spite of a bad edit is told of it and goes on."""
    if not here.writers:
        return finishing.impossible(here, error.reason, str(error))
    here.draft.event(error.reason, f"not applied: {error}", warning=True)
    return here.decided()


def _towards_the_wish(here: Situation) -> Plan:
    child: JobView | DeploymentView | None = here.observed.job
    if child_kind(here.run) == "Deployment":
        child = here.observed.deployment
    if child is None:
        starting.adopt_pods(here)
        return batch.without_child(here)
    if child.deleting:
        # Somebody deletes it, and nothing begins until it is gone. A stop does not wait for that: it may be never.
        return batch.without_child(here) if here.run.suspend else Plan()
    if child.attempt > here.draft.attempt:
        starting.adopt(here, child)
    if isinstance(child, DeploymentView):
        return serving.with_deployment(here, child)
    if child.attempt != here.draft.attempt:
        return batch.without_child(here, leftover=child)
    return batch.with_job(here, child)
