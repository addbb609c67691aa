"""The ValidatingAdmissionPolicies on a real API server: what only the operator writes, and what its account is refused."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from run_operator.api.run import Run
from run_operator.workloads.builder import SUPPORTED, build
from run_operator.workloads.pipeline_kinds import STEPS
from run_operator.workloads.types import ImageBuilding, Options
from tests.support.harness import Person, run_object, wait_for
from tests.support.policy_cast import OPERATOR, job, of_pipeline


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


def test_kueues_account_writes_the_status_of_the_runs_it_dispatches_once_an_administrator_names_it(
    cast, person
):
    body = run_object("x", suspend=True)
    body["spec"]["managedBy"] = "kueue.x-k8s.io/multikueue"
    person.apply(body)
    copied = {"state": "RUNNING", "attempt": 1}
    account = Person(person.kubeconfig, "run-operator")
    mark = "run-operator.io/multikueue-account"
    assert "only the operator writes the status" in status_patch(person, cast.account("logger"), copied)
    account.kubectl("annotate", "serviceaccount", "run-operator", f"{mark}={cast.account('logger')}")
    try:
        wait_for("let in", lambda: not status_patch(person, cast.account("logger"), copied))
        assert status_patch(person, cast.account("editor"), copied)
        person.kubectl("delete", "run", "x")
        person.apply(run_object("x", suspend=True))
        assert "only the operator writes the status" in status_patch(person, cast.account("logger"), copied)
    finally:
        account.kubectl("annotate", "serviceaccount", "run-operator", f"{mark}-")


NAME_RULE = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/metadata/properties/name/x-kubernetes-validations"


def test_a_name_that_was_stored_before_it_had_a_rule_keeps_no_status_from_being_written(
    cast, installed, person
):
    odd = run_object("odd", suspend=True)
    odd["spec"]["metadata"] = {"name": "bell\a"}
    another = odd | {"metadata": {"name": "another"}}
    without = json.dumps([{"op": "remove", "path": NAME_RULE}])
    installed.kubectl("patch", "crd", "runs.run-operator.io", "--type=json", "-p", without)
    try:
        wait_for("a CRD without the rule", lambda: not cast.refusal("editor", odd))
        person.apply(odd)
    finally:
        installed.install_crds()
    wait_for("the rule", lambda: "has a control character" in cast.refusal("editor", another))
    stopped = json.dumps({"status": {"state": "STOPPED"}})
    person.kubectl(
        "patch", "run", "odd", "--subresource=status", "--type=merge", "-p", stopped, f"--as={OPERATOR}"
    )
    person.kubectl("label", "run", "odd", "team=a")
    person.kubectl("delete", "run", "odd")


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
    return of_pipeline(run_object("p-1", spec=spec), person.namespace)


def test_the_operator_alone_makes_a_run_a_step_of_another(cast, person):
    assert cast.refusal("operator", step(person)) == ""
    for name in ("runner", "editor"):
        assert "only the operator makes a Run a step of another one" in cast.refusal(name, step(person))
    mine = step(person)
    del mine["metadata"]["ownerReferences"]
    assert cast.refusal("runner", mine) == ""
    person.apply(mine)
    assert "only the operator makes a Run a step" in cast.refusal("editor", step(person), "apply")


def test_the_operator_alone_turns_an_owner_of_a_run_into_its_controller(cast, person):
    person.apply(run_object("p", suspend=True))
    owned = step(person)
    (owner,) = owned["metadata"]["ownerReferences"]
    owner |= {"uid": person.get("run", "p")["metadata"]["uid"], "controller": False}
    person.apply(owned)
    owner["controller"] = True
    assert "only the operator makes a Run a step" in cast.refusal("editor", owned, "apply")


def test_the_operators_account_makes_steps_and_changes_no_document(cast, person):
    alone = step(person)
    del alone["metadata"]["ownerReferences"]
    assert "the operator makes no Runs but the steps of pipelines" in cast.refusal("operator", alone)
    said = cast.refusal(
        "operator", step(person, secrets=["db"])
    )  # two policies refuse it, and one is reported
    assert "the author may not get Secret db" in said or "spec.spec.secrets cannot be set for a step" in said
    # The operator may make Jobs and Services; the author of the pipeline perhaps not.
    for field, value in (
        ("tolerations", [{"operator": "Exists"}]),
        ("service_type", "LoadBalancer"),
        ("volumes", []),
    ):
        said = cast.refusal("operator", step(person, **{field: value}))
        assert f"spec.spec.{field} cannot be set for a step" in said
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
