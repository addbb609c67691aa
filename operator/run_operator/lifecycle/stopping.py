"""Stopping: STOP while a pod can still write, STOPPED only when none can."""

from __future__ import annotations

from run_operator.lifecycle.actions import Plan, SuspendChild
from run_operator.lifecycle.situation import Situation
from run_operator.lifecycle.starting import next_attempt
from run_operator.resources import conditions
from run_operator.resources.states import State
from run_operator.workloads.build import build
from run_operator.workloads.views import JobView


def stop(here: Situation, job: JobView) -> Plan:
    """End the pods of the current attempt. A stop once begun is finished, even if the wish flips back."""
    if not job.suspend:
        ending(here, "asked the Job to end its pods")
        return here.decided(SuspendChild(job.name, job.uid))
    if here.observed.live_pods or job.busy:
        return await_pods(here)
    if here.run.suspend:
        return stopped(here)
    return next_attempt(here, leftover=job)


def await_pods(here: Situation) -> Plan:
    """Pods of this Run still live: nothing else may happen until they are gone."""
    names = ", ".join(pod.name for pod in here.observed.live_pods[:3]) or "a pod"
    ending(here, f"waiting for {names} to end")
    return here.decided()


def stopped(here: Situation) -> Plan:
    """Nothing of the Run can write any more, and it is to stay so."""
    draft = here.draft
    if draft.attempt == 0:
        build(here.run, 1, here.options)  # an impossible document is told now, not at the resume
        message = "created suspended; set spec.suspend to false to start"
    else:
        message = "stopped; set spec.suspend to false to resume"
        draft.end_attempt("Suspended", "stopped", None, None, here.now)
    if draft.state != State.STOPPED:
        draft.event("Suspended", message)
    draft.become(State.STOPPED, message)
    draft.condition(conditions.SUSPENDED, status=True, reason="JobSuspended", message=message)
    draft.condition(conditions.RUNNING, status=False, reason="Suspended", message=message)
    return here.decided()


def ending(here: Situation, message: str) -> None:
    """STOP: asked to stop, and not there yet."""
    draft = here.draft
    if draft.state != State.STOP:
        draft.event("Suspending", message)
    draft.become(State.STOP, message)
    draft.condition(conditions.SUSPENDED, status=False, reason="Suspending", message=message)
