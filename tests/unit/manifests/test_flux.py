"""The health of a Run as Flux works it out: the shipped CEL, evaluated as Flux does, for each state that the plan writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from cel_expr_python import cel

from run_operator.api.conditions import State

FILE = Path(__file__).parents[3] / "manifests" / "gitops" / "flux-health.yaml"
(CHECK,) = yaml.safe_load(FILE.read_text())
WORDS = ("inProgress", "failed", "current")
HEALTH = {
    State.CREATED: "inProgress",
    State.PENDING: "inProgress",
    State.RUNNING: "current",
    State.STOP: "inProgress",
    State.STOPPED: "current",
    State.COMPLETED: "current",
    State.ERROR: "failed",
}
ENVIRONMENT = cel.NewEnv(variables=dict.fromkeys(("metadata", "status"), cel.Type.DYN))
RULES = {word: ENVIRONMENT.compile(CHECK[word]) for word in WORDS}


def health(status: dict[str, Any], generation: int = 1) -> list[str]:
    """All words that hold."""
    values = {"metadata": {"generation": generation}, "status": status}
    return [word for word in WORDS if RULES[word].eval(data=values).value()]


@pytest.mark.parametrize("state", State)
def test_each_state_is_one_of_three(state):
    assert health({"state": str(state), "observedGeneration": 1}) == [HEALTH[state]]


def test_a_run_that_nobody_has_looked_at_is_on_its_way():
    assert health({"state": "CREATED"}) == ["inProgress"]


def test_a_change_that_is_not_looked_at_yet_is_on_its_way():
    assert health({"state": "RUNNING", "observedGeneration": 1}, generation=2) == ["inProgress"]


def test_it_is_about_runs():
    assert (CHECK["apiVersion"], CHECK["kind"]) == ("run-operator.io/v1alpha1", "Run")
