"""What the API server itself says: defaults, refusals with words that help, columns, explain."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.support.harness import EXPORTS, Person, run_object

ROOT: Final = Path(__file__).parents[2]


def refused(person: Person, document: dict) -> str:
    done = person.kubectl("apply", "-f", "-", stdin=json.dumps(document), check=False)
    assert done.returncode, "it was accepted"
    return done.stderr


def changed(document: dict, **spec: object) -> dict:
    return document | {"spec": document["spec"] | spec}


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"kind": "job"}, "a Run's kind is <runtime>+<action>:run"),
        ({"project": "a b"}, "a project is made of letters"),
        ({"id": "a/b"}, "an id is made of letters"),
        ({"suspended": True}, 'unknown field "spec.suspended"'),
        ({"runPolicy": {"backoffLimit": -1}}, "should be greater than or equal to 0"),
        ({"kind": "container+run", "spec": {"image": "x"}}, "needs spec.spec.task"),
        ({"runPolicy": {"metrics": {"statusBudget": "513Ki"}}}, "from 1Ki to 512Ki"),
        ({"runPolicy": {"metrics": {"statusBudget": 1023}}}, "from 1Ki to 512Ki"),
        ({"runPolicy": {"metrics": {"statusBudget": "64Mi"}}}, "from 1Ki to 512Ki"),
        ({"runPolicy": {"metrics": {"statusBudget": "much"}}}, "from 1Ki to 512Ki"),
        ({"runPolicy": {"metrics": {"onLimit": "Explode"}}}, "Unsupported value"),
        ({"id": 12345678}, 'must be of type string: "integer"'),
    ],
)
def test_what_is_refused_at_apply(person, spec, said):
    assert said in refused(person, changed(run_object("x"), **spec))


@pytest.mark.parametrize(
    "odd", ["\a", "\x1b[2J", "\n", "\x9b2J", "\N{RIGHT-TO-LEFT OVERRIDE}", "\N{LINE SEPARATOR}"], ids=ascii
)
def test_no_text_that_a_column_shows_has_what_terminals_obey(person, odd):
    named = changed(run_object("x", suspend=True), metadata={"name": f"evil{odd}"})
    assert "the name has a control character" in refused(person, named)
    document = {
        "project": "p",
        "id": "a",
        "name": "a",
        "spec": {"path": "s3://a"},
        "status": {"state": "READY"},
    }
    entity = {"apiVersion": "run-operator.io/v1alpha1", "metadata": {"name": "a"}}
    for kind in ("Artifact", "DataItem", "Model", "ContainerImage"):
        one = entity | {"kind": kind, "spec": document | {"kind": kind.lower()}}
        assert "the state has a control character" in refused(person, changed(one, status={"state": odd}))
        if kind != "ContainerImage":
            assert "the path has a control character" in refused(person, changed(one, spec={"path": odd}))
    task = entity | {
        "kind": "Task",
        "spec": document | {"kind": "container+job", "spec": {"function": f"container://p/f{odd}"}},
    }
    assert "the reference has a control character" in refused(person, task)
    assert "the name has a control character" in refused(person, changed(task, name=odd))


def test_a_name_of_any_language_is_shown(person):
    name = "Modèle 训练 می‌خواهم 👩‍🔬"
    person.apply(changed(run_object("x", suspend=True), metadata={"name": name}))
    assert name in person.kubectl("get", "runs", "-o", "wide").stdout


IMAGE = {"image": "busybox"}


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"task": "train"}, 'spec.spec.task: Invalid value: "train": a task is <runtime>+<action>://'),
        ({"image": "busybox latest"}, "spec.spec.image: Invalid value"),
        ({"image_pull_policy": "always"}, "image_pull_policy is one of Always, IfNotPresent, Never"),
        ({"command": ["sh", "-c"]}, 'spec.spec.command in body must be of type string: "array"'),
        ({"args": "train.py"}, 'spec.spec.args in body must be of type array: "string"'),
        ({"args": [1]}, 'spec.spec.args[0] in body must be of type string: "integer"'),
        ({"envs": [{"name": "LR", "value": 0.1}]}, 'envs[0].value in body must be of type string: "number"'),
        ({"envs": [{"value": "x"}]}, "spec.spec.envs[0].name: Required value"),
        ({"envs": {"LR": "0.1"}}, 'unknown field "spec.spec.envs.LR"'),
        ({"resources": {"mem": "2 GB"}}, "spec.spec.resources.mem in body should match"),
        ({"volumes": [{"volume_type": "pvc", "name": "a", "mount_path": "/a"}]}, "volume_type is one of"),
        ({"volumes": [{"volume_type": "ephemeral", "name": "a"}]}, "volumes[0].mount_path: Required value"),
        ({"volumes": [{"volume_type": "ephemeral", "name": "A_b", "mount_path": "/a"}]}, "volumes[0].name"),
        (
            {"volumes": [{"volume_type": "ephemeral", "name": "a", "mount_path": "a"}]},
            "mount_path is an absolute path below /",
        ),
        (
            {
                "volumes": [
                    {"volume_type": "empty_dir", "name": "a", "mount_path": "/a", "spec": {"medium": "ram"}}
                ]
            },
            "medium is Memory, or left out",
        ),
        ({"secrets": "minio"}, 'spec.spec.secrets in body must be of type array: "string"'),
        ({"source": "train.py"}, 'spec.spec.source in body must be of type object: "string"'),
        (
            {"service_ports": [{"port": "80"}]},
            'service_ports[0].port in body must be of type integer: "string"',
        ),
        ({"service_ports": [{"port": 70000}]}, "should be less than or equal to 65535"),
        ({"service_type": "External"}, "service_type is one of ClusterIP, NodePort, LoadBalancer"),
        ({"service_name": "My_Service"}, "spec.spec.service_name: Invalid value"),
        ({"replicas": "2"}, 'spec.spec.replicas in body must be of type integer: "string"'),
        ({"run_as_user": 0}, "root is not allowed"),
    ],
    ids=str,
)
def test_what_of_the_inner_spec_is_refused_at_apply(person, spec, said):
    assert said in refused(person, changed(run_object("x"), spec=IMAGE | spec))


def test_all_wrong_values_are_refused_at_once(person):
    spec = {"image": "a b", "run_as_user": 0, "resources": {"cpu": "much"}, "service_type": "x"}
    text = refused(person, changed(run_object("x"), spec=spec))
    assert all(
        f"spec.spec.{field}" in text for field in ("image", "run_as_user", "resources.cpu", "service_type")
    )


def test_a_document_written_by_hand_needs_an_image_alone(person):
    person.apply(
        {
            "apiVersion": "run-operator.io/v1alpha1",
            "kind": "Run",
            "metadata": {"name": "hand"},
            "spec": {"kind": "container+job:run", "suspend": True, "spec": IMAGE},
        }
    )
    for field in ("project", "id"):
        other = person.patch_run("hand", {"spec": {field: "other"}}).stderr
        assert f"spec.{field} cannot be" in other
    assert person.patch_run("hand", {"spec": {"id": "hand"}}).returncode == 0


def test_every_example_of_the_schema_is_taken(person):
    (version,) = yaml.safe_load((ROOT / "crds" / "runs.yaml").read_text())["spec"]["versions"]
    spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["spec"]["properties"]
    examples = {name: field["example"] for name, field in spec.items() if "example" in field}
    assert "volumes" in examples
    person.apply(changed(run_object("examples"), spec=examples, suspend=True))


@pytest.mark.parametrize(
    "spec",
    [
        {"inputs": [{"name": "x", "shape": [1]}], "outputs": [{"name": "y"}]},
        {"inputs": {"x": "store://p/artifact/x"}, "parameters": {"a": {"b": [None, True]}}},
        {
            "resources": {"cpu": {"requests": "1", "limits": "2"}},
            "node_selector": [{"key": "a", "value": "b"}],
        },
        {"resources": {"cpu": 0.5, "mem": "", "gpu": 0}, "node_selector": {"a": "b"}},
        {
            "env": {"A": "b"},
            "files": [{"path": "/x"}],
            "scaling": {"replicas": 2},
            "fab_source": {"source": "x"},
        },
        {
            "image": None,
            "command": None,
            "args": None,
            "envs": None,
            "volumes": None,
            "source": None,
            "replicas": None,
        },
        {
            "image": "",
            "command": "",
            "service_type": "",
            "service_name": "",
            "image_pull_policy": "",
            "source": {},
        },
        {"volumes": [{"volume_type": "config_map", "name": "old", "mount_path": "/x"}]},
    ],
    ids=str,
)
def test_shapes_of_other_kinds_and_ages_are_taken(person, spec):
    person.apply(changed(run_object("x"), spec=spec, suspend=True))


def test_a_name_that_cannot_be_used_for_a_job_is_refused(person):
    assert "use at most 63 of a-z" in refused(person, run_object("a.b"))


def test_defaults(person):
    person.apply_run("defaults", suspend=True)
    policy = person.get("run", "defaults")["spec"]["runPolicy"]
    assert policy == {
        "backoffLimit": 0,
        "deadlinePolicy": "Cumulative",
        "maxInterruptions": 100,
        "terminationGracePeriodSeconds": 30,
        "podTerminationTimeoutSeconds": 300,
    }
    assert person.status("defaults")["state"] in ("CREATED", "STOPPED")


@pytest.mark.parametrize("field", ["kind", "project", "id"])
def test_identity_cannot_be_changed(person, field):
    person.apply_run("fixed", suspend=True)
    other = {"kind": "container+serve:run", "project": "other", "id": "other"}[field]
    assert f"spec.{field} cannot be changed" in person.patch_run("fixed", {"spec": {field: other}}).stderr


def test_the_inner_spec_is_fixed_while_the_run_runs_and_free_while_it_is_stopped(operator, person):
    person.apply_run("busy")
    person.becomes("busy", "RUNNING")
    patch = {"spec": {"spec": {"image": "other"}}}
    assert "only while the Run is STOPPED" in person.patch_run("busy", patch).stderr
    assert (
        "only while the Run is STOPPED"
        in person.patch_run("busy", {"spec": {"runPolicy": {"backoffLimit": 3}}}).stderr
    )
    person.apply_run("idle", suspend=True)
    person.becomes("idle", "STOPPED")
    assert person.patch_run("idle", patch).returncode == 0


def test_what_may_change_at_any_time(operator, person):
    person.apply_run("free")
    person.becomes("free", "RUNNING")
    for spec in (
        {"metadata": {"labels": ["x"]}},
        {"runPolicy": {"ttlSecondsAfterFinished": 9}},
        {"runPolicy": {"metrics": {"statusBudget": 2048}}},
        {"runPolicy": {"metrics": {"statusBudget": "512Ki", "onLimit": "Fail"}}},
    ):
        assert person.patch_run("free", {"spec": spec}).returncode == 0


def test_explain_helps(person):
    text = person.kubectl("explain", "run.spec.runPolicy").stdout
    assert "How often a failed program is started again" in text
    assert "Seconds after the end" in text
    text = person.kubectl("explain", "run.spec.spec.volumes").stdout
    assert "an existing claim" in text
    assert "an absolute path below /" in text


def test_columns(person):
    person.apply_run("shown", suspend=True)
    head = person.kubectl("get", "runs", "-o", "wide").stdout.splitlines()[0].split()
    assert head == [
        "NAME",
        "STATE",
        "REASON",
        "ATTEMPT",
        "AGE",
        "SUMMARY",
        "RUN-NAME",
        "PROJECT",
        "KIND",
        "MESSAGE",
    ]
    assert "shown" in person.kubectl("get", "runs", "--field-selector", "spec.project=demo").stdout


@pytest.mark.parametrize("path", sorted(EXPORTS.glob("*.yaml")), ids=lambda p: p.stem)
def test_every_export_is_taken_and_its_strings_stay_strings(person, path):
    from run_operator.api.exported import manifest  # noqa: PLC0415 - this test only
    from run_operator.document.entity import load  # noqa: PLC0415 - this test only
    from run_operator.document.kinds import EntityType  # noqa: PLC0415 - this test only
    from run_operator.document.yaml_writer import write  # noqa: PLC0415 - this test only

    entity = load(path.read_bytes())
    made = manifest(entity, suspend=entity.type is EntityType.RUN)
    person.kubectl("apply", "-f", "-", stdin=write(made))
    stored = person.get(made["kind"], made["metadata"]["name"])["spec"]
    stored.pop("runPolicy", None)
    assert stored == without_nulls(made["spec"])


FUNCTION = {
    "apiVersion": "run-operator.io/v1alpha1",
    "kind": "Function",
    "metadata": {"name": "v1"},
    "spec": {"kind": "container", "project": "demo", "name": "hello", "id": "v1", "spec": {"image": "x"}},
}
TASK = {
    "apiVersion": "run-operator.io/v1alpha1",
    "kind": "Task",
    "metadata": {"name": "t"},
    "spec": {
        "kind": "container+job",
        "project": "demo",
        "id": "t",
        "spec": {"function": "container://demo/hello"},
    },
}


@pytest.mark.parametrize(
    ("document", "spec", "said"),
    [
        (FUNCTION, {"kind": "container+job"}, "a Function's kind is its runtime"),
        (FUNCTION, {"name": None}, "spec.name: Required value"),
        (FUNCTION, {"name": "a/b"}, "a name is made of letters"),
        (FUNCTION, {"image": "x"}, 'unknown field "spec.image"'),
        (TASK, {"kind": "container"}, "a Task's kind is <runtime>+<action>"),
        (TASK, {"project": "a b"}, "a project is made of letters"),
        (TASK, {"spec": {"function": 7}}, 'must be of type string: "integer"'),
    ],
)
def test_functions_and_tasks_of_another_shape_are_refused(person, document, spec, said):
    assert said in refused(person, changed(document, **spec))


def test_what_runs_refer_to_keeps_its_identity_and_may_change_otherwise(person):
    person.apply([FUNCTION, TASK])
    for document, fields in (
        (FUNCTION, ("kind", "project", "name", "id")),
        (TASK, ("kind", "project", "id")),
    ):
        for field in fields:
            other = {"kind": document["spec"]["kind"].replace("container", "python")}.get(field, "other")
            assert f"spec.{field} cannot be changed" in refused(person, changed(document, **{field: other}))
        person.apply(changed(document, spec={"function": "container://demo/bye"}))


def test_columns_of_functions_and_tasks(person):
    person.apply([FUNCTION, TASK])
    head, line = person.kubectl("get", "functions").stdout.splitlines()
    assert head.split() == ["NAME", "PROJECT", "KIND", "NAME", "AGE"]
    assert line.split()[:4] == ["v1", "demo", "container", "hello"]
    wide = person.kubectl("get", "tasks", "-o", "wide").stdout
    assert "container://demo/hello" in wide
    assert "v1" in person.kubectl("get", "functions", "--field-selector", "spec.name=hello").stdout
    assert "affect" in person.kubectl("explain", "function.spec.spec").stdout


def without_nulls(value: Any) -> Any:
    """kubectl leaves nulls inside maps out; everything else must arrive as it was written."""
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [without_nulls(inner) for inner in value] if isinstance(value, list) else value
