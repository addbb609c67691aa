"""The `Run` object of Python against a real API server: made, found, saved, exported, imported, listed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from run_operator import delete_run, get_run, import_run, list_runs, load_run, new_run, update_run
from run_operator.client import cluster as kube
from run_operator.client import watch
from run_operator.client.errors import (
    BackendError,
    BadRequestError,
    EntityAlreadyExistsError,
    EntityError,
    EntityNotExistsError,
)
from run_operator.document.entity import load
from run_operator.document.kinds import EntityType
from tests.support.clients import JOB, SERVICE, job
from tests.support.harness import EXPORTS, run_object, wait_for

RUNS = sorted(path for path in EXPORTS.glob("*.yaml") if load(path.read_bytes()).type is EntityType.RUN)


def test_a_new_run_is_created_as_the_sdk_would_and_found_by_key_id_and_name(operator, cluster):
    run = job(cluster, labels=["a"], args=["1e3", "kwok-complete"])
    assert run.id == run.name == run.object_name == "x"
    assert run.key == "store://demo/run/container+job:run/x"
    assert (run.metadata.labels, run.spec.args, run.spec.task) == (
        ["a"],
        ["1e3", "kwok-complete"],
        JOB["task"],
    )
    for found in (get_run(run.key, cluster=cluster), get_run("x", "demo", cluster=cluster)):
        assert found.spec == run.spec
    with pytest.raises(EntityNotExistsError, match="of project demo, not other"):
        get_run("x", "other", cluster=cluster)
    with pytest.raises(EntityNotExistsError, match="Entity does not exists"):
        get_run("y", cluster=cluster)


def test_a_run_under_another_name_is_found_by_its_id(operator, cluster, person):
    person.apply_run("x")
    person.apply({**person.get("run", "x"), "metadata": {"name": "other"}})
    cluster.delete(watch.RUNS, "x")
    wait_for("x gone", lambda: person.get("run", "x") is None)
    assert get_run("x", "demo", cluster=cluster).object_name == "other"
    assert get_run("other", cluster=cluster).id == "x"
    hashed = job(cluster, "ends-like-a-hash-0123456789")
    assert hashed.object_name != hashed.id
    for identifier in (hashed.id, hashed.object_name, hashed.key):
        assert get_run(identifier, cluster=cluster).object_name == hashed.object_name


def test_save_creates_once_and_updates_what_may_change(operator, cluster, person):
    run = job(cluster)
    with pytest.raises(EntityAlreadyExistsError, match=r"^Entity already exists\. Response: .*update\(\)"):
        run.save()
    run.metadata["description"] = "second"
    person.patch_run("x", {"spec": {"runPolicy": {"ttlSecondsAfterFinished": 9999}}})
    assert run.save(update=True) is run
    spec = person.get("run", "x")["spec"]
    assert spec["metadata"]["description"] == "second"
    assert spec["runPolicy"]["ttlSecondsAfterFinished"] == 9999
    version = person.get("run", "x")["metadata"]["generation"]
    assert update_run(run).metadata.description == "second"
    assert person.get("run", "x")["metadata"]["generation"] == version
    run.spec["args"] = ["new"]
    with pytest.raises(BadRequestError, match="only while the Run is STOPPED"):
        run.save(update=True)
    run.kind = "container+build:run"
    run.spec["task"] = "container+build://demo/t"
    with pytest.raises(EntityError, match=r"the kind of run x is 'container\+job:run' and cannot become"):
        run.save(update=True)


def test_save_with_update_creates_what_is_not_there(operator, cluster, person):
    run = job(cluster)
    run.delete()
    wait_for("gone", lambda: person.get("run", "x") is None)
    with pytest.raises(EntityNotExistsError):
        run.refresh()
    with pytest.raises(EntityNotExistsError):
        run.delete()
    run.save(update=True)
    assert person.get("run", "x")["spec"]["spec"] == run.spec


def test_delete_never_hits_a_run_of_the_same_name_that_came_later(operator, cluster, person):
    old = job(cluster)
    delete_run("x", cluster=cluster)
    wait_for("gone", lambda: person.get("run", "x") is None)
    job(cluster)
    with pytest.raises(BackendError, match="was deleted and created again since it was read"):
        old.delete()
    assert person.get("run", "x") is not None


def test_an_export_has_what_happened_and_no_reader_takes_its_texts_for_numbers(
    operator, cluster, tmp_path, monkeypatch
):
    from ruamel.yaml import YAML  # noqa: PLC0415 - a YAML 1.2 reader

    run = job(cluster, args=["kwok-complete", "1e3", "yes", "0x10", "12:30"]).wait(log_info=False, timeout=60)
    run.folder = tmp_path
    path = run.export()
    assert path == str(tmp_path / "runs-x.yaml")
    assert [p.name for p in tmp_path.iterdir()] == ["runs-x.yaml"]
    for read in (yaml.safe_load, YAML(typ="safe", pure=True).load):
        found = read(Path(path).read_text())
        assert list(found) == [
            "kind",
            "metadata",
            "spec",
            "status",
            "project",
            "id",
            "name",
            "key",
            "extensions",
        ]
        assert found["spec"]["args"] == ["kwok-complete", "1e3", "yes", "0x10", "12:30"]
        assert found["status"]["state"] == "COMPLETED"
        assert found["status"]["attempts"][0]["exitCode"] == 0
    run.folder = tmp_path / "vanished"
    with pytest.raises(FileNotFoundError):
        run.export()


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.stem)
def test_every_export_is_imported_exported_and_imported_again(cluster, person, tmp_path, path):
    before = load(path.read_bytes()).document
    run = import_run(path, suspend=True, cluster=cluster)
    with pytest.raises(EntityError, match=r"already exists\. If you want to update it, use load instead"):
        import_run(path, cluster=cluster)
    run.folder = tmp_path
    after = load(Path(run.export()).read_bytes()).document
    same = ("kind", "metadata", "spec", "project", "id", "name", "key", "user", "extensions")
    assert {k: after.get(k) for k in same} == {
        k: before.get(k, [] if k == "extensions" else None) for k in same
    }
    again = import_run(run.export(), reset_id=True, suspend=True, cluster=cluster)
    assert again.spec == run.spec
    assert again.id != run.id


def test_a_run_is_imported_by_its_key_under_a_new_id_or_not_at_all(operator, cluster, person):
    run = job(cluster, args=["kwok-complete"], labels=["a"]).wait(log_info=False, timeout=60)
    with pytest.raises(
        EntityError, match=r"Entity x already exists\. If you want to update it, use load instead"
    ):
        import_run(key=run.key, cluster=cluster)
    again = import_run(key=run.key, reset_id=True, context="other", suspend=True, cluster=cluster)
    assert again.id != run.id
    assert (again.project, again.spec, again.metadata.labels) == ("other", run.spec, ["a"])
    assert again.key == f"store://other/run/container+job:run/{again.id}"
    assert person.get("run", again.object_name)["spec"]["status"] == {}
    with pytest.raises(EntityNotExistsError, match=r"^Entity does not exists"):
        import_run(key="store://demo/run/container+job:run/nobody", reset_id=True, cluster=cluster)
    for wrong in ({}, {"file": "x", "key": run.key}):
        with pytest.raises(EntityError, match="file"):
            import_run(cluster=cluster, **wrong)


def test_load_creates_or_updates_and_keeps_the_status_in_the_document(operator, cluster, person):
    path = EXPORTS / "container-job-completed.yaml"
    exported = load(path.read_bytes()).document
    run = load_run(path, cluster=cluster)
    stored = person.get("run", run.object_name)["spec"]
    assert stored["status"]["state"] == exported["status"]["state"] == "COMPLETED"
    assert load_run(path, cluster=cluster).id == run.id


def test_runs_are_listed_by_everything_the_original_knows(operator, cluster, person):
    job(cluster, "a", args=["kwok-complete"]).wait(log_info=False, timeout=60)
    job(cluster, "b", function="container://demo/f:1")
    new_run("other", uuid="c", cluster=cluster, **(SERVICE | {"task": "container+serve://other/t"}))
    person.becomes("b", "RUNNING")

    def names(**wanted: Any) -> list[str]:
        return [run.id for run in list_runs(cluster=cluster, **wanted)]

    assert names() == ["a", "b", "c"]
    assert names(project="demo") == ["a", "b"]
    assert names(project="demo", state="COMPLETED") == ["a"]
    assert names(kind="container+serve:run") == names(action="serve") == ["c"]
    assert names(function="container://demo/f:1") == ["b"]
    assert names(created="2020-01-01T00:00:00Z") == names(updated="2020-01-01T00:00:00Z") == ["a", "b", "c"]
    assert (
        names(created="2020-01-01T00:00:00Z,2021-01-01T00:00:00Z")
        == names(updated="2100-01-01T00:00:00Z")
        == []
    )
    assert (names(name="a"), names(q="DEMO/F")) == (["a"], ["b"])
    with pytest.raises(BadRequestError, match="FROM or FROM,TO"):
        names(created="2026-11")
    assert names(state="no,such=state\\") == names(user="nobody") == []


def test_runs_are_listed_in_pages(cluster, person, monkeypatch):
    monkeypatch.setattr(kube, "PAGE", 7)
    person.apply([run_object(f"r{number:02}", suspend=True) for number in range(20)])
    assert [run.id for run in list_runs("demo", cluster=cluster)] == [f"r{number:02}" for number in range(20)]
