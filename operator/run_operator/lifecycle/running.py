"""An attempt under way: its pod is about to run, or runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from run_operator.lifecycle import deadlines, queueing
from run_operator.lifecycle.actions import Action, Plan, SetDeadline
from run_operator.lifecycle.situation import Situation
from run_operator.lifecycle.starting import PATIENCE, STARTING, UNTOLD
from run_operator.resources import conditions
from run_operator.resources.states import State, state_of
from run_operator.resources.times import parse
from run_operator.workloads.deadline import remaining
from run_operator.workloads.events import (
    FAILED_ATTACH,
    FAILED_CREATE,
    FAILED_MOUNT,
    FAILED_SANDBOX,
    Question,
    answer,
)
from run_operator.workloads.observe import MAX_MESSAGE, Observation
from run_operator.workloads.views import JobView

NOTEWORTHY: Final = frozenset(
    {
        "ClaimNotFound",
        "ConfigMapNotFound",
        "CreateContainerConfigError",
        "CrashLoopBackOff",
        "CreateContainerError",
        FAILED_ATTACH,
        FAILED_CREATE,
        FAILED_MOUNT,
        FAILED_SANDBOX,
        "ImagePullFailed",
        "SecretNotFound",
        "Queued",
        "Unschedulable",
    }
)
"""Reasons to be PENDING that a person has to act on: told at once."""
LONGEST_PAUSE: Final = 300.0
"""Seconds until what waits without a word is asked again why, at most; before that, twice as long each time."""
TOLD_ANEW: Final = frozenset({"ConfigMapNotFound", "CrashLoopBackOff", "SecretNotFound"})
"""Reasons whose words change only when there is news."""


def under_way(here: Situation, job: JobView, seen: Observation) -> Plan:
    """Say what is seen, with few writes: the ordinary steps of a pod's start are not worth one each."""
    if seen.progress == "ENDING":
        return Plan()  # the Job's verdict is on its way, and its event with it
    queueing.admitted(here)
    deadline = _deadline(here, job)
    if seen.progress == "RUNNING":
        return _running(here, seen, *deadline)
    if not deadline and (told_at := _untold_until(here, job, seen)):
        return Plan(wake_at=told_at)
    return waiting(here, seen, *deadline, wake_at=deadlines.due(here))


def _untold_until(here: Situation, job: JobView, seen: Observation) -> float | None:
    """A new Run that most likely runs in a moment: PENDING then comes into the same write as RUNNING."""
    created = parse(job.created)
    if (
        state_of(here.run.status.get("state")) != State.CREATED
        or seen.reason in NOTEWORTHY
        or created is None
    ):
        return None
    return created + UNTOLD if created <= here.now < created + UNTOLD else None


def _deadline(here: Situation, job: JobView) -> tuple[Action, ...]:
    """The Job's own deadline follows the Run's when that is changed."""
    wanted = max(1, remaining(here.run.with_status(here.draft.current)))
    return () if job.facts.deadline == wanted else (SetDeadline(job.name, job.uid, wanted),)


def _running(here: Situation, seen: Observation, *actions: Action) -> Plan:
    if here.draft.state != State.RUNNING:
        here.draft.event("Started", f"Attempt {here.draft.attempt}: {seen.message}")
    here.draft.become(State.RUNNING, seen.message)
    here.draft.condition(conditions.RUNNING, status=True, reason=seen.reason, message=seen.message)
    return here.decided(*actions)


def waiting(here: Situation, seen: Observation, *actions: Action, wake_at: float | None = None) -> Plan:
    """Why it does not run yet; where no status says it (a quota, a volume), in the words of Events."""
    question = seen.ask
    if question is None:
        return pending(here, seen, *actions, wake_at=wake_at)
    waited = _waited(here, question)
    ask = waited >= PATIENCE
    again = here.now + (min(LONGEST_PAUSE, waited) if ask else PATIENCE - waited)
    if told := answer(question, here.observed.said):
        seen = replace(seen, reason=told.reason, message=told.message[:MAX_MESSAGE])
    ask = ask and not here.observed.said
    made = pending(here, seen, *actions, wake_at=again if wake_at is None else min(wake_at, again))
    return replace(made, ask=question if ask else None)


def _waited(here: Situation, question: Question) -> float:
    """Not below nothing: the clocks of nodes differ."""
    since = parse(here.run.status.get("startTime")) if question.since is None else question.since
    return 0.0 if since is None else max(0.0, here.now - since)


def pending(here: Situation, seen: Observation, *actions: Action, wake_at: float | None = None) -> Plan:
    """Why it does not run yet: reasons to act on at once, ordinary ones after a while."""
    since = parse(here.run.status.get("startTime"))
    patience_ends = (here.now if since is None else since) + PATIENCE
    told = seen.reason in NOTEWORTHY or here.now >= patience_ends
    reason, message = (seen.reason, seen.message) if told else ("Starting", STARTING)
    known = conditions.find(here.run.status.get("conditions", ()), conditions.RUNNING)
    if known and known.get("reason") == reason and reason in NOTEWORTHY - TOLD_ANEW:
        message = str(
            known.get("message")
        )  # the words change with every retry of the kubelet, the reason does not
    if seen.reason in NOTEWORTHY and here.run.status.get("message") != message:
        here.draft.event(reason, message, warning=True)
    here.draft.become(State.PENDING, message)
    here.draft.condition(conditions.RUNNING, status=False, reason=reason, message=message)
    moments = [at for at in (wake_at, None if told else patience_ends) if at is not None]
    decision = here.decided(*actions, wake_at=min(moments, default=None))
    first = state_of(here.run.status.get("state")) == State.CREATED
    return replace(decision, can_wait=first and not told and not actions)
