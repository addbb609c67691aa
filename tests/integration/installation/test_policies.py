"""The ValidatingAdmissionPolicies on a real API server: which rights the author of a Run must hold, and in which words they refuse."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.support.harness import REPOSITORY, run_object, wait_for
from tests.support.policy_cast import OPERATOR, of_pipeline
from tests.support.runtimes import runtime

SHARED = {"volume_type": "shared_volume", "name": "data", "mount_path": "/data"}
USES = [
    ({"secrets": ["DB"]}, "spec.spec.secrets: the author may not get Secret db of namespace"),
    ({"volumes": [SHARED]}, "may neither use PersistentVolumeClaim data"),
    (
        {"volumes": [SHARED | {"spec": {"claimName": "payroll"}}]},
        "may neither use PersistentVolumeClaim payroll",
    ),
    ({"priority_class": "batch"}, "may not use PriorityClass batch"),
    ({"runtime_class": "nvidia"}, "may not use RuntimeClass nvidia"),
    ({"node_selector": {"pool": "gpu"}}, "spec.spec.node_selector: the author may choose no nodes"),
    (
        {"node_selector": [{"key": "pool", "value": "gpu"}]},
        "spec.spec.node_selector: the author may choose no nodes",
    ),
    ({"tolerations": [{"operator": "Exists"}]}, "spec.spec.tolerations: the author may choose no nodes"),
    ({"affinity": {"nodeAffinity": {}}}, "spec.spec.affinity: the author may choose no nodes"),
    ({"service_type": "NodePort"}, "may not make a Service of type NodePort"),
    ({"service_type": "LoadBalancer"}, "may not make a Service of type LoadBalancer"),
]


@pytest.mark.parametrize(("spec", "said"), USES, ids=str)
def test_the_author_of_a_run_must_hold_the_rights_that_it_uses(cast, spec, said):
    document = run_object("x", kind="container+deploy", spec=spec)
    assert said in cast.refusal("runner", document)
    assert cast.refusal("editor", document) == "", "who may edit could make such a pod in any case"


@pytest.mark.parametrize(
    ("kind", "task"),
    [
        ("container+build:run", None),
        ("container+run", "container+build://demo/t"),
        ("container+run", "container+build"),
    ],
)
def test_a_build_changes_no_function_that_its_author_may_not_change(cast, kind, task):
    """With the image, every later Run of the Function would be the author's, with the Function's Secrets."""
    document = run_object("x", kind="container+build", spec={"function": "container://demo/f", "image": None})
    document["spec"]["kind"] = kind
    if task:
        document["spec"]["spec"]["task"] = task
    assert "may not update Functions" in cast.refusal("starter", document)
    assert cast.refusal("runner", document) == ""
    del document["spec"]["spec"]["function"]
    assert cast.refusal("starter", document) == "", "an image alone is nobody else's matter"


def test_a_build_puts_no_image_into_a_function_with_secrets(cast, person):
    """Its author may be allowed to update Functions and not to read these Secrets; the operator would do it for them."""
    image = json.dumps([{"op": "add", "path": "/spec/spec/image", "value": "mine"}])
    for name, more, said in (("plain", {}, ""), ("secret", {"secrets": ["db"]}, "may not get Secret db")):
        function = {
            "kind": "container",
            "project": "demo",
            "id": name,
            "name": name,
            "spec": {"image": "x", **more},
        }
        person.apply(
            {
                "apiVersion": "run-operator.io/v1alpha1",
                "kind": "Function",
                "metadata": {"name": name},
                "spec": function,
            }
        )
        done = person.kubectl(
            "patch",
            "function",
            name,
            "--type=json",
            "-p",
            image,
            "--dry-run=server",
            f"--as={OPERATOR}",
            check=False,
        )
        assert said in done.stderr
        assert bool(done.returncode) == bool(said)


def test_system_priorities_take_a_right_that_edit_does_not_give(cast):
    document = run_object("x", spec={"priority_class": "system-node-critical"})
    assert "may not use PriorityClass system-node-critical" in cast.refusal("editor", document)


@pytest.mark.parametrize("kind", ["Function", "Task"])
def test_what_runs_refer_to_is_held_to_the_same(cast, kind):
    document = {
        "apiVersion": "run-operator.io/v1alpha1", "kind": kind, "metadata": {"name": "f"},
        "spec": {"kind": "container", "project": "demo", "id": "f", "name": "f", "spec": {"image": "x", "secrets": ["db"]}},
    }  # fmt: skip
    if kind == "Task":
        document["spec"] |= {
            "kind": "container+job",
            "spec": {"function": "container://demo/f:f", "secrets": ["db"]},
        }
    assert "may not get Secret db" in cast.refusal("runner", document)
    assert cast.refusal("named", document) == ""


def test_plain_runs_need_no_more_than_the_right_to_create_runs(cast):
    claim = {"volume_type": "persistent_volume_claim", "name": "data", "mount_path": "/data"}
    for spec in (
        {},
        {"secrets": None, "volumes": None, "node_selector": None},
        {"secrets": [], "volumes": [claim]},
    ):
        assert cast.refusal("runner", run_object("x", spec=spec)) == ""
    assert (
        cast.refusal("runner", run_object("x", kind="container+deploy", spec={"service_type": "ClusterIP"}))
        == ""
    )


def test_who_may_do_nothing_but_runs_runs_programs_and_reads_no_secret(cast, person, tmp_path):
    other = person.somebody(tmp_path / "kubeconfig", "run-operator-runs-only")
    other.apply_run("mine")
    assert "may not get Secret db" in other.kubectl(
        "create", "-f", "-", stdin=json.dumps(run_object("x", spec={"secrets": ["db"]})), check=False
    ).stderr  # fmt: skip
    for what in (
        "get secrets",
        "create pods",
        "create jobs",
        "get configmaps",
        "create functions",
        "patch runs.run-operator.io --subresource=status",
    ):
        assert other.kubectl("auth", "can-i", *what.split(), check=False).stdout.strip() == "no", what


def test_a_right_for_one_secret_or_claim_is_enough_for_that_one(cast):
    mine = {"secrets": ["db"], "volumes": [SHARED]}
    assert cast.refusal("named", run_object("x", spec=mine)) == ""
    assert "may not get Secret other" in cast.refusal(
        "named", run_object("x", spec=mine | {"secrets": ["db", "other"]})
    )
    others = [SHARED, SHARED | {"name": "b", "mount_path": "/b"}]
    assert "PersistentVolumeClaim b" in cast.refusal("named", run_object("x", spec={"volumes": others}))


@pytest.mark.parametrize("number", [8, 9, 30])
def test_many_secrets_are_within_what_the_api_server_lets_a_policy_cost(cast, number):
    document = run_object("x", spec={"secrets": [f"s{i}" for i in range(number)]})
    assert cast.refusal("editor", document) == ""
    assert "may not get Secret s0" in cast.refusal("runner", document)
    more = run_object("x", spec={"secrets": ["db"] * 8 + ["other"]})
    assert "more than 8 Secrets need the right" in cast.refusal("named", more)


def test_who_stops_or_labels_a_run_needs_no_rights_that_it_uses(cast, person):
    document = run_object("x", suspend=True, spec={"secrets": ["db"]})
    person.apply(document)
    for patch in (
        {"spec": {"suspend": False}},
        {"metadata": {"labels": {"a": "b"}}},
    ):
        person.kubectl(
            "patch",
            "run",
            "x",
            "--type=merge",
            "-p",
            json.dumps(patch),
            "--dry-run=server",
            f"--as={cast.account('runner')}",
        )
    stopped = json.dumps({"status": {"state": "STOPPED"}})
    person.kubectl(
        "patch", "run", "x", "--subresource=status", "--type=merge", "-p", stopped, f"--as={OPERATOR}"
    )
    edit = {"spec": {"spec": {"command": "env"}}}
    done = person.kubectl(
        "patch",
        "run",
        "x",
        "--type=merge",
        "-p",
        json.dumps(edit),
        "--dry-run=server",
        f"--as={cast.account('runner')}",
        check=False,
    )
    assert "may not get Secret db" in done.stderr, "another program would read the Secret"


def test_profiles_are_written_by_who_may_make_such_pods(cast):
    document = {
        "apiVersion": "v1", "kind": "ConfigMap", "data": {"gpu": "priority_class: system-node-critical"},
        "metadata": {"name": "profiles", "labels": {"run-operator.io/profiles": "true"}},
    }  # fmt: skip
    assert "takes the right to create Jobs" in cast.refusal("writer", document)
    assert cast.refusal("editor", document) == ""
    del document["metadata"]["labels"]
    assert cast.refusal("writer", document) == ""


SERVICES, CLAIMS = "takes the right to create Services", "takes the right to update PersistentVolumeClaims"
GIVEN = [
    ("service_type: NodePort", SERVICES),
    ('? "service_type"\n: !!str LoadBalancer', SERVICES),
    ('"service\\x5ftype": LoadBalancer', SERVICES),
    ('{"service\\u005ftype": "LoadBalancer"}', SERVICES),
    ("volumes: [{volume_type: shared_volume, name: payroll, mount_path: /p}]", CLAIMS),
    ('"v\\x6flumes": []', "with a backslash"),
    ("replicas: 3\nnode_selector: [{key: pool, value: gpu}]", ""),
]


@pytest.mark.parametrize(("text", "said"), GIVEN)
def test_a_profile_gives_no_service_type_and_no_claim_that_its_writer_could_not(cast, text, said):
    """A Run that names a profile takes what it says, whatever the Run's author may."""
    document = {
        "apiVersion": "v1", "kind": "ConfigMap", "data": {"first": "replicas: 1", "gpu": text},
        "metadata": {"name": "profiles", "labels": {"run-operator.io/profiles": "true"}},
    }  # fmt: skip
    refusal = cast.refusal("maker", document)
    assert said in refusal
    assert bool(refusal) == bool(said)
    assert cast.refusal("editor", document) == ""


def test_the_largest_profile_is_within_what_the_api_server_lets_a_policy_cost(cast):
    document = {
        "apiVersion": "v1", "kind": "ConfigMap", "data": {f"p{i}": "x" * 1000 for i in range(1000)},
        "metadata": {"name": "profiles", "labels": {"run-operator.io/profiles": "true"}},
    }  # fmt: skip
    assert cast.refusal("maker", document) == ""


def test_runtimes_are_written_by_who_may_make_what_they_make(cast, person):
    document = runtime(namespace=person.namespace)
    document["metadata"] = {"name": "echo"}
    assert "takes the right to create Jobs" in cast.refusal("writer", document)
    assert cast.refusal("editor", document) == ""
    document["spec"]["document"]["spec"]["secrets"] = ["db"]
    assert "takes the right to get Secrets" in cast.refusal("maker", document)
    assert cast.refusal("editor", document) == ""
    del document["spec"]["document"]["spec"]["secrets"]
    document["spec"]["fields"]["secrets"] = {"type": "list", "asIs": True, "default": ["db"]}
    assert "takes the right to get Secrets" in cast.refusal("maker", document), "the default of a field"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [("service_type", "${'Node' + 'Port'}", SERVICES), ("volumes", [SHARED], CLAIMS)],
)
def test_a_runtime_gives_no_service_type_and_no_claim_that_its_writer_could_not(
    cast, person, name, value, said
):
    document = runtime(namespace=person.namespace)
    document["metadata"] = {"name": "echo"}
    assert cast.refusal("maker", document) == ""
    document["spec"]["document"]["spec"][name] = value
    assert said in cast.refusal("maker", document)
    assert cast.refusal("editor", document) == ""
    del document["spec"]["document"]["spec"][name]
    document["spec"]["fields"][name] = {"type": "any", "default": value}
    assert said in cast.refusal("maker", document), "the default of a field"


@pytest.fixture
def kubeai(installed) -> Iterator[None]:
    """The ClusterRuntime whose Runs become Models of KubeAI, which the operator makes with its own rights."""
    file = str(REPOSITORY / "manifests" / "runtimes" / "kubeai.yaml")
    installed.kubectl("apply", "-f", file)
    yield
    installed.kubectl("delete", "-f", file)


def test_the_operators_right_to_make_models_of_kubeai_is_lent_to_nobody(cast, kubeai):
    """A Model mounts the claim in its url."""
    model = {"url": "pvc://payroll", "task": None, "image": None}
    run = run_object("x", kind="kubeai-text+serve", spec=model)
    earlier = run_object("x", kind="kubeai-text+serve", spec=model | {"task": "kubeai-text+serve://demo/t"})
    earlier["spec"]["kind"] = "kubeai-text+run"
    function = {
        "apiVersion": "run-operator.io/v1alpha1", "kind": "Function", "metadata": {"name": "f"},
        "spec": {"kind": "kubeai-speech", "project": "demo", "id": "f", "name": "f", "spec": {"url": "pvc://payroll"}},
    }  # fmt: skip
    wait_for("the policy", lambda: "takes the right to create models" in cast.refusal("runner", run))
    for document in (run, function, earlier):
        assert "spec.spec.url: the Model of KubeAI that is made takes the right" in cast.refusal(
            "runner", document
        )
        for name in ("editor", "modeller"):
            assert cast.refusal(name, document) == "", name
    lent = run_object(
        "x", kind="kubeai-text+serve", spec={"function": "kubeai-text://demo/f", "task": None, "image": None}
    )
    assert cast.refusal("runner", lent) == "", "its Function was checked when it was written"
    assert "spec.spec.url cannot be set for a step" in cast.refusal(
        "operator", of_pipeline(run, cast.namespace)
    )
    assert cast.refusal("operator", of_pipeline(lent, cast.namespace)) == ""
    assert cast.refusal("runner", run_object("y")) == "", "Runs of other kinds"
