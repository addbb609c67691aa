"""Stopping: STOP while a pod can still write, STOPPED only when none can."""

from __future__ import annotations

from typing import Final

from run_operator.lifecycle import deadlines, resolving
from run_operator.lifecycle.actions import DeleteChild, Plan, SuspendChild
from run_operator.lifecycle.evidence import record_stop
from run_operator.lifecycle.situation import Situation
from run_operator.lifecycle.starting import next_attempt
from run_operator.resources import conditions
from run_operator.resources.states import State
from run_operator.resources.times import parse
from run_operator.workloads.build import build
from run_operator.workloads.errors import WorkloadError
from run_operator.workloads.views import JobView

LEFTOVER_KEPT: Final = 5.0
"""Seconds the suspended Job of a stopped Run is kept. Then it goes, and the next attempt begins without delay."""
PATIENCE: Final = 10.0
"""Seconds after which a stop that is not done says what it waits for."""
TERMINATION_TIMEOUT: Final = "PodTerminationTimeout"


def stop(here: Situation, job: JobView) -> Plan:
    """End the pods of the current attempt. A stop once begun is finished, even if the wish flips back."""
    if here.run.queue:
        # A queue would only admit a suspended Job again: it is told that there is none any more.
        ending(here, "asked the cluster to end the Job")
        return here.decided(DeleteChild(job.name, job.uid, version=job.resource_version))
    if not job.suspend:
        ending(here, "asked the Job to end its pods")
        return here.decided(SuspendChild(job.name, job.uid))
    if here.writers or job.busy(len(here.lost)) or not job.condition("Suspended"):
        return await_pods(here)
    if here.run.suspend:
        return stopped(here, leftover=job)
    return next_attempt(here, leftover=job)


def end_leftover(here: Situation, leftover: JobView) -> Plan:
    """Somebody let the Job of an earlier attempt go on: it goes, before anything else may begin."""
    ending(here, f"Job {leftover.name} belongs to an earlier attempt and is removed")
    return here.decided(DeleteChild(leftover.name, leftover.uid))


def await_pods(here: Situation) -> Plan:
    """Pods of this Run still live, or may: nothing else happens until they are gone. Told which when it takes long."""
    ending(here, "waiting for its pods to end")
    told_at = _since(here) + PATIENCE
    if here.writers and here.now >= told_at:
        first = min(here.writers, key=lambda pod: pod.name)
        ending(here, f"waiting for pod {first.name} on node {first.facts.node or '?'} to end", anew=True)
    moments = [at for at in (here.next_loss, told_at) if at is not None and at > here.now]
    return here.decided(wake_at=min(moments, default=None))


def stopped(here: Situation, leftover: JobView | None = None) -> Plan:
    """Nothing of the Run can write any more, and it is to stay so."""
    draft = here.draft
    missing = resolving.tell(here)
    if draft.attempt == 0 and not missing.text:
        build(here.run, 1, here.options)  # an impossible document is told now, not at the resume
    else:
        missing = _wrong(here, missing)
    reason, message = _explained(here)
    if conditions.is_true(draft.current.get("conditions", ()), conditions.QUEUED):
        draft.condition(conditions.QUEUED, status=False, reason="Suspended", message=message)
    if draft.state != State.STOPPED:
        record_stop(here)
        if reason == TERMINATION_TIMEOUT:
            draft.event(reason, message, warning=True)
        else:
            draft.event("Suspended", f"Attempt {draft.attempt}: {message}" if draft.attempt else message)
        draft.become(State.STOPPED, message + missing.text)
        draft.condition(conditions.SUSPENDED, status=True, reason=reason, message=message)
        draft.condition(conditions.RUNNING, status=False, reason="Suspended", message=message)
    elif missing.news:
        draft.become(State.STOPPED, message + missing.text)
    draft.pause()
    draft.suspended_by("User")
    return _kept_for_a_while(here, leftover)


def _wrong(here: Situation, missing: resolving.Told) -> resolving.Told:
    """A mistake in what was edited is told at once: at the resume it would be the end of the Run."""
    if missing.text or here.run.generation == here.run.status.get("observedGeneration"):
        return missing
    try:
        resolving.require(here)
        build(here.run, here.draft.attempt + 1, here.options)
    except WorkloadError as error:
        here.draft.event(error.reason, f"it cannot start like this: {error}", warning=True)
        return resolving.Told(f"; it cannot start like this: {error}", news=True)
    return resolving.Told(news=True)


def ending(here: Situation, message: str, *, anew: bool = False) -> None:
    """STOP: asked to stop, and not there yet. Said once, unless `anew`."""
    draft = here.draft
    if here.run.suspend:
        draft.suspended_by("User")
        draft.stopped_by(here.run.suspended_by)
    if draft.state == State.STOP and not anew:
        return
    if draft.state != State.STOP:
        draft.event("Suspending", f"Attempt {draft.attempt}: {message}")
    draft.become(State.STOP, message)
    draft.condition(conditions.SUSPENDED, status=False, reason="Suspending", message=message)


def _since(here: Situation) -> float:
    """When STOP was entered."""
    transitions = here.draft.current.get("transitions", ())
    return (parse(transitions[0].get("time")) if transitions else None) or here.now


def _explained(here: Situation) -> tuple[str, str]:
    """Reason and message of `Suspended`."""
    if here.draft.attempt == 0:
        return "JobSuspended", "not started yet; set spec.suspend to false to start"
    if not here.lost:
        return "JobSuspended", "stopped; set spec.suspend to false to resume"
    pod = here.lost[0]
    return TERMINATION_TIMEOUT, (
        f"stopped, but pod {pod.name} on node {pod.facts.node or '?'} has not confirmed its end within "
        f"{here.run.policy.pod_termination_timeout} s: the node may be dead, or the pod may still write"
    )


def _kept_for_a_while(here: Situation, leftover: JobView | None) -> Plan:
    """The suspended Job goes when it has been there to look at for a while."""
    if leftover is None:
        return here.decided(wake_at=deadlines.due(here))
    known = conditions.find(here.draft.current.get("conditions", ()), conditions.SUSPENDED) or {}
    tidy_at = (parse(known.get("lastTransitionTime")) or here.now) + LEFTOVER_KEPT
    if here.now < tidy_at:
        return here.decided(wake_at=tidy_at)
    return here.decided(DeleteChild(leftover.name, leftover.uid, version=leftover.resource_version))
