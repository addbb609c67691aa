"""A document with `local_execution: true`: its function ran on its author's machine, and nothing starts here."""

from __future__ import annotations

from typing import Final

from run_operator.api import conditions
from run_operator.api.conditions import State
from run_operator.api.raw import stamp
from run_operator.api.results import InvalidResultsError, Results
from run_operator.lifecycle import finish
from run_operator.lifecycle.context import Context
from run_operator.lifecycle.model import Plan

REASON: Final = "LocalExecution"


def ran_elsewhere(ctx: Context) -> bool:
    """Whether the document says so, and no attempt was started here."""
    return ctx.run.ran_elsewhere and not ctx.has_child and not ctx.draft.attempt


def shown(ctx: Context) -> Plan:
    """Show the exported end of the Run, and its results."""
    exported = str(ctx.run.exported.get("state") or "")
    message = (
        f"local_execution is true: the Run ran on its author's machine ({exported or 'no state'}), and the operator starts nothing; "
        "to run it in the cluster, set local_execution to false"
    )
    if exported in (State.COMPLETED, State.ERROR):
        ctx.draft.adopt_results(_returned(ctx))
        return finish.ended_elsewhere(ctx, State(exported), REASON, message)
    ctx.draft.become(State.CREATED, message)
    ctx.draft.condition(conditions.RUNNING, status=False, reason=REASON, message=message)
    return ctx.decided()


def _returned(ctx: Context) -> dict[str, object]:
    given = {name: ctx.run.exported.get(name) or {} for name in ("results", "outputs")}
    try:
        return Results.read(given).status_fields(0, stamp(ctx.now))
    except InvalidResultsError:
        return {}  # they stay in the document
