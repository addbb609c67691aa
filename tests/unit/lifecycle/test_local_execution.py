"""Runs whose function ran on its author's machine."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from run_operator.api.run import Run
from run_operator.lifecycle.model import Observed
from run_operator.lifecycle.plan import plan
from run_operator.workloads.types import Options
from tests.support.harness import EXPORTS

NOW = 1_800_000_000.0


def exported(status: dict[str, Any] | None = None, **spec: Any) -> Run:
    document = yaml.safe_load((EXPORTS / "python-job-local.yaml").read_text())
    document["spec"] |= spec
    document["status"] = document["status"] if status is None else status
    metadata = {"name": "local", "namespace": "ml", "uid": "u", "generation": 1}
    return Run.from_object({"metadata": metadata, "spec": document, "status": {"state": "CREATED"}})


def decided(run: Run):
    return plan(run, Observed(), NOW, Options(ingest_url="https://ingest:8443"))


def test_its_state_and_its_results_are_shown_and_nothing_starts():
    found = decided(exported())
    assert found.actions == ()
    assert found.status["state"] == "COMPLETED"
    assert found.status["results"] == {"output_0": 42}
    assert found.status["resultsInfo"]["attempt"] == 0
    (finished,) = [c for c in found.status["conditions"] if c["type"] == "Finished"]
    assert finished["reason"] == "LocalExecution"
    assert "set local_execution to false" in found.status["message"]


@pytest.mark.parametrize(
    ("state", "shown"),
    [("ERROR", "ERROR"), ("RUNNING", "CREATED"), ("CREATED", "CREATED"), (None, "CREATED")],
)
def test_what_had_not_ended_is_not_pretended_to_run(state, shown):
    found = decided(exported({"state": state} if state else {}))
    assert (found.actions, found.status["state"]) == ((), shown)


def test_results_that_no_status_can_hold_stay_in_the_document():
    found = decided(exported({"state": "COMPLETED", "results": {"a": "x" * 100_000}}))
    assert found.status["state"] == "COMPLETED"
    assert "results" not in found.status


def test_it_starts_where_the_document_is_edited_to_run_here():
    shown = decided(exported()).status
    run = exported(local_execution=False)
    metadata = {"name": "local", "namespace": "ml", "uid": "u", "generation": 2}
    again = Run.from_object(
        {
            "metadata": metadata,
            "spec": {**yaml.safe_load((EXPORTS / "python-job-local.yaml").read_text()), "spec": run.spec},
            "status": shown,
        }
    )
    assert [type(action).__name__ for action in decided(again).actions] == ["CreateWorkload"]


def test_a_run_that_says_false_starts():
    assert [type(action).__name__ for action in decided(exported(local_execution=False)).actions] == [
        "CreateWorkload"
    ]
