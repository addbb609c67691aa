"""Fields of the document that have no effect: condition NotApplied, and an Event with each attempt."""

from __future__ import annotations

from run_operator.api import conditions
from run_operator.api.raw import printable
from run_operator.lifecycle.context import Context
from run_operator.lifecycle.model import RunEvent
from run_operator.workloads.types import Workload
from run_operator.workloads.unused_fields import without_effect

REASON = "NotUsed"
ALL_USED = "AllUsed"


def warnings(ctx: Context) -> tuple[str, ...]:
    """One sentence each: keys that the kind does not use, and fields that a profile overrides."""
    return (*without_effect(ctx.run, ctx.document), *ctx.resolution.warnings)


def reported(ctx: Context) -> Context:
    """Set the condition in the draft; a document whose every field is used has none.

    Looked at once for each generation: what a status says of this one holds. A Run that waited for its Runtime is looked at until it
    has started, since the Runtime says which fields count.
    """
    is_known = ctx.run.translation is None or bool(ctx.run.status.get("attempt"))
    if is_known and ctx.run.status.get("observedGeneration") == ctx.run.generation:
        return ctx
    found = warnings(ctx)
    known = conditions.find(ctx.draft.current.get("conditions", ()), conditions.NOT_APPLIED)
    if found:
        ctx.draft.condition(conditions.NOT_APPLIED, status=True, reason=REASON, message="; ".join(found))
    elif known:
        message = "the operator uses every field of the document"
        ctx.draft.condition(conditions.NOT_APPLIED, status=False, reason=ALL_USED, message=message)
    return ctx


def events(ctx: Context, workload: Workload) -> tuple[RunEvent, ...]:
    """The Event about fields that this attempt does not use; empty if it uses all of them."""
    found = (*warnings(ctx), *workload.warnings)
    text = printable("; ".join(found))
    return (RunEvent("Warning", conditions.NOT_APPLIED, text),) if found else ()
