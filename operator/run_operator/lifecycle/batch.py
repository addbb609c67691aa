"""A job's way: with its Job there, and without (which a service shares): not started yet, stopped, or robbed of it."""

from __future__ import annotations

from run_operator.lifecycle import deadlines, finishing, giving_up, queueing, running, starting, stopping
from run_operator.lifecycle.actions import Plan
from run_operator.lifecycle.situation import Situation
from run_operator.resources.states import State
from run_operator.workloads.observe import Observation, observe
from run_operator.workloads.summary import summaries
from run_operator.workloads.views import JobView


def with_job(here: Situation, job: JobView) -> Plan:
    """The Job of the current attempt is there. Its own verdict comes before every wish and every deadline."""
    seen = observe(job, here.witnesses)
    here.draft.pods(summaries(here.observed.pods))
    if seen.progress in ("SUCCEEDED", "FAILED"):
        if not seen.evidence and not here.observed.fresh:
            return Plan(reread=True)
        return finishing.finished(here, seen)
    if verdict := deadlines.sealed(here) or (deadlines.expired(here) if seen.progress == "PENDING" else None):
        return giving_up.give_up(here, verdict)
    if here.run.suspend or here.draft.state == State.STOP:
        return stopping.stop(here, job)
    return _onwards(here, job, seen)


def without_child(here: Situation, leftover: JobView | None = None) -> Plan:
    """No child of the current attempt; `leftover` is the Job of an earlier one."""
    if leftover is None and not here.run.suspend and _had_child(here):
        if not here.observed.fresh:
            return Plan(reread=True)
        starting.record_loss(here)
    if verdict := deadlines.sealed(here) or deadlines.expired(here):
        return giving_up.give_up(here, verdict)
    if leftover is not None and not leftover.suspend:
        return stopping.end_leftover(here, leftover)
    if here.writers:
        return stopping.await_pods(here)
    return _down(here, leftover) if here.run.suspend else _up(here, leftover)


def _onwards(here: Situation, job: JobView, seen: Observation) -> Plan:
    """The wish is that it runs."""
    if not job.suspend:
        return running.under_way(here, job, seen)
    if here.draft.state == State.CREATED and not here.run.queue:
        return stopping.stop(here, job)  # the status was lost: most likely this stop had been begun here
    if here.draft.state != State.STOPPED:
        return queueing.held(here)
    if here.writers or job.busy(len(here.lost)):
        return stopping.await_pods(here)
    return starting.next_attempt(here, leftover=job)


def _up(here: Situation, leftover: JobView | None) -> Plan:
    if here.draft.attempt and here.draft.state == State.PENDING and not here.draft.ended:
        return starting.create(here, leftover)  # counted before, but the child was not created then
    return starting.next_attempt(here, leftover)


def _down(here: Situation, leftover: JobView | None) -> Plan:
    """A child asked for a moment ago may be there although no stream has told of it yet: look before it is said."""
    born_suspended = here.draft.state == State.CREATED and here.run.generation == 1
    if here.draft.state != State.STOPPED and not born_suspended and not here.observed.fresh:
        return Plan(reread=True)
    return stopping.stopped(here, leftover)


def _had_child(here: Situation) -> bool:
    """Whether the current attempt had a child that nobody asked to go: its pods are there, or it ran.

    One that ran may be PENDING again: its pod was gone before its Job was.
    """
    if here.draft.state != State.PENDING:
        return here.draft.state == State.RUNNING
    return bool(here.observed.live_pods) or here.draft.surely_ran
