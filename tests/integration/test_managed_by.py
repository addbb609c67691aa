"""A Run that another controller carries out: nobody of ours writes to it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from run_operator.api.run import Run
from run_operator.workloads.builder import build
from run_operator.workloads.kueue_workload import kueue_workload
from run_operator.workloads.types import ImageBuilding, Options
from tests.support.harness import delta, run_object, wait_for

FOREIGN = "example.com/another"


def managed(name: str, by: str = FOREIGN, **top):
    body = run_object(name, "sleep", **top)
    body["spec"]["managedBy"] = by
    return body


def test_nothing_is_made_for_it_and_nothing_is_written(operator, person):
    person.warm()
    before = operator.writes()
    person.apply(managed("theirs"))
    first = person.get("run", "theirs")
    for suspend in (True, False):
        person.patch_run("theirs", {"spec": {"suspend": suspend}})
    said = json.dumps({"status": {"state": "RUNNING", "message": "it runs elsewhere", "attempt": 3}})
    person.kubectl("patch", "run", "theirs", "--subresource=status", "--type=merge", "-p", said)
    person.apply_run("ours")
    person.becomes("ours", "RUNNING")  # the operator has seen what came before it
    person.kubectl("delete", "run", "ours")
    wait_for("its Job gone", lambda: person.get("job", "ours") is None)
    now = person.get("run", "theirs", "--show-managed-fields")
    assert now["status"] == first["status"] | {
        "state": "RUNNING",
        "message": "it runs elsewhere",
        "attempt": 3,
    }
    assert [one["metadata"]["name"] for one in person.items("jobs")] == ["warm"]
    assert [e for e in person.items("events") if e["involvedObject"]["name"] == "theirs"] == []
    assert set(delta(before, operator.writes())) <= {"create jobs", "patch runs"}
    managers = {entry["manager"] for entry in now["metadata"]["managedFields"]}
    assert "run-operator" not in managers
    assert "RUNNING" in person.kubectl("get", "run", "theirs").stdout


def test_the_field_cannot_be_changed_added_or_removed(person):
    person.apply(managed("theirs"))
    person.apply(run_object("ours", "sleep", suspend=True))
    for name, value in (("theirs", "example.com/third"), ("theirs", ""), ("theirs", None), ("ours", FOREIGN)):
        done = person.patch_run(name, {"spec": {"managedBy": value}})
        assert "spec.managedBy cannot be" in done.stderr, (name, value)


@pytest.mark.parametrize(
    "value", ["another", "/another", "example.com/", "UPPER.com/x", "example.com/" + "x" * 60]
)
def test_its_value_is_a_domain_and_a_path(person, value):
    done = person.kubectl("create", "-f", "-", stdin=json.dumps(managed("x", value)), check=False)
    assert "spec.managedBy" in done.stderr


def test_it_can_be_deleted_and_a_run_that_names_this_operator_runs(operator, person):
    person.apply(managed("theirs"))
    person.kubectl("delete", "run", "theirs", "--timeout=20s")
    assert person.get("run", "theirs") is None
    person.apply(managed("theirs", "run-operator.io/run-operator"))
    person.becomes("theirs", "RUNNING")


def test_its_metrics_are_refused_with_the_reason(operator, person):
    person.apply(managed("theirs"))
    batch = {
        "apiVersion": "run-operator.io/v1alpha1", "kind": "MetricBatch", "metadata": {"name": "m"},
        "spec": {"run": "theirs", "ops": [{"k": "loss", "append": [1]}]},
    }  # fmt: skip
    person.kubectl("create", "-f", "-", stdin=json.dumps(batch))

    def answer():
        found = person.get("metricbatch", "m")
        return found and found.get("status", {}).get("message")

    assert "carried out by example.com/another" in wait_for("an answer", answer)


@pytest.mark.parametrize("kind", ["container+job", "python+job", "container+build"])
def test_kueue_compares_the_containers_that_the_api_server_makes_of_the_job(person, kind):
    source = {"source": "a.py", "code": "def run(): pass", "handler": "a:run"}
    volumes = [{"volume_type": "empty_dir", "name": "d", "mount_path": "/d"}]
    spec = {
        "source": source,
        "base_image": "b",
        "python_version": "PYTHON3_12",
        "resources": {"cpu": "1", "mem": "1Gi"},
    }
    raw = run_object("x", kind=kind, spec=spec | {"volumes": volumes, "secrets": ["a"], "command": "id"})
    raw["metadata"] |= {"namespace": person.namespace, "uid": "0b4d3c1e-7a55-4f8e-9d55-3f5a3f0e5a11"}
    options = Options(ingest_url="https://x:1", pod_api_url="https://x:1", building=ImageBuilding("r"))
    made = build(Run.from_object(raw), 1, options)
    (podset,) = kueue_workload(Run.from_object(raw), made).child["spec"]["podSets"]
    done = person.kubectl("create", "-f", "-", "--dry-run=server", "-o", "json", stdin=json.dumps(made.child))
    stored = json.loads(done.stdout)["spec"]["template"]["spec"]
    for part in ("initContainers", "containers"):
        assert podset["template"]["spec"].get(part) == stored.get(part)


def test_an_export_does_not_carry_it(person, runctl, tmp_path):
    person.apply(managed("theirs"))
    file = Path(runctl.says("export", "theirs", "-d", tmp_path).strip())
    assert "managedBy" not in file.read_text()
