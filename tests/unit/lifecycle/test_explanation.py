"""What people read of a decision: of every kind of action, of what is waited for, and never a value of a document."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from run_operator.api.constants import LABEL_STEP
from run_operator.api.references import Catalog
from run_operator.lifecycle import explanation
from run_operator.lifecycle.explanation import NOTHING, explain
from run_operator.lifecycle.model import Action, Observed
from tests.support.builders import job, pod, run, serve
from tests.support.planning import running, seen, status_of, step
from tests.support.workflows import build, task, workflow


def lines_of(one, observed: Observed | None = None) -> list[str]:
    there = observed or Observed()
    return explain(one, there, step(one, there))


def test_a_new_run_is_shown_what_comes_next():
    lines = lines_of(run())
    assert lines[:2] == ["state: CREATED, no attempt yet", "sees: it has no Job, no Deployment and no pod"]
    assert "next: create Job hello" in lines


def test_a_pod_that_waits_is_shown_with_its_reason():
    one = run(status=status_of("PENDING"))
    lines = lines_of(one, Observed(job=job(active=1), pods=(pod("Pending"),), fresh=True))
    assert any(line.startswith("sees: Job hello: attempt 1") for line in lines)
    assert any(line.startswith("sees: pod hello-x of attempt 1: Pending") for line in lines)


def test_the_last_message_is_shown_because_it_may_tell_of_events():
    full = 'the Job cannot create a pod: pods "x" is forbidden: exceeded quota: compute'
    one = run(status=status_of("PENDING") | {"message": full, "reason": "FailedCreate"})
    lines = lines_of(one, Observed(job=job(active=1), fresh=True))
    assert lines[1] == f"said: {full} (FailedCreate)"


def test_a_message_that_is_waited_for_is_shown_once():
    there = Observed(job=job(active=1), fresh=True)
    message = step(run(status=status_of("PENDING")), there).status["message"]
    one = run(status=status_of("PENDING") | {"message": message})
    lines = lines_of(one, there)
    shown = [line for line in lines if line in (f"said: {message}", f"waits for: {message}")]
    assert shown == [f"waits for: {message}"]


def test_a_run_that_another_controller_carries_out_names_it():
    lines = lines_of(run(managed_by="example.com/another", status=status_of("RUNNING")))
    assert lines[0] == "state: RUNNING, attempt 1, carried out by example.com/another"
    assert lines[-2:] == [
        f"next: {NOTHING}",
        "waits for: example.com/another (spec.managedBy), which writes the status",
    ]


def test_a_run_that_waits_for_a_function_names_it():
    one = run({"task": "container+job://demo/t", "function": "container://demo/f:v1"})
    lines = lines_of(one, Observed(catalog=Catalog()))
    assert any(line.startswith("waits for: Function container://demo/f") for line in lines)


def test_a_pipeline_names_its_steps_what_they_say_and_which_have_no_run_yet():
    encoded = build(workflow([task("a"), task("b", "a")]))
    one = run(
        {"task": "hera+pipeline://demo/t", "build": encoded},
        kind="hera+pipeline:run",
        status=status_of("RUNNING"),
    )
    nodes = step(one, Observed(fresh=True)).status["nodes"]
    waits = status_of("PENDING") | {"message": "no node has room"}
    first = run(name="hello-1", status=waits)
    first = replace(first, pipeline=one.uid, labels={LABEL_STEP: "a"})
    lines = lines_of(
        replace(one, status={**one.status, "nodes": nodes}), Observed(steps=(first,), fresh=True)
    )
    assert "sees: Run hello-1: PENDING, attempt 1, step a of a pipeline: no node has room" in lines
    assert "sees: step b: no Run yet; it starts after a" in lines


def test_where_nothing_is_to_be_done_it_says_so():
    lines = lines_of(serve(status=running()), seen())
    assert [line for line in lines if line.startswith("waits for")] or f"next: {NOTHING}" in lines


def test_a_stop_that_is_asked_for_is_shown_as_such():
    lines = lines_of(
        run(suspend=True, status=status_of("RUNNING")), Observed(job=job(active=1), pods=(pod("Running"),))
    )
    assert "asked to be stopped" in lines[0]
    assert "next: suspend Job hello, which ends its pods" in lines


@pytest.mark.parametrize("kind", get_args(Action), ids=lambda kind: kind.__name__)
def test_every_kind_of_action_has_words(kind):
    assert kind in explanation._ACTIONS
