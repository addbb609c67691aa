"""From what a Run names to what it runs with: found, waited for, or impossible; and what is remembered."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from run_operator.api.references import MAX_RECORD, Catalog, ResolvedRecord
from run_operator.api.run import Run
from run_operator.resolution.resolve import Resolution, resolve
from run_operator.workloads.fields import InvalidSpecError, UnresolvedError
from run_operator.workloads.types import Options
from tests.support.builders import UID, function, profiles, run, task
from tests.support.examples import examples

SIGNER = Options().signer

OWN_TASK = {"task": "container+job://demo/t"}
LATEST = OWN_TASK | {"function": "container://demo/hello"}
APPLY = (
    "apply the Function container://demo/hello:v1 to this namespace: "
    "runctl manifest functions-v1.yaml | kubectl apply -n ml -f -"
)
V1 = OWN_TASK | {"function": "container://demo/hello:v1"}


def found(one: Run, *views) -> Resolution:
    catalog = Catalog()
    for view in views:
        catalog.put(view)
        catalog = catalog.loaded(view)
    return resolve(one, catalog, Options())


def started(resolution: Resolution) -> dict[str, Any]:
    """The status of a Run that was started with this."""
    return {"attempt": 1, "state": "STOPPED", "resolved": SIGNER.sign(UID, resolution.record.to_object())}


def test_a_run_with_an_image_needs_nothing_and_asks_for_nothing():
    one = run(V1 | {"image": "mine"})
    assert found(one, function()) == Resolution(one)


def test_the_version_named_is_taken_and_without_one_the_latest():
    versions = (
        function("v1", "one", created="2026-01-01T00:00:00Z"),
        function("v2", "two", created="2026-01-02T00:00:00Z"),
    )
    assert found(run(V1), *versions).run.spec["image"] == "one"
    latest = found(run(LATEST), *versions)
    assert latest.run.spec["image"] == "two"
    assert (latest.record.function.reference, latest.record.function.id) == ("container://demo/hello", "v2")
    assert "Function container://demo/hello:v2 (object v2)" in latest.message


def test_a_source_that_is_a_name_alone_is_that_of_its_function():
    """As an export has it that no backend has merged."""
    named = {"task": "python+job://demo/t", "source": {"source": "main.py", "handler": "run"}}
    alone = run(named, kind="python+job:run")
    assert found(alone) == Resolution(alone)
    one = run(named | {"function": "python://demo/hello:v1"}, kind="python+job:run")
    assert found(one).error.reason == "FunctionNotFound"
    whole = {"source": "main.py", "handler": "run", "code": "def run(): pass"}
    made = found(one, function(image=None, kind="python", spec={"source": whole}))
    assert made.run.spec["source"] == whole
    for source in ({"code": "x"}, {"base64": "eA=="}, {"source": "git+https://example.org/x"}):
        held = run(named | {"function": "python://demo/hello:v1", "source": source}, kind="python+job:run")
        assert found(held) == Resolution(held)


def test_a_run_that_names_no_function_takes_its_tasks():
    made = found(run(OWN_TASK), task(spec={"function": "container://demo/hello:v1"}), function())
    assert made.run.spec["image"] == "busybox:1.36"
    assert made.record.task.name == "t"


def test_task_fields_fill_gaps_and_the_functions_win():
    own = V1 | {"command": "mine", "args": ["mine"], "source": {}}
    made = found(
        run(own),
        task(spec={"command": "task", "envs": [{"name": "A", "value": "task"}]}),
        function(spec={"command": "function", "source": {"base64": "eA=="}}),
    ).run.spec
    assert (made["command"], made["args"]) == ("function", ["mine"])
    assert (made["envs"][0]["value"], made["source"]) == ("task", {"base64": "eA=="})
    assert made["function"] == V1["function"]


@pytest.mark.parametrize(
    ("spec", "views", "reason", "said"),
    [
        (V1, (), "FunctionNotFound", APPLY),
        (LATEST, (), "FunctionNotFound", "functions-*.yaml"),
        (V1, (function("v2"), function("v3")), "FunctionNotFound", "other versions of it are here: v3, v2"),
        (V1, tuple(function(f"w{i}") for i in range(5)), "FunctionNotFound", "w4, w3, w2 and 2 more"),
        (V1, (function(namespace="other"),), "FunctionNotFound", "apply the Function"),
        (OWN_TASK, (), "TaskNotFound", "runctl manifest tasks-t.yaml |"),
        (OWN_TASK, (task(),), "FunctionNotFound", "apply the Function container://demo/hello to"),
        (V1 | {"image": "x", "profile": "gpu"}, (), "ProfileNotFound", "known: none"),
        (V1 | {"image": "x", "profile": "gpu"}, (profiles({"cpu": ""}),), "ProfileNotFound", "known: cpu"),
        (V1 | {"image": "x", "profile": "gpu"}, (profiles({"gpu": "- 1"}),), "InvalidProfile", "ml/profiles, key gpu"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_waited_for_and_said_how_to_apply_it(spec, views, reason, said):
    made = found(run(spec), *views)
    assert isinstance(made.error, UnresolvedError)
    assert made.error.reason == reason
    assert said in str(made.error)
    assert made.wants


@pytest.mark.parametrize(
    ("spec", "views", "said"),
    [
        (OWN_TASK | {"function": "hello"}, (), "'hello' is not a reference"),
        (OWN_TASK | {"function": 7}, (), "spec.spec.function: must be a text"),
        (
            OWN_TASK | {"function": "python://demo/hello"},
            (),
            "is of the runtime python, the Run of container",
        ),
        ({"task": "container+job"}, (), "no Function can be found by the task"),
        (
            OWN_TASK,
            (task(spec={"function": None}),),
            "Task container+job://demo/t (object t) names none either",
        ),
        (V1, (function(image=None),), "the Function container://demo/hello:v1 (object v1) has none either"),
        (V1 | {"profile": 3}, (function(),), "spec.spec.profile: must be a text"),
    ],
)
def test_what_can_never_be_found_is_an_error(spec, views, said):
    error = found(run(spec), *views).error
    assert isinstance(error, InvalidSpecError)
    assert said in str(error)


def test_an_image_on_the_run_or_its_task_is_enough_beside_a_function_without():
    assert found(run(V1), task(spec={"image": "task"}), function(image=None)).run.spec["image"] == "task"


def test_an_action_that_the_kind_does_not_have_waits_for_nothing():
    one = run({"task": "python+train://demo/t"}, kind="python+train:run")
    assert found(one).error.reason == "UnsupportedKind"
    assert not isinstance(found(one).error, UnresolvedError)


def test_what_a_run_was_started_with_stays_whatever_becomes_of_the_objects():
    first = found(run(LATEST), function("v1", "one"))
    later = found(run(LATEST, status=started(first)), function("v2", "two", created="2027-01-01T00:00:00Z"))
    assert later.run.spec["image"] == "one"
    assert later.wants == ()
    assert later.record == first.record
    assert found(run(LATEST, status=started(first))).run.spec["image"] == "one"


def test_a_task_that_came_later_does_not_touch_a_run_that_was_started():
    first = found(run(V1), function())
    later = found(run(V1, status=started(first)), function(), task(spec={"command": "late"}))
    assert "command" not in later.run.spec
    assert first.record.task.name == ""


def test_fields_edited_meanwhile_merge_as_at_the_start():
    first = found(run(V1 | {"command": "mine"}), task(spec={"command": "task", "args": ["task"]}), function())
    edited = found(run(V1 | {"args": ["mine"], "image_pull_policy": "Always"}, status=started(first)))
    assert (edited.run.spec["command"], edited.run.spec["args"]) == ("task", ["mine"])
    assert edited.run.spec["image_pull_policy"] == "Always"


@pytest.mark.parametrize(
    ("edited", "image", "command"),
    [
        (LATEST, "nine", "late"),
        (OWN_TASK | {"function": "container://demo/bye"}, "b", "late"),
        (V1 | {"task": "container+job://demo/u"}, "one", "other"),
    ],
)
def test_what_a_run_is_edited_to_name_is_looked_up_again_and_the_rest_stays(edited, image, command):
    first = found(run(V1), function("v1", "one"))
    now = (function("v9", "nine"), function("b", "b", name="bye"), function("v1", "changed"))
    tasks = (task(spec={"command": "late"}), task("u", spec={"command": "other"}))
    later = found(run(edited, status=started(first)), *now, *tasks)
    assert (later.run.spec["image"], later.run.spec["command"]) == (image, command)
    assert later.wants


def test_a_run_edited_to_have_an_image_needs_its_record_no_more():
    first = found(run(V1), function())
    assert found(run(V1 | {"image": "mine"}, status=started(first))).record is None


def test_another_profile_is_looked_up_again_and_the_function_stays():
    texts = profiles({"small": "resources: {cpu: '1'}", "big": "resources: {cpu: '8'}"})
    first = found(run(V1 | {"profile": "small"}), function("v1", "one"), texts)
    later = found(run(V1 | {"profile": "big"}, status=started(first)), function("v1", "changed"), texts)
    assert later.run.spec["image"] == "one"
    assert later.run.spec["resources"] == {"cpu": "8"}


def test_what_is_too_large_to_be_recorded_is_an_error_and_fits_below():
    fits = found(run(V1), function(spec={"source": {"base64": "x" * (MAX_RECORD - 1000)}}))
    assert fits.error is None
    assert fits.record.size <= MAX_RECORD
    error = found(run(V1), function(spec={"source": {"base64": "x" * MAX_RECORD}})).error
    assert error.reason == "ResolvedTooLarge"
    assert "at most 131072" in str(error)


def test_the_record_reads_back_as_it_was_written():
    made = found(
        run(OWN_TASK | {"profile": "p"}),
        task(),
        function(),
        profiles({"p": "replicas: 2"}, namespace="run-operator"),
    )
    assert ResolvedRecord.of_status({"resolved": made.record.to_object()}) == made.record
    assert made.record.profile.namespace == "run-operator"


VALUES = st.sampled_from([None, {}, "", "a", ["b"], {"c": None}, 1])
FIELDS = st.dictionaries(st.sampled_from(["image", "command", "args", "source", "envs", "profile"]), VALUES)


@settings(max_examples=examples(200))
@given(FIELDS, FIELDS, FIELDS, st.permutations(range(3)))
def test_whatever_they_hold_in_whatever_order_they_come_the_outcome_is_the_same(
    own, of_task, of_function, order
):
    views = [task(spec=of_task), function(image=None, spec=of_function), profiles({"a": "replicas: 3"})]
    one = run(OWN_TASK | own)
    first, second = found(one, *views), found(one, *(views[i] for i in order))
    assert (first.run, first.record) == (second.run, second.record)
    assert str(first.error) == str(second.error)
    if first.record and not first.error:
        again = found(run(OWN_TASK | own, status=started(first)))
        assert again.run.spec == first.run.spec


@pytest.mark.parametrize("forged", [{}, {"signature": "0" * 64}], ids=["unsigned", "signed by somebody else"])
def test_a_record_that_the_operator_did_not_write_is_not_used(forged):
    status = started(found(run(V1), function()))
    assert not found(run(V1, status=status), function()).is_forged
    evil = {"function": status["resolved"]["function"] | {"spec": {"image": "evil:1"}}}
    made = found(run(V1, status=status | {"resolved": evil | forged}), function())
    assert made.is_forged
    assert made.run.spec["image"] == "busybox:1.36"


def test_a_missing_image_is_told_together_with_the_other_mistakes():
    wrong = {"resources": {"memory": "1Gi"}, "volumes": [{"name": "a"}]}
    said = str(found(run(wrong)).error)
    assert said.startswith("spec.spec.image: is missing; name an image, or a Function that gives one; ")
    assert "spec.spec.resources.memory: is unknown" in said
    assert "spec.spec.volumes[0].mount_path: is missing" in said
