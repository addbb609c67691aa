"""What tests of the plan share: one step, what a Run said before it, and what came of it."""

from __future__ import annotations

from typing import Any

from run_operator.api.conditions import find
from run_operator.api.raw import stamp
from run_operator.api.run import Run
from run_operator.children import PodView
from run_operator.lifecycle.model import Observed
from run_operator.lifecycle.plan import plan
from run_operator.workloads.types import Options
from tests.support.builders import NOW, deployment, replica, serve, service


def step(one: Run, observed: Observed | None = None, now: float = NOW) -> Any:
    """The plan. Its status may be None; a test that reads it fails then."""
    return plan(one, observed or Observed(), now, Options())


def status_of(state: str, attempt: int = 1, **more: Any) -> dict[str, Any]:
    """The status of a Run whose attempt began a while ago; 0: none was made."""
    times = {"attempt": attempt, "startTime": stamp(NOW - 100)}
    begun = {**times, "attempts": [times]} if attempt else {}
    return {"state": state, "observedGeneration": 1} | begun | more


def kinds(made: Any) -> list[type[Any]]:
    """Of its actions."""
    return [type(action) for action in made.actions]


def condition(made: Any, kind: str) -> dict[str, Any]:
    """As the new status has it; empty when it does not."""
    return dict(find(made.status["conditions"], kind) or {})


def seen(*pods: PodView, **parts: Any) -> Observed:
    """These pods of a service, beside its Deployment and its Service unless `parts` say otherwise."""
    services = parts.pop("services", (service(),))
    return Observed(pods=pods, services=services, **({"deployment": deployment()} | parts))


def running(*pods: PodView, **parts: Any) -> dict[str, Any]:
    """The status of a service that became RUNNING with these pods."""
    made = step(serve(status=status_of("PENDING")), seen(*(pods or (replica(),)), **parts))
    assert made.status["state"] == "RUNNING"
    status: dict[str, Any] = made.status
    return status
