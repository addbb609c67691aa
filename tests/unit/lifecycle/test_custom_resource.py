"""A Run that becomes an object of another operator: made, asked, stopped by its deletion, and waited for where the kind is missing."""

from __future__ import annotations

from typing import Any

import pytest

from run_operator.api.custom_object import CustomObject
from run_operator.lifecycle.model import CreateWorkload, DeleteCustom, Observed
from run_operator.lifecycle.plan import plan
from run_operator.workloads.types import Options
from tests.support.builders import NOW, run
from tests.support.planning import condition
from tests.support.runtimes import catalog, widgets

THERE = CustomObject()


def step(custom: CustomObject | None = THERE, *, state: dict[str, Any] | None = None, **top: Any):
    one = run({"size": 3}, kind=top.pop("kind", "widget+serve:run"), status=state or {}, **top)
    return plan(one, Observed(catalog=catalog(widgets()), custom=custom), NOW, Options())


def widget(phase: str = "", attempt: int = 1, *, going: bool = False) -> CustomObject:
    metadata = {"name": "hello", "uid": "w-1", "annotations": {"run-operator.io/attempt": str(attempt)}}
    metadata |= {"deletionTimestamp": "2027-01-01T00:00:00Z"} if going else {}
    return CustomObject({"metadata": metadata, "status": {"phase": phase} if phase else {}})


@pytest.fixture
def begun() -> dict[str, Any]:
    return dict(step().status)


def test_it_is_looked_at_before_anything_is_decided():
    made = step(None)
    assert (made.look.kind, made.look.plural, made.status, made.actions) == ("Widget", "widgets", None, ())


def test_it_is_stored_first_and_then_made():
    made = step()
    assert (made.status["state"], made.status["attempt"]) == ("PENDING", 1)
    (create,) = made.actions
    assert isinstance(create, CreateWorkload)
    child = create.workload.child
    assert (child["apiVersion"], child["kind"], child["spec"]) == ("example.org/v1", "Widget", {"size": 3})
    assert child["metadata"]["ownerReferences"][0]["kind"] == "Run"


def test_what_its_status_says_becomes_the_runs(begun):
    running = step(widget("Up"), state=begun)
    assert (running.status["state"], running.status["message"]) == ("RUNNING", "it is Up")
    assert running.status["service"] == {"url": "hello.example.org:80"}
    assert running.wake_at == NOW + 10
    again = step(widget("Up"), state=running.status)
    assert (again.status, again.actions) == (None, ())
    for phase, state, reason in (("Done", "COMPLETED", "Completed"), ("Broken", "ERROR", "ResourceFailed")):
        ended = step(widget(phase), state=running.status, kind="widget+train:run")
        assert ended.status["state"] == state
        assert condition(ended, "Finished")["reason"] == reason


def test_a_stop_waits_until_it_is_gone_with_all_that_it_owns(begun):
    running = step(widget("Up"), state=begun).status
    made = step(widget("Up"), state=running, suspend=True, generation=2)
    assert made.status["state"] == "STOP"
    assert made.actions == (DeleteCustom(made.actions[0].what, "hello", "w-1"),)
    waits = step(widget("Up", going=True), state=made.status, suspend=True, generation=2)
    assert (waits.status, waits.actions) == (None, ())
    assert waits.wake_at is not None
    stopped = step(THERE, state=made.status, suspend=True, generation=2).status
    assert stopped["state"] == "STOPPED"
    resumed = step(THERE, state=stopped, generation=3)
    assert (resumed.status["state"], resumed.status["attempt"]) == ("PENDING", 2)
    assert resumed.actions[0].workload.child["metadata"]["annotations"]["run-operator.io/attempt"] == "2"


def test_one_of_an_earlier_attempt_goes_before_the_next_begins(begun):
    later = begun | {"attempt": 2}
    made = step(widget("Up", attempt=1), state=later)
    assert isinstance(made.actions[0], DeleteCustom)


def test_one_that_somebody_deleted_is_made_again(begun):
    running = step(widget("Up"), state=begun).status
    made = step(THERE, state=running)
    assert made.status["attempt"] == 2
    assert made.events[0].reason == "ChildDeleted"


def test_a_component_that_is_missing_is_named_and_waited_for():
    made = step(CustomObject(problem="widget+serve needs Widgets (example.org): install it"))
    assert made.status["state"] == "CREATED"
    assert condition(made, "Resolved")["reason"] == "ComponentMissing"
    assert made.wake_at is not None


def test_an_expression_that_cannot_read_the_object_ends_nothing(begun):
    one = run({"size": 3}, kind="widget+serve:run", status=begun)
    broken = CustomObject({**(widget().raw or {}), "status": {"phase": {"odd": 1}}})
    made = plan(one, Observed(catalog=catalog(widgets()), custom=broken), NOW + 20, Options())
    assert made.status["state"] == "PENDING"
    assert "its ClusterRuntime cannot read the object" in made.status["message"]


def test_an_address_that_others_wrote_is_short_and_printable():
    known = catalog(widgets(running="${true}", url="${has(object.status.phase) ? object.status.phase : ''}"))
    one = run({"size": 3}, kind="widget+serve:run")
    begun = plan(one, Observed(catalog=known, custom=THERE), NOW, Options()).status
    seen = Observed(catalog=known, custom=widget("a\a" + "b" * 5000))
    made = plan(one.with_status(begun or {}), seen, NOW, Options())
    assert made.status is not None
    assert made.status["service"]["url"] == "a\N{REPLACEMENT CHARACTER}" + "b" * 1022
