"""From a document of another kind to what the operator builds: the golden files, whose part wins, and what it costs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from run_operator.api.exported import manifest
from run_operator.api.run import Run
from run_operator.document.entity import load
from run_operator.document.kinds import RUNTIMES
from run_operator.resolution.resolve import resolve
from run_operator.runtimes.shipped import SHIPPED
from run_operator.workloads.builder import build
from run_operator.workloads.fields import InvalidSpecError, UnresolvedError, UnsupportedError
from run_operator.workloads.types import Options
from run_operator.workloads.unused_fields import without_effect
from tests.support import kinds_page
from tests.support.builders import UID
from tests.support.runtime_golden import objects
from tests.support.runtimes import FOLDER, ROOT, catalog, runtime, shipped

OPTIONS = Options(ingest_url="https://ingest:8443", pod_api_url="https://ingest:8443")
EXAMPLES = ROOT / "manifests" / "examples" / "runtimes"
GOLDEN = ROOT / "tests" / "data" / "golden" / "runtimes"


def exported(path: Path, **spec: Any) -> Run:
    raw = manifest(load(path.read_bytes()), namespace="ml")
    raw["metadata"]["uid"] = UID
    raw["spec"]["spec"] = {**raw["spec"]["spec"], **spec}
    return Run.from_object(raw)


def echo(**spec: Any) -> Run:
    raw = {
        "metadata": {"name": "hello", "namespace": "ml", "uid": UID},
        "spec": {"kind": "echo+serve:run", "project": "demo", "id": "hello", "spec": {"text": "hi", **spec}},
    }
    return Run.from_object(raw)


def built(one: Run, *raws: dict[str, Any]):
    found = resolve(one, catalog(*raws), OPTIONS)
    assert found.error is None, found.error
    return build(found.run, 1, OPTIONS)


def main(workload) -> dict[str, Any]:
    return workload.child["spec"]["template"]["spec"]["containers"][0]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_golden(path):
    """Where a change is meant: `python -m tests.support.runtime_golden` writes them."""
    wanted = list(yaml.safe_load_all((GOLDEN / path.name).read_text()))
    assert list(yaml.safe_load_all(objects(path))) == wanted


def test_each_kind_of_each_shipped_runtime_has_an_example_and_its_file_is_named():
    kinds = {kind.removesuffix(":run") for raw in shipped() for kind in raw["spec"]["kinds"]}
    assert kinds == set(SHIPPED)
    assert {f"{file}.yaml" for file in SHIPPED.values()} == {path.name for path in FOLDER.glob("*.yaml")} - {
        "kustomization.yaml"
    }
    examples = {load(path.read_bytes()).kind.removesuffix(":run") for path in EXAMPLES.glob("*.yaml")}
    assert examples == kinds
    for kind in kinds:
        runtime_name, _, action = kind.partition("+")
        assert action in RUNTIMES[runtime_name]


def test_the_page_of_kinds_is_written_from_them():
    assert kinds_page.PAGE.read_text() == kinds_page.text(), "make docs"


def test_the_documents_part_wins_and_the_operators_part_stays():
    workload = built(
        echo(
            envs=[{"name": "WHO", "value": "me"}, {"name": "MORE", "value": "1"}],
            resources={"cpu": "2"}, replicas=3, service_type="NodePort", secrets=["db"], run_as_user=2000,
        ),
        runtime(document={
            "kind": "container+serve:run",
            "spec": {
                "image": "x", "envs": [{"name": "WHO", "value": "runtime"}, {"name": "OWN", "value": "r"}],
                "resources": {"cpu": "1", "mem": "1Gi"}, "service_ports": [{"port": 80}], "service_type": "ClusterIP",
            },
        }),
    )  # fmt: skip
    container, pod = main(workload), workload.child["spec"]["template"]["spec"]
    variables = {one["name"]: one["value"] for one in container["env"]}
    assert (variables["WHO"], variables["OWN"], variables["MORE"]) == ("me", "r", "1")
    assert container["resources"]["requests"] == {"cpu": "2", "memory": "1Gi"}
    assert (workload.child["spec"]["replicas"], workload.service["spec"]["type"]) == (3, "NodePort")
    assert container["envFrom"] == [{"secretRef": {"name": "db"}}]
    assert pod["securityContext"]["runAsUser"] == 2000
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False
    assert "RUN_METRICS_URL" in variables


def test_nothing_in_a_runtime_weakens_the_pod():
    spec = {
        "image": "x", "service_ports": [{"port": 80}], "securityContext": {"privileged": True}, "hostNetwork": True,
        "serviceAccountName": "admin", "automountServiceAccountToken": True, "volumes": [],
    }  # fmt: skip
    pod = built(echo(), runtime(document={"kind": "container+serve:run", "spec": spec})).child["spec"][
        "template"
    ]["spec"]
    assert not {"hostNetwork", "serviceAccountName", "hostPID"} & set(pod)
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert "privileged" not in pod["containers"][0]["securityContext"]


def test_fields_that_it_does_not_use_are_named():
    one = echo(speed=3, image="other")
    found = resolve(one, catalog(runtime()), OPTIONS)
    reported = without_effect(found.run, one.spec)
    assert [sentence.partition(" is not used")[0] for sentence in reported] == [
        "spec.spec.speed",
        "spec.spec.image",
    ]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"times": "3"}, "spec.spec.times: must be a whole number, not a text"),
        ({"text": "x" * 9000}, "spec.spec.text: cannot be used: spec.spec.text has 9000 characters"),
        ({"volumes": [{"volume_type": "nfs", "name": "a", "mount_path": "/a"}]}, "spec.spec.volumes[0].volume_type"),
    ],
    ids=str,
)  # fmt: skip
def test_a_wrong_document_is_reported_with_its_field(spec, said):
    found = resolve(echo(**spec), catalog(runtime()), OPTIONS)
    with pytest.raises(InvalidSpecError) as caught:
        raise found.error or build(found.run, 1, OPTIONS) or AssertionError
    assert said in str(caught.value)


def test_which_of_several_counts():
    cluster = runtime("b", settings={"image": "cluster"})
    better = runtime("c", settings={"image": "better"}, priority=5)
    own = runtime("d", namespace="ml", settings={"image": "own"})
    foreign = runtime("e", namespace="other", settings={"image": "foreign"}, priority=9)
    assert main(built(echo(), cluster, foreign))["image"] == "cluster"
    assert main(built(echo(), cluster, better, foreign))["image"] == "better"
    assert main(built(echo(), cluster, better, own, foreign))["image"] == "own"


@pytest.mark.parametrize(
    ("kind", "error", "said"),
    [
        ("sklearnserve+serve", UnresolvedError, "kubectl apply -f manifests/runtimes/sklearnserve.yaml"),
        ("mlflowserve+build", UnresolvedError, "kubectl apply -f manifests/runtimes/mlflowserve.yaml"),
        ("sklearnserve+train", UnsupportedError, "sklearnserve has no action train; it has serve"),
        ("mine+job", UnresolvedError, "whose spec.kinds has mine+job:run"),
    ],
)
def test_what_is_missing_is_named(kind, error, said):
    raw = {"metadata": {"name": "x", "namespace": "ml"}, "spec": {"kind": f"{kind}:run", "spec": {}}}
    found = resolve(Run.from_object(raw), catalog(runtime()), OPTIONS)
    assert isinstance(found.error, error)
    assert said in str(found.error)


def test_a_wrong_runtime_makes_its_runs_wait_and_says_where_it_is_wrong():
    found = resolve(echo(), catalog(runtime(readiness={"path": "${nobody}"})), OPTIONS)
    assert isinstance(found.error, UnresolvedError)
    assert found.error.reason == "InvalidRuntime"
    assert "ClusterRuntime echo cannot be used until it is corrected: spec.readiness.path" in str(found.error)
    assert {want.name for want in found.wants} == {"echo+serve"}


def test_a_run_that_was_started_keeps_its_runtime():
    first = resolve(echo(), catalog(runtime()), OPTIONS)
    status = {"resolved": OPTIONS.signer.sign(UID, first.record.to_object())}
    later = resolve(echo().with_status(status), catalog(runtime(settings={"image": "new"})), OPTIONS)
    assert main(build(later.run, 2, OPTIONS))["image"] == "example.org/echo:1"
    assert later.wants == ()


def test_a_function_gives_what_the_document_does_not_say():
    one = Run.from_object({
        "metadata": {"name": "x", "namespace": "ml", "uid": UID},
        "spec": {"kind": "echo+serve:run", "project": "demo", "id": "x", "spec": {"function": "echo://demo/f:v1"}},
    })  # fmt: skip
    found = resolve(one, catalog(runtime()), OPTIONS)
    assert found.error.reason == "FunctionNotFound"
