"""The ValidatingAdmissionPolicies on a real API server: which rights the author of a Run must hold, and in which words they refuse."""

from __future__ import annotations

import json

import pytest

from tests.support.harness import run_object
from tests.support.policy_cast import OPERATOR
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
    [("container+build:run", None), ("container+run", "container+build://demo/t")],
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


def test_runtimes_are_written_by_who_may_make_what_they_make(cast, person):
    document = runtime(namespace=person.namespace)
    document["metadata"] = {"name": "echo"}
    assert "takes the right to create Jobs" in cast.refusal("writer", document)
    assert cast.refusal("editor", document) == ""
    document["spec"]["document"]["spec"]["secrets"] = ["db"]
    assert "takes the right to get Secrets" in cast.refusal("maker", document)
    assert cast.refusal("editor", document) == ""


def status_patch(person: Person, account: str, status: dict[str, Any]) -> str:
    done = person.kubectl(
        "patch", "run", "x", "--subresource=status", "--type=merge", "-p", json.dumps({"status": status}), "--dry-run=server", f"--as={account}", check=False
    )  # fmt: skip
    return done.stderr if done.returncode else ""


def test_only_the_operator_says_what_became_of_a_run(cast, person):
    person.apply(run_object("x", suspend=True))
    forged = {"state": "STOPPED", "attempt": 41}
    assert status_patch(person, OPERATOR, forged) == ""
    for name in ("logger", "editor"):
        assert status_patch(person, cast.account(name), forged), name
    assert "only the operator writes the status" in status_patch(person, cast.account("logger"), forged)
    resolved = {"resolved": {"function": {"reference": "f", "spec": {"image": "evil"}}}}
    assert "only the operator writes the status" in status_patch(person, cast.account("logger"), resolved)
    condition = {"type": "Complete", "status": "True", "reason": "Completed", "message": "it was I"}
    forged_end = {"conditions": [condition | {"lastTransitionTime": "2026-01-01T00:00:00Z"}]}
    assert "only the operator writes the status" in status_patch(person, cast.account("logger"), forged_end)
    assert "logged by a MetricBatch" in status_patch(
        person, cast.account("logger"), {"metrics": {"loss": [1]}}
    )
    everything = person.kubectl(
        "patch",
        "run",
        "x",
        "--subresource=status",
        "--type=merge",
        "-p",
        json.dumps({"status": forged}),
        "--dry-run=server",
        check=False,
    )
    assert "only the operator writes the status" in everything.stderr, "not an administrator either"


def test_only_the_operator_keeps_logs(cast):
    document = {
        "apiVersion": "run-operator.io/v1alpha1",
        "kind": "RunLog",
        "metadata": {"name": "l"},
        "run": "x",
        "attempt": 1,
        "pod": "p",
        "container": "main",
        "data": "YQ==",
    }
    done = cast.admin.kubectl(
        "create", "-f", "-", "--dry-run=server", "--validate=false", stdin=json.dumps(document), check=False
    )
    assert "only the operator writes RunLogs" in done.stderr


def changed(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    made = copy.deepcopy(document)
    *way, last = path.split(".")
    place: Any = made
    for step in way:
        place = place[int(step)] if step.isdecimal() else place.setdefault(step, {})
    if last == "+":
        place.append(value)
    elif value is None:
        del place[last]
    else:
        place[last] = value
    return made


POD = "spec.template.spec"
MAIN = f"{POD}.containers.0"
SMUGGLED = [
    ("metadata.ownerReferences", None, "only what a Run owns"),
    (f"{POD}.hostNetwork", True, "namespaces of the node"),
    (f"{POD}.hostPID", True, "namespaces of the node"),
    (f"{POD}.hostIPC", True, "namespaces of the node"),
    (f"{POD}.serviceAccountName", "admin", "ServiceAccount or its token"),
    (f"{POD}.automountServiceAccountToken", True, "ServiceAccount or its token"),
    (f"{POD}.automountServiceAccountToken", None, "ServiceAccount or its token"),
    (f"{POD}.volumes.+", {"name": "a", "hostPath": {"path": "/"}}, "no other volumes"),
    (f"{POD}.volumes.+", {"name": "a", "secret": {"secretName": "b"}}, "no other volumes"),
    (
        f"{POD}.volumes.+",
        {"name": "a", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
        "no other volumes",
    ),
    (f"{POD}.securityContext.runAsNonRoot", False, "as root"),
    (f"{POD}.securityContext.runAsUser", 0, "as root"),
    (f"{POD}.securityContext.seccompProfile.type", "Unconfined", "seccomp profile"),
    (f"{POD}.securityContext.sysctls", [{"name": "kernel.msgmax", "value": "1"}], "seccomp profile"),
    (f"{MAIN}.securityContext.allowPrivilegeEscalation", True, "privileges"),
    (f"{MAIN}.securityContext.capabilities.add", ["SYS_ADMIN"], "privileges"),
    (f"{MAIN}.securityContext.runAsUser", 0, "privileges"),
    (f"{MAIN}.securityContext.seccompProfile", {"type": "Unconfined"}, "without a seccomp profile"),
    (f"{MAIN}.securityContext", None, "privileges"),
    (f"{MAIN}.ports", [{"containerPort": 80, "hostPort": 80}], "privileges"),
    (f"{POD}.initContainers", [{"name": "i", "image": "x"}], "privileges"),
]


@pytest.mark.parametrize(("path", "value", "said"), SMUGGLED, ids=str)
def test_the_operators_account_makes_nothing_but_restricted_children_of_runs(cast, person, path, value, said):
    document = job(person)
    assert cast.refusal("operator", document) == ""
    assert said in cast.refusal("operator", changed(document, path, value))


def step(person: Person, **spec: Any) -> dict[str, Any]:
    document = run_object("p-1", spec=spec)
    owner = {
        "apiVersion": "run-operator.io/v1alpha1",
        "kind": "Run",
        "name": "p",
        "uid": "0b4d3c1e",
        "controller": True,
    }
    document["metadata"] |= {"namespace": person.namespace, "ownerReferences": [owner]}
    return document


def test_the_operator_alone_makes_a_run_a_step_of_another(cast, person):
    assert cast.refusal("operator", step(person)) == ""
    for name in ("runner", "editor"):
        assert "only the operator makes a Run a step of another one" in cast.refusal(name, step(person))
    mine = step(person)
    del mine["metadata"]["ownerReferences"]
    assert cast.refusal("runner", mine) == ""
    person.apply(mine)
    assert "only the operator makes a Run a step" in cast.refusal("editor", step(person), "apply")


def test_the_operators_account_makes_steps_and_changes_no_document(cast, person):
    alone = step(person)
    del alone["metadata"]["ownerReferences"]
    assert "the operator makes no Runs but the steps of pipelines" in cast.refusal("operator", alone)
    assert "the author may not get Secret db" in cast.refusal("operator", step(person, secrets=["db"]))
    # The operator may make Jobs and Services; the author of the pipeline perhaps not.
    for field, value in (
        ("tolerations", [{"operator": "Exists"}]),
        ("service_type", "LoadBalancer"),
        ("volumes", []),
    ):
        said = cast.refusal("operator", step(person, **{field: value}))
        assert f"spec.spec.{field} cannot be set by a step" in said
    person.apply_run("theirs", suspend=True)
    stopped = json.dumps({"status": {"state": "STOPPED"}})
    person.kubectl(
        "patch", "run", "theirs", "--subresource=status", "--type=merge", "-p", stopped, f"--as={OPERATOR}"
    )
    other = json.dumps({"spec": {"spec": {"command": "id"}}})
    stop = json.dumps({"spec": {"suspend": False}})
    for patch, answer in ((stop, ""), (other, "the operator does not change the document of a Run")):
        done = person.kubectl(
            "patch", "run", "theirs", "--type=merge", "-p", patch, "--dry-run=server", f"--as={OPERATOR}", check=False,
        )  # fmt: skip
        assert answer in done.stderr
        assert bool(answer) == bool(done.returncode)


@pytest.mark.parametrize("kind", sorted(kind for kind, one in SUPPORTED.items() if one.child_kind != STEPS))
def test_what_the_operator_makes_is_allowed(cast, person, kind):
    volumes = [
        {"volume_type": volume, "name": volume.replace("_", "-"), "mount_path": f"/{volume}"}
        for volume in ("persistent_volume_claim", "empty_dir", "ephemeral")
    ]
    source = {"source": "a.py", "code": "def run(): pass", "handler": "a:run"}
    spec = {
        "volumes": volumes,
        "source": source,
        "base_image": "b",
        "secrets": ["a"],
        "resources": {"disk": "1Gi"},
    }
    if SUPPORTED[kind].child_kind == "Deployment":
        spec["service_ports"] = [{"port": 80}]
    raw = run_object("owner", kind=kind, spec=spec)
    raw["metadata"] |= {"namespace": person.namespace, "uid": "0b4d3c1e-7a55-4f8e-9d55-3f5a3f0e5a11"}
    building = ImageBuilding(
        "r", push_secret="a", base_secret="b", seccomp_profile="Localhost/a.json", user_namespace=True
    )
    options = Options(ingest_url="https://x:1", pod_api_url="https://x:1", building=building)
    made = build(Run.from_object(raw), 1, options)
    for document in (made.child, *made.needs, *([made.service] if made.service else [])):
        assert cast.refusal("operator", dict(document)) == ""


@pytest.mark.parametrize("namespace", ["kube-system", "kube-public"])
def test_the_operators_account_changes_nothing_in_the_namespaces_of_kubernetes(cast, person, namespace):
    document = job(person)
    document["metadata"]["namespace"] = namespace
    done = person.kubectl(
        "-n",
        namespace,
        "create",
        "-f",
        "-",
        "--dry-run=server",
        f"--as={OPERATOR}",
        stdin=json.dumps(document),
        check=False,
    )
    assert f"the operator changes nothing in namespace {namespace}" in done.stderr


def test_the_operators_account_takes_over_nothing_that_others_made(cast, person):
    document = job(person)
    document["metadata"] = {"name": "theirs", "namespace": person.namespace}
    person.apply(document)
    adopted = {"metadata": {"ownerReferences": job(person)["metadata"]["ownerReferences"]}}
    for patch in (adopted, {"spec": {"suspend": True}}):
        done = person.kubectl(
            "patch",
            "job",
            "theirs",
            "--type=merge",
            "-p",
            json.dumps(patch),
            "--dry-run=server",
            f"--as={OPERATOR}",
            check=False,
        )
        assert "only what a Run owns: jobs theirs" in done.stderr
    done = person.kubectl("delete", "job", "theirs", "--dry-run=server", f"--as={OPERATOR}", check=False)
    assert "only what a Run owns: jobs theirs" in done.stderr
    mine = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs"}, "data": {"a": "b"}}
    assert "only what a Run owns: configmaps theirs" in cast.refusal("operator", mine)
    mine["metadata"]["name"] = "run-operator-metrics"
    assert cast.refusal("operator", mine) == ""


def test_others_make_jobs_as_they_like(cast, person):
    document = job(person)
    document["metadata"] = {"name": "theirs", "namespace": person.namespace}
    document["spec"]["template"]["spec"]["hostNetwork"] = True
    assert cast.refusal("editor", document) == ""


@pytest.mark.parametrize(
    ("labels", "owner", "said"),
    [
        ({}, "", "the operator deletes only pods of Runs: pods p"),
        ({"run-operator.io/run": "x"}, "", ""),
        ({"run-operator.io/run": "x"}, "job", ""),
        ({"run-operator.io/run": "x"}, "configmap", "the operator deletes only pods of Runs: pods p"),
    ],
    ids=str,
)
def test_the_operators_account_ends_only_pods_of_runs(cast, person, labels, owner, said):
    other = job(person)
    other["metadata"] = {"name": "owner", "namespace": person.namespace}
    other["spec"]["suspend"] = True
    person.apply([other, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "owner"}}])
    metadata: dict[str, Any] = {"name": "p", "labels": labels}
    if owner:
        found = person.get(owner, "owner")
        reference = {key: found[key] for key in ("apiVersion", "kind")}
        reference |= {"name": "owner", "uid": found["metadata"]["uid"], "controller": True}
        metadata["ownerReferences"] = [reference]
    template = job(person)["spec"]["template"]["spec"]
    template["volumes"] = template["containers"][0]["volumeMounts"] = []
    person.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template})
    done = person.kubectl("delete", "pod", "p", "--dry-run=server", f"--as={OPERATOR}", check=False)
    assert said in done.stderr
    assert bool(said) == bool(done.returncode), done.stderr


def test_pods_that_speak_for_a_run_are_made_by_the_controllers_of_jobs_and_deployments_only(cast, person):
    template = {"containers": [{"name": "main", "image": "busybox"}], "restartPolicy": "Never"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": template}
    assert cast.refusal("podmaker", pod) == ""
    person.apply(pod)
    marks = {"labels": {"run-operator.io/run-uid": "u"}}
    assert "controllers of Jobs" in cast.refusal("podmaker", pod | {"metadata": {"name": "q"} | marks})
    patch = ("patch", "pod", "p", "--type=merge", "-p", json.dumps({"metadata": marks}), "--dry-run=server")
    for name in ("podmaker", "editor"):
        assert (
            "controllers of Jobs" in person.kubectl(*patch, f"--as={cast.account(name)}", check=False).stderr
        )
    document = job(person)
    document["metadata"] = {"name": "genuine", "namespace": person.namespace}
    document["spec"]["template"]["spec"]["volumes"] = []
    document["spec"]["template"]["spec"]["containers"][0]["volumeMounts"] = []
    person.apply(document)
    wait_for("a pod of the Job's controller", lambda: person.items("pods", "-l", "job-name=genuine"))
