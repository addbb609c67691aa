"""What a workflow of the platform's hera runtime becomes, and what of Argo Workflows is refused by name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from run_operator.pipelines.workflow import MAX_STEPS, InvalidPipelineError, parse
from tests.support.workflows import TUTORIALS, chain, dumped, task, template, workflow


def read(document: Any):
    return parse(dumped(document), "demo")


def refused(document: Any) -> str:
    with pytest.raises(InvalidPipelineError) as caught:
        read(document)
    assert caught.value.reason == "InvalidPipeline"
    return str(caught.value)


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_the_workflows_of_the_tutorials_are_understood(path):
    found = parse(path.read_bytes(), "demo")
    assert [step.number for step in found.steps] == list(range(1, len(found.steps) + 1))
    titles = {step.name: step.title for step in found.steps}
    shape = {(step.title, step.run_kind): sorted(titles[name] for name in step.after) for step in found.steps}
    assert (
        shape
        == {
            "s1-etl": {
                ("download-data", "python+job:run"): [],
                ("process-spire", "python+job:run"): ["download-data"],
                ("process-measures", "python+job:run"): ["download-data"],
                ("api", "python+serve:run"): ["process-measures"],
            },
            "s2-dbt": {("transform-employees", "python+transform:run"): []},
            "s3-scikit-learn": {
                ("prepare-data", "python+job:run"): [],
                ("train-classifier", "python+job:run"): ["prepare-data"],
            },
            "s4-mlflow": {("train-mlflow-model", "python+job:run"): []},
            "s6-custom-ml-model": {
                ("train-time-series-model", "python+build:run"): [],
                ("serve-time-series-model", "python+build:run"): [],
                ("train-time-series-model", "python+job:run"): [
                    "serve-time-series-model",
                    "train-time-series-model",
                ],
                ("serve-time-series-model", "python+serve:run"): ["train-time-series-model"],
            },
        }[path.stem]
    )


def test_a_step_has_its_function_its_fields_and_what_it_hands_on():
    prepare, train = read(chain()).steps
    assert (str(prepare.function), prepare.outputs) == ("container://demo/prepare:v1", ("dataset",))
    assert dict(train.spec) == {"args": ["--data={{inputs.parameters.di}}"]}
    assert dict(train.inputs) == {"di": "{{tasks.prepare.outputs.parameters.dataset}}"}
    assert read(chain()).parameters == {"url": None}


def test_the_spec_alone_is_what_the_platform_keeps():
    assert read(chain()["spec"]) == read(chain())


def test_a_list_of_steps_goes_group_by_group():
    document = workflow([], *(template(name) for name in "abcd"))
    group = lambda *names: [{"name": name, "template": name} for name in names]  # noqa: E731
    document["spec"]["templates"][0] = {"name": "dag", "steps": [group("a"), group("b", "c"), group("d")]}
    assert {step.name: step.after for step in read(document).steps} == {
        "a": (), "b": ("a",), "c": ("a",), "d": ("b", "c"),
    }  # fmt: skip


def test_parallelism_is_bounded():
    assert [
        read({**chain(), "spec": chain()["spec"] | {"parallelism": n}}).parallel for n in (1, 10, 500)
    ] == [1, 10, 10]


FEATURES = [
    ({"serviceAccountName": "admin"}, "serviceAccountName is a feature of Argo Workflows"),
    ({"volumes": [{"name": "x", "hostPath": {"path": "/"}}]}, "volumes is a feature"),
    (
        {"templateDefaults": {"container": {"securityContext": {"privileged": True}}}},
        "templateDefaults is a feature",
    ),
    ({"podSpecPatch": "{}"}, "podSpecPatch is a feature"),
    ({"hooks": {"exit": {"template": "a"}}}, "hooks is a feature"),
    ({"onExit": "a"}, "onExit is a feature"),
    ({"entrypoint": "other"}, "there is no template 'other'"),
    ({"parallelism": 0}, "must be a whole number of at least 1"),
]


@pytest.mark.parametrize(("spec", "said"), FEATURES, ids=lambda one: str(one)[:40])
def test_what_argo_would_make_pods_of_is_refused(spec, said):
    document = chain()
    document["spec"] |= spec
    assert said in refused(document)


TEMPLATES = [
    ({"resource": {"action": "create", "manifest": "kind: Pod"}, "container": None}, "resource is a feature"),
    ({"script": {"image": "x", "source": "x"}}, "script is a feature"),
    ({"sidecars": [{"name": "x"}]}, "sidecars is a feature"),
    ({"retryStrategy": {"limit": 3}}, "retryStrategy is a feature"),
    ({"container": {"image": "x", "command": ["sh"], "args": ["-c", "id"]}}, "has a container of its own"),
    ({"container": {"image": "x", "securityContext": {"privileged": True}}}, "securityContext is a feature"),
    ({"container": {"image": "x", "env": [{"name": "A", "value": "b"}]}}, "env is a feature"),
]


@pytest.mark.parametrize(("changes", "said"), TEMPLATES, ids=lambda one: str(one)[:40])
def test_a_template_that_is_no_function_is_refused(changes, said):
    document = workflow([task("a")])
    document["spec"]["templates"][1] |= changes
    assert said in refused(document)


TASKS = [
    (task("b", withItems=[1]), "withItems is a feature"),
    (task("b", when="1 == 1"), "when is a feature"),
    (task("b", "a.Failed"), "depends on 'a.Failed'"),
    (task("b", depends="a || b"), "depends on 'a || b'"),
    (task("b", "c"), "depends on c, which is not a step"),
    (task("b", "b"), "depends on itself"),
    (task("a"), "two steps have the same name"),
]


@pytest.mark.parametrize(("second", "said"), TASKS, ids=lambda one: str(one)[:40])
def test_an_order_that_is_not_understood_is_refused(second, said):
    document = workflow([task("a"), second], template("a"), template("b"))
    assert said in refused(document)


CHOSEN: Any = {"{{workflow.parameters.k}}": ["s"]}
STEPS = [
    (template("a", secrets=["x"]), "secrets cannot be set for a step"),
    (template("a", volumes=[{"volume_type": "shared_volume"}]), "volumes cannot be set for a step"),
    (template("a", node_selector={"a": "b"}), "node_selector cannot be set for a step"),
    (template("a", tolerations=[{}]), "tolerations cannot be set for a step"),
    (template("a", affinity={"a": 1}), "affinity cannot be set for a step"),
    (template("a", priority_class="system-node-critical"), "priority_class cannot be set for a step"),
    (template("a", runtime_class="x"), "runtime_class cannot be set for a step"),
    (template("a", service_type="LoadBalancer"), "service_type cannot be set for a step"),
    (template("a", function="hera"), "is a pipeline"),
    (template("a", function="kfp"), "is a pipeline"),
    (template("a", action="job:run"), "is not the kind of a Run"),
    (template("a", action=7), "names no action"),
    (template("a", args=["{{inputs.parameters.x}}"]), "{{inputs.parameters.x}} has no value"),
    (template("a", args=["{{=sprig.env('HOME')}}"]), "has no value"),
    (template("a", inputs=("x",)), "its input x has no value"),
    (
        template("a", **CHOSEN),
        "a placeholder is in the name of the field {{workflow.parameters.k}}",
    ),
    (
        template("a", parameters={"x": [{"{{workflow.parameters.k}}": 1}]}),
        "a placeholder is in the name of the field",
    ),
    (template("a", args=json.loads("[" * 40 + "]" * 40)), "nested more than 32 levels deep"),
    (template("a", args=list(range(10_000))), "have more than 10000 values"),
    (template("a", tuple(f"i{i}" for i in range(101))), "has 101 entries; at most 100 are read"),
]


@pytest.mark.parametrize(("one", "said"), STEPS, ids=lambda one: str(one)[-60:])
def test_a_step_that_asks_for_more_than_a_run_may_is_refused(one, said):
    assert said in refused(workflow([task("a")], one))


def test_a_template_is_read_once_for_any_number_of_steps():
    """A hundred steps of a large one must not take the memory of a hundred."""
    steps = [task(f"a{i}") | {"template": "a"} for i in range(MAX_STEPS)]
    found = read(workflow(steps, template("a", args=["x"] * 5_000)))
    assert len({id(step.spec) for step in found.steps}) == 1


@pytest.mark.timeout(20)
def test_braces_without_end_take_no_time_without_end():
    assert len(read(workflow([task("a")], template("a", args=["{{" * 60_000]))).steps) == 1


def test_a_step_that_waits_for_very_many_is_refused():
    assert "waits for more than 100 steps" in refused(workflow([task("a", *["b"] * 150), task("b")]))


def test_a_function_of_another_project_is_refused():
    with pytest.raises(InvalidPipelineError, match="is of project demo, the pipeline of other"):
        parse(dumped(chain()), "other")


def test_an_output_is_there_only_for_those_that_wait_for_its_step():
    document = chain()
    document["spec"]["templates"][0]["dag"]["tasks"][1].pop("depends")
    assert "{{tasks.prepare.outputs.parameters.dataset}} has no value" in refused(document)


def test_there_are_bounds():
    document = workflow([task(f"s{i}") for i in range(MAX_STEPS + 1)])
    assert f"has {MAX_STEPS + 1} steps" in refused(document)
    assert len(read(workflow([task(f"s{i}") for i in range(MAX_STEPS)])).steps) == MAX_STEPS


@pytest.mark.parametrize("data", [b"", b"[", b"- 1", b"a: b", b"spec: 3", b"\xff", b"entrypoint: x"])
def test_what_is_no_workflow_says_so(data):
    with pytest.raises(InvalidPipelineError):
        parse(data, "demo")
