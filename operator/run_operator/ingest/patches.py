"""The JSON patch of a commit: what a ledger wants written, bound to the version of the Run that is known here."""

from __future__ import annotations

from typing import Any

from run_operator.metrics.ledger import Commit
from run_operator.resources import conditions
from run_operator.resources.run import Run


def receiving(run: Run, now: float) -> Run:
    """The Run with the condition that says that metrics come in: the first commit tells it on the way."""
    known: list[Any] = list(run.status.get("conditions", ()))
    if conditions.find(known, conditions.METRICS_COMPLETE) is not None:
        return run
    told = conditions.with_condition(
        known,
        conditions.METRICS_COMPLETE,
        status=None,
        reason=conditions.RECEIVING,
        message="the program may log more",
        now=now,
        generation=run.generation,
    )
    return run.with_status({**run.status, "conditions": told})


def operations(before: Run, after: Run, commit: Commit) -> list[dict[str, Any]]:
    """Refused by the API server unless the Run is `before`: so `after` is what there is when it is not."""
    version = {"op": "test", "path": "/metadata/resourceVersion", "value": before.resource_version}
    told = [{"op": "add", "path": "/status/conditions", "value": after.status["conditions"]}]
    return [version, *commit.operations, *(told if after is not before else ())]
