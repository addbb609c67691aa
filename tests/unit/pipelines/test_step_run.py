"""The Runs that a pipeline makes: who owns them, and which texts come where."""

from __future__ import annotations

import dataclasses

import pytest

from run_operator.pipelines.placeholders import filled
from run_operator.pipelines.step_run import build_run, returned, step_run
from run_operator.pipelines.workflow import parse
from run_operator.workloads.fields import WorkloadError
from tests.support.builders import UID, run
from tests.support.workflows import chain, dumped, task, template, workflow

URL = {"parameters": [{"name": "url"}]}
FLOW = parse(dumped(chain()), "demo")
PREPARE, TRAIN = FLOW.steps
KEY = "store://demo/dataitem/table/dataset:1"


def pipeline(**parameters: object):
    return run({"workflow": "hera://demo/p:1", "parameters": parameters}, kind="hera+pipeline:run", name="p")


def test_a_step_is_a_run_of_its_function_that_the_pipeline_owns():
    made = step_run(pipeline(url="x"), TRAIN, FLOW, {"prepare": {"dataset": KEY}})
    metadata = made["metadata"]
    assert (made["kind"], metadata["name"], metadata["namespace"]) == ("Run", "p-2", "ml")
    (owner,) = metadata["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("Run", UID, True)
    assert metadata["labels"]["run-operator.io/pipeline"] == UID
    spec = made["spec"]
    assert (spec["kind"], spec["spec"]["function"]) == ("container+job:run", "container://demo/train:v1")
    assert spec["spec"]["args"] == [f"--data={KEY}"]
    assert spec["metadata"]["relationships"][0] == {
        "type": "step_of", "dest": "store://demo/run/hera+pipeline:run/hello",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "put_in"),
    [("a", "a"), (7, "7"), (True, "true"), ([1], "[1]"), ('"}, "secrets": ["s"]', '"}, "secrets": ["s"]'),
     ("{{workflow.parameters.url}}", "{{workflow.parameters.url}}")],
)  # fmt: skip
def test_a_parameter_is_a_text_and_never_more(given, put_in):
    made = step_run(pipeline(url=given), PREPARE, FLOW, {})
    assert made["spec"]["spec"] == {"function": "container://demo/prepare:v1", "args": [put_in]}


@pytest.mark.parametrize(
    ("parameters", "said"),
    [({}, "url: is missing"), ({"url": "x", "more": 1}, "more: is not a parameter of the workflow; its parameters are url"),
     ({"url": "x" * 20_000}, "url: has more than 16384 characters")],
)  # fmt: skip
def test_parameters_that_do_not_fit_are_named(parameters, said):
    with pytest.raises(WorkloadError, match=said):
        step_run(pipeline(**parameters), PREPARE, FLOW, {})


def test_a_parameter_put_into_very_many_places_is_refused_before_it_takes_the_memory():
    flow = parse(
        dumped(
            workflow([task("a")], template("a", args=["{{workflow.parameters.url}}" * 1000]), arguments=URL)
        ),
        "demo",
    )
    with pytest.raises(WorkloadError, match="a step has more than 524288 characters with its parameters"):
        step_run(pipeline(url="x" * 16_000), flow.steps[0], flow, {})
    twice = task("a", arguments={"di": "{{workflow.parameters.url}}" * 2})
    flow = parse(dumped(workflow([twice], template("a", ("di",)), arguments=URL)), "demo")
    with pytest.raises(WorkloadError, match="input di of step a has more than 16384 characters"):
        step_run(pipeline(url="x" * 16_000), flow.steps[0], flow, {})


def test_no_parameter_chooses_a_field():
    made = filled({"{{workflow.parameters.k}}": "{{workflow.parameters.k}}"}, lambda _: "secrets")
    assert made == {"{{workflow.parameters.k}}": "secrets"}


def test_a_step_goes_into_the_queue_of_its_pipeline_and_has_its_policy():
    one = dataclasses.replace(pipeline(url="x"), labels={"kueue.x-k8s.io/queue-name": "gpus", "mine": "x"})
    made = step_run(one, PREPARE, FLOW, {})
    assert made["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "gpus"
    assert "mine" not in made["metadata"]["labels"]
    assert made["spec"]["runPolicy"]["ttlSecondsAfterFinished"] > 10**8, (
        "a step is there as long as its pipeline"
    )


def test_what_a_step_returned_is_handed_on_by_name():
    status = {"outputs": {"dataset": KEY}, "results": {"rows": 3}}
    assert returned(PREPARE, status) == {"dataset": KEY}
    assert returned(dataclasses.replace(PREPARE, outputs=("rows",)), status) == {"rows": "3"}
    with pytest.raises(
        WorkloadError, match="step prepare has no output model; its outputs are dataset, rows"
    ):
        returned(dataclasses.replace(PREPARE, outputs=("model",)), status)


def test_the_workflow_is_built_from_the_source_and_nothing_that_takes_rights():
    one = run(
        {"source": {"code": "x"}, "secrets": ["s"], "volumes": [{}], "image": "py"},
        kind="hera+pipeline:run",
        name="p",
    )
    made = build_run(one)
    assert (made["metadata"]["name"], made["spec"]["kind"]) == ("p-build", "hera+build:run")
    assert made["spec"]["spec"] == {"source": {"code": "x"}, "image": "py"}
