"""A Run that names its Function: it waits and can be stopped meanwhile, starts when it comes, and remembers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from run_operator.api.references import Catalog
from run_operator.api.run import Run
from run_operator.lifecycle.model import CreateWorkload, DeleteChild, Observed
from run_operator.lifecycle.plan import plan
from run_operator.workloads.types import Options
from tests.support.builders import (
    NOW,
    SERVE,
    deployment,
    function,
    job,
    pod,
    profiles,
    replica,
    run,
    service,
    task,
)
from tests.support.examples import examples
from tests.support.planning import condition

V1 = {"task": "container+job://demo/t", "function": "container://demo/hello:v1"}


def step(one: Run, *views, now: float = NOW, **seen: Any):
    catalog = Catalog()
    for view in views:
        catalog.put(view)
    return plan(one, Observed(catalog=catalog, **seen), now, Options())


def image_of(made) -> str:
    (create,) = (action for action in made.actions if isinstance(action, CreateWorkload))
    return create.workload.child["spec"]["template"]["spec"]["containers"][0]["image"]


def test_it_waits_in_created_with_one_warning_and_then_silently():
    made = step(run(V1))
    assert (made.status["state"], made.actions) == ("CREATED", ())
    assert condition(made, "Resolved")["status"] == "False"
    assert condition(made, "Resolved")["reason"] == "FunctionNotFound"
    assert made.status["message"] == condition(made, "Resolved")["message"]
    assert [(e.type, e.reason) for e in made.events] == [("Warning", "FunctionNotFound")]
    assert "attempt" not in made.status
    assert [want.name for want in made.wants] == ["container+job://demo/t", "container://demo/hello"]
    again = step(run(V1, status=made.status))
    assert (again.status, again.events) == (None, ())
    assert again.wants == made.wants


def test_it_starts_when_the_function_is_there_and_stores_what_it_starts_with():
    waiting = step(run(V1)).status
    made = step(run(V1, status=waiting), function(image="one"))
    assert (made.status["state"], made.status["attempt"], image_of(made)) == ("PENDING", 1, "one")
    assert made.status["resolved"]["function"] == {
        "reference": V1["function"], "id": "v1", "name": "v1", "uid": "uid-v1", "generation": 1, "spec": {"image": "one"},
    }  # fmt: skip
    assert condition(made, "Resolved")["status"] == "True"
    assert made.wants == ()


@pytest.mark.parametrize("attempt", [0, 1])
def test_an_attempt_that_its_builder_cannot_begin_is_not_counted(attempt):
    spec = {"task": "container+build://demo/t", "function": V1["function"]}
    status = step(run(spec, kind="container+build:run")).status
    if attempt:
        status |= {"state": "STOPPED", "attempt": 1, "attempts": [{"attempt": 1}]}
    for _ in range(2):
        one = run(spec, kind="container+build:run", status=status)
        status = step(one, function(spec={"base_image": "python:3.12"}), fresh=True).status or status
    assert (status["state"], status.get("attempt", 0)) == ("STOPPED" if attempt else "CREATED", attempt)
    assert status["reason"] == "BuilderMissing"


def test_what_an_administrator_has_not_set_up_is_known_before_a_resume():
    spec = {"task": "container+build://demo/t", "base_image": "python:3.12"}
    made = step(run(spec, kind="container+build:run", suspend=True))
    assert (made.status["state"], condition(made, "Resolved")["reason"]) == ("STOPPED", "BuilderMissing")
    assert "BuilderMissing" in [event.reason for event in made.events]


def test_an_event_of_the_attempt_before_is_kept_where_the_next_one_cannot_begin():
    spec = {"task": "container+build://demo/t", "base_image": "python:3.12"}
    before = {"state": "RUNNING", "attempt": 1, "attempts": [{"attempt": 1}]}
    made = step(run(spec, kind="container+build:run", status=before), fresh=True)
    assert (made.status["state"], made.status["attempt"]) == ("STOPPED", 1)
    assert {"ChildDeleted", "BuilderMissing"} <= {event.reason for event in made.events}


def test_a_run_with_an_image_gets_no_condition_and_no_record():
    made = step(run(), function(), job=job())
    assert condition(made, "Resolved") == {}
    assert "resolved" not in made.status


def test_an_attempt_under_way_is_not_touched_by_what_becomes_of_the_function():
    begun = step(run(V1), function(image="one")).status
    running = step(run(V1, status=begun), job=job(active=1), pods=(pod("Running"),)).status
    for views in ((), (function(image="two"),), (function(image=None),)):
        made = step(run(V1, status=running), *views, job=job(active=1), pods=(pod("Running"),))
        assert (made.status, made.actions) == (None, ())


def test_a_child_not_created_yet_is_created_with_what_was_stored():
    begun = step(run(V1), function(image="one")).status
    made = step(run(V1, status=begun), function(image="two"))
    assert image_of(made) == "one"
    assert made.status is None


def stopped_after(first: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    made = step(run(spec, suspend=True, status=first | {"state": "STOP"}), job=job(suspend=True))
    assert made.status["state"] == "STOPPED"
    return made.status


def test_a_resume_uses_what_the_first_attempt_was_started_with():
    stopped = stopped_after(step(run(V1), function(image="one")).status, V1)
    made = step(run(V1, status=stopped), function(image="two"), job=job(suspend=True))
    assert (made.status["attempt"], image_of(made)) == (2, "one")


def test_a_stopped_run_edited_to_name_what_is_not_there_says_so_and_resumes_when_it_comes():
    stopped = stopped_after(step(run(V1), function(image="one")).status, V1)
    other = V1 | {"function": "container://demo/bye"}
    reported = step(run(other, suspend=True, status=stopped), function(image="one"), job=job(suspend=True))
    assert reported.status["state"] == "STOPPED"
    assert "it would wait: apply the Function container://demo/bye" in reported.status["message"]
    waits = step(run(other, status=reported.status), function(), job=job(suspend=True))
    assert (waits.status["state"], waits.status["attempt"], waits.actions) == ("STOPPED", 1, ())
    assert condition(waits, "Resolved")["status"] == "False"
    resumed = step(run(other, status=waits.status), function("b", "b", name="bye"), job=job(suspend=True))
    assert [type(action) for action in resumed.actions] == [DeleteChild, CreateWorkload]
    assert (resumed.status["attempt"], image_of(resumed)) == (2, "b")
    assert resumed.status["resolved"]["function"]["id"] == "b"
    assert condition(resumed, "Resolved")["status"] == "True"


def test_a_stopped_run_edited_to_have_an_image_forgets_what_it_does_not_need():
    stopped = stopped_after(step(run(V1), function()).status, V1)
    made = step(run(V1 | {"image": "mine"}, status=stopped), job=job(suspend=True))
    assert image_of(made) == "mine"
    assert "resolved" not in made.status
    assert condition(made, "Resolved") == {}


def test_a_run_that_waits_can_be_stopped_and_goes_on_waiting_afterwards():
    waiting = step(run(V1)).status
    stopped = step(run(V1, suspend=True, status=waiting))
    assert stopped.status["state"] == "STOPPED"
    assert condition(stopped, "Suspended")["status"] == "True"
    assert stopped.wants
    again = step(run(V1, status=stopped.status))
    assert again.status["state"] == "CREATED"
    assert condition(again, "Suspended")["status"] == "False"


def test_created_suspended_tells_what_it_would_wait_for_and_when_it_is_there():
    made = step(run(V1, suspend=True))
    assert made.status["state"] == "STOPPED"
    assert "it would wait: apply the Function" in made.status["message"]
    assert condition(made, "Resolved")["reason"] == "FunctionNotFound"
    there = step(run(V1, suspend=True, status=made.status), function())
    assert condition(there, "Resolved")["status"] == "True"
    assert "wait" not in there.status["message"]
    assert "resolved" not in there.status
    assert there.wants == made.wants
    newer = step(run(V1, status=there.status), function(image="newest"))
    assert image_of(newer) == "newest"


@pytest.mark.parametrize("suspend", [False, True])
def test_a_function_without_an_image_is_the_end(suspend):
    made = step(run(V1, suspend=suspend), function(image=None))
    assert made.status["state"] == "ERROR"
    assert condition(made, "Failed")["reason"] == "InvalidSpec"
    assert "the Function container://demo/hello:v1 (object v1) has none either" in made.status["message"]
    assert made.wants == ()


def test_an_unknown_profile_is_waited_for_though_there_is_an_image():
    one = run({"task": "container+job://demo/t", "image": "x", "profile": "gpu"})
    assert condition(step(one), "Resolved")["reason"] == "ProfileNotFound"
    made = step(one, profiles({"gpu": "priority_class: high"}, namespace="run-operator"))
    assert made.status["resolved"]["profile"]["spec"] == {"priority_class": "high"}


def test_a_service_keeps_the_number_its_profile_gave_it():
    spec = SERVE | {"profile": "big"}
    begun = step(run(spec, kind="container+serve:run"), profiles({"big": "replicas: 3"})).status
    one = run(spec, kind="container+serve:run", status=begun)
    made = step(one, deployment=deployment(replicas=3), services=(service(),), pods=(replica(),))
    assert made.actions == ()


def test_what_of_the_document_does_not_count_is_reported():
    one = run({"task": "container+job://demo/t", "image": "x", "profile": "gpu", "priority_class": "mine"})
    made = step(one, profiles({"gpu": "replicas: 1"}))
    assert [(e.reason, e.type) for e in made.events] == [("NotApplied", "Warning")]


def test_an_attempt_whose_record_was_lost_goes_on():
    lost = {"state": "RUNNING", "attempt": 1, "observedGeneration": 1, "startTime": "2027-01-15T08:00:00Z"}
    for views in ((), (function(image=None),)):
        made = step(run(V1, status=lost), *views, job=job(active=1), pods=(pod("Running"),))
        assert made.status["state"] == "RUNNING"
        assert made.actions == ()


ARRIVALS = {
    "function": function(image="one"),
    "task": task(spec={"command": "task", "function": "container://demo/hello"}),
    "profile": profiles({"gpu": "resources: {gpu: '1'}"}),
}


@settings(max_examples=examples(100))
@given(
    order=st.permutations(["run", "function", "task", "profile"]),
    suspends=st.lists(st.booleans(), max_size=4),
)
def test_in_whatever_order_things_arrive_the_run_starts_the_same(order, suspends):
    """Until all are there it waits; in the end there is one attempt, with the same pod."""
    spec = {"task": "container+job://demo/t", "profile": "gpu"}
    status: Any = None
    there: list[Any] = []
    for index, name in enumerate(order):
        if name == "run":
            status = {}
        else:
            there.append(ARRIVALS[name])
        if status is not None:
            suspend = suspends[index] if index < len(suspends) else False
            made = step(run(spec, suspend=suspend, status=status), *there)
            status = made.status or status
            if len(there) < len(ARRIVALS):
                assert made.actions == ()
                assert status["state"] in ("CREATED", "STOPPED")
    made = step(run(spec, status=status), *there)
    container = made.actions[0].workload.child["spec"]["template"]["spec"]["containers"][0]
    assert (container["image"], container["command"]) == ("one", ["task"])
    assert container["resources"]["limits"] == {"nvidia.com/gpu": "1"}
    assert (made.status or status)["attempt"] == 1
