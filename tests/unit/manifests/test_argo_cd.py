"""The health of a Run as Argo CD works it out: the shipped Lua, run by a Lua engine, against states that the plan writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lupa
import pytest

from run_operator.api.conditions import State

SOURCE = (Path(__file__).parents[3] / "manifests" / "gitops" / "argo-cd-health.lua").read_text()
HEALTH = {
    State.CREATED: "Progressing",
    State.PENDING: "Progressing",
    State.RUNNING: "Healthy",
    State.STOP: "Progressing",
    State.STOPPED: "Suspended",
    State.COMPLETED: "Healthy",
    State.ERROR: "Degraded",
}


def health(status: dict[str, Any] | None, generation: int = 1) -> tuple[str, str]:
    """As Argo CD asks for it: the object is `obj`, the answer a table."""
    lua = lupa.LuaRuntime(unpack_returned_tuples=True)
    run = {"metadata": {"generation": generation}} | ({} if status is None else {"status": status})
    lua.globals().obj = lua.table_from(run, recursive=True)
    found = lua.execute(SOURCE)
    return found.status, found.message


@pytest.mark.parametrize("state", State)
def test_each_state_has_a_health(state):
    assert health({"state": str(state), "message": "why", "observedGeneration": 1}) == (HEALTH[state], "why")


def test_a_run_that_nobody_has_looked_at_is_on_its_way():
    assert health(None) == ("Progressing", "CREATED")


def test_a_change_that_is_not_looked_at_yet_is_on_its_way():
    found, message = health({"state": "COMPLETED", "observedGeneration": 1}, generation=2)
    assert (found, "not looked at" in message) == ("Progressing", True)


def test_a_service_that_lacks_pods_is_degraded():
    conditions = [{"type": "Running", "status": "True", "reason": "Degraded"}]
    assert health({"state": "RUNNING", "conditions": conditions})[0] == "Degraded"
