"""A finished Run that comes back, from a backup or by `kubectl replace --force`, is finished: nothing is done twice."""

from __future__ import annotations

from typing import Final

from run_operator.api import conditions
from run_operator.api.conditions import State
from run_operator.api.constants import ANNOTATION_FINISHED
from run_operator.api.end_mark import EndMark
from run_operator.api.raw import parse
from run_operator.lifecycle import finish
from run_operator.lifecycle.context import Context
from run_operator.lifecycle.model import Action, MarkFinished, Plan

REASON: Final = "Restored"


def is_restored(ctx: Context) -> bool:
    """Whether the Run was finished before it was created here. A copy under another name is another Run."""
    mark = ctx.run.end_mark
    new = ctx.draft.state == State.CREATED and not ctx.draft.attempt and not ctx.has_child
    return new and mark is not None and (mark.name, mark.id) == (ctx.run.name, ctx.run.id)


def shown(ctx: Context) -> Plan:
    """Show the end from the annotation, and where the Run comes from."""
    mark = ctx.run.end_mark
    if mark is None:
        return Plan()
    ctx.draft.restored(mark.attempt)
    lost = "; its metrics were not restored; the backup has them" if mark.metrics else ""
    message = (
        f"{mark.state} at {mark.time} ({mark.reason}) as the Run with uid {mark.uid} in namespace {mark.namespace}, and "
        f"was restored from there: the operator does not start it again{lost}. To execute it again, delete it and apply it without the "
        f"annotation {ANNOTATION_FINISHED}"
    )
    ctx.draft.event(REASON, message)
    return finish.ended_elsewhere(ctx, mark.state, REASON, message)


def marks(ctx: Context) -> tuple[Action, ...]:
    """The action that writes the annotation, once; empty for a Run that was never started."""
    run = ctx.run
    ended = parse(run.status.get("completionTime"))
    if (
        run.end_mark is not None
        or not ctx.draft.attempt
        or ended is None
        or ctx.now < ended + finish.MARKED_AFTER
    ):
        return ()
    failed = conditions.find(run.status.get("conditions", ()), conditions.FINISHED) or {}
    mark = EndMark(
        state=ctx.draft.state,
        reason=str(failed.get("reason") or "Finished"),
        time=str(run.status.get("completionTime")),
        uid=run.uid,
        namespace=run.namespace,
        name=run.name,
        id=run.id,
        attempt=ctx.draft.attempt,
        metrics=bool(run.metrics.commit_id),
    )
    return (MarkFinished(run.uid, mark.text()),)
