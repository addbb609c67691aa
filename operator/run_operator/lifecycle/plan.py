"""What to do next with one Run: a pure function of the Run, its children and the clock.

Level based: whatever woke the operator up, the answer follows from what is there now. The truth rules of
docs/architecture.md are kept in this room and nowhere else.
"""

from __future__ import annotations

from run_operator.lifecycle import finishing, running, serving, starting, stopping
from run_operator.lifecycle.actions import Plan
from run_operator.lifecycle.draft import Draft
from run_operator.lifecycle.observed import Observed
from run_operator.lifecycle.situation import Situation
from run_operator.resources.run import Run
from run_operator.resources.states import FINAL, State
from run_operator.workloads.build import child_kind
from run_operator.workloads.errors import WorkloadError
from run_operator.workloads.observe import observe
from run_operator.workloads.options import Options
from run_operator.workloads.summary import summaries
from run_operator.workloads.views import DeploymentView, JobView


def plan(run: Run, observed: Observed, now: float, options: Options) -> Plan:
    """The next step. `now` is seconds since the epoch."""
    here = Situation(run, observed, now, options, Draft(run, now))
    if run.deleting:
        return Plan()
    if here.draft.state in FINAL:
        return finishing.after_the_end(here)
    if observed.refusal:
        return starting.refused(here, observed.refusal)
    try:
        return _towards_the_wish(here)
    except WorkloadError as error:
        return finishing.impossible(here, error.reason, str(error))


def _towards_the_wish(here: Situation) -> Plan:
    if child_kind(here.run) == "Deployment":
        return _towards_serving(here, here.observed.deployment)
    return _towards_the_end(here, here.observed.job)


def _towards_the_end(here: Situation, job: JobView | None) -> Plan:
    if job is None:
        return _without_child(here)
    if job.deleting:
        return Plan()  # somebody deletes it: the next step follows when it is gone
    if job.attempt > here.draft.attempt:
        here.draft.adopt(job.attempt)
    if job.attempt != here.draft.attempt:
        return _without_child(here, leftover=job)
    return _with_child(here, job)


def _towards_serving(here: Situation, deployment: DeploymentView | None) -> Plan:
    if deployment is None:
        return _without_child(here)
    if deployment.deleting:
        return Plan()  # as with a Job
    if deployment.attempt > here.draft.attempt:
        here.draft.adopt(deployment.attempt)
    return serving.with_deployment(here, deployment)


def _with_child(here: Situation, job: JobView) -> Plan:
    """The child of the current attempt is there."""
    seen = observe(job, here.observed.pods)
    here.draft.pods(summaries(here.observed.pods))
    if seen.progress in ("SUCCEEDED", "FAILED"):
        if not seen.evidence and not here.observed.fresh:
            return Plan(reread=True)
        return finishing.finished(here, seen)
    if here.run.suspend or here.draft.state == State.STOP:
        return stopping.stop(here, job)
    if job.suspend and here.draft.state == State.STOPPED:
        busy = here.observed.live_pods or job.busy
        return stopping.await_pods(here) if busy else starting.next_attempt(here, leftover=job)
    return running.under_way(here, seen)


def _without_child(here: Situation, leftover: JobView | None = None) -> Plan:
    """No child of the current attempt: not started yet, stopped, or taken away."""
    if leftover is None and not here.run.suspend and _had_child(here):
        if not here.observed.fresh:
            return Plan(reread=True)
        starting.record_loss(here)
    if here.observed.live_pods:
        return stopping.await_pods(here)
    if here.run.suspend:
        return stopping.stopped(here)
    if here.draft.attempt and here.draft.state == State.PENDING:
        return starting.create(here, leftover)  # counted before, but the child was not created then
    return starting.next_attempt(here, leftover)


def _had_child(here: Situation) -> bool:
    """Whether the current attempt had a child that nobody asked to go: its pods are there, or it ran."""
    state = here.draft.state
    return state == State.RUNNING or (state == State.PENDING and bool(here.observed.live_pods))
