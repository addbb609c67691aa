"""A Run that another operator carries out: its object is created, read every few seconds, and deleted for a stop.

It is deleted in the foreground: the object is there until all that it owns is gone, so STOPPED means that nothing can write.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from run_operator.api import conditions
from run_operator.api.conditions import State
from run_operator.api.constants import ANNOTATION_ATTEMPT
from run_operator.api.custom_object import CustomKind
from run_operator.api.raw import mapping, printable, text
from run_operator.children.common import number
from run_operator.children.job_outcome import MAX_MESSAGE, JobOutcome
from run_operator.lifecycle import deadlines, finish, run_phase, start, stop
from run_operator.lifecycle.context import Context
from run_operator.lifecycle.model import DeleteCustom, Plan
from run_operator.runtimes.object_state import ObjectState, state_of_object
from run_operator.workloads.fields import UnresolvedError

AGAIN: Final = 10.0
"""Seconds until the object is read again."""
ENDING: Final = 2.0
"""The same while it is being deleted."""
MAX_URL: Final = 1024
"""Characters of an address, which others may write into the status of the object."""


def step(ctx: Context) -> Plan:
    """The next step of such a Run."""
    what = ctx.run.translation.resource if ctx.run.translation else None
    seen = ctx.observed.custom
    if what is None or seen is None:
        return Plan(look=what)
    if verdict := deadlines.recorded(ctx) or deadlines.expired(ctx):
        return _ended(ctx, what, seen.raw) or finish.give_up(ctx, verdict)
    if ctx.run.suspend or ctx.draft.state == State.STOP:
        going = _ended(ctx, what, seen.raw)
        return going or (stop.stopped(ctx) if ctx.run.suspend else start.next_attempt(ctx))
    if seen.raw is None:
        return _made(ctx, seen.problem)
    attempt = number(mapping(mapping(seen.raw.get("metadata")).get("annotations")).get(ANNOTATION_ATTEMPT))
    if attempt > ctx.draft.attempt:
        ctx.draft.adopt(attempt, None)
    if attempt < ctx.draft.attempt or _is_going(seen.raw):
        return _ended(ctx, what, seen.raw) or Plan()
    return _under_way(ctx, seen.raw)


def _made(ctx: Context, problem: str) -> Plan:
    """The object is missing: create it, or report why it cannot be created."""
    if ctx.draft.state == State.RUNNING:
        start.record_loss(ctx)
    if problem:
        raise UnresolvedError("ComponentMissing", problem)
    if ctx.draft.attempt and ctx.draft.state == State.PENDING and not ctx.draft.ended:
        return start.create(ctx)  # counted before, but the object was not created then
    return start.next_attempt(ctx)


def _ended(ctx: Context, what: CustomKind, raw: Mapping[str, Any] | None) -> Plan | None:
    """Delete the object with everything it owns; None: it is gone."""
    if raw is None:
        return None
    metadata = mapping(raw.get("metadata"))
    stop.ending(
        ctx, f"waiting for {what.kind} {metadata.get('name')} and all objects that it owns to be deleted"
    )
    if _is_going(raw):
        return ctx.decided(wake_at=ctx.now + ENDING)
    gone = DeleteCustom(what, text(metadata.get("name")), text(metadata.get("uid")))
    return ctx.decided(gone, wake_at=ctx.now + ENDING)


def _under_way(ctx: Context, raw: Mapping[str, Any]) -> Plan:
    record = ctx.resolution.record
    found = state_of_object(record.runtime.spec if record and record.runtime else {}, ctx.run, raw)
    message = found.message[:MAX_MESSAGE]
    if found.is_failed:
        return finish.finished(ctx, JobOutcome("FAILED", "ResourceFailed", message or "it failed"))
    if found.is_succeeded:
        return finish.finished(ctx, JobOutcome("SUCCEEDED", "Completed", message or "it completed"))
    if found.is_running:
        return _running(ctx, found, message)
    outcome = JobOutcome("PENDING", "Starting", message or start.STARTING)
    return run_phase.pending(ctx, outcome, wake_at=ctx.now + AGAIN)


def _running(ctx: Context, found: ObjectState, message: str) -> Plan:
    message = message or "it runs"
    if ctx.draft.state != State.RUNNING:
        ctx.draft.event("Started", f"Attempt {ctx.draft.attempt}: {message}")
    ctx.draft.become(State.RUNNING, message)
    ctx.draft.condition(conditions.RUNNING, status=True, reason="Running", message=message)
    url = printable(found.url[:MAX_URL])
    ctx.draft.service({"url": url} if url else None)
    return ctx.decided(wake_at=ctx.now + AGAIN)


def _is_going(raw: Mapping[str, Any]) -> bool:
    return bool(mapping(raw.get("metadata")).get("deletionTimestamp"))
