"""A finished Run that comes back is finished, on a real API server."""

from __future__ import annotations

import json

import pytest

from tests.support.harness import Person, condition, run_object, wait_for

MARK = "run-operator.io/finished"


@pytest.mark.parametrize(("program", "state"), [("kwok-complete", "COMPLETED"), ("kwok-fail", "ERROR")])
@pytest.mark.parametrize("way", ["apply", "replace"])
def test_a_backup_that_is_restored_starts_nothing(operator, person, program, state, way):
    person.apply_run("x", program)
    person.becomes("x", state)
    saved = wait_for("the mark", lambda: marked(person))
    uid = saved["metadata"]["uid"]
    for field in ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"):
        saved["metadata"].pop(field, None)
    if way == "apply":
        person.kubectl("delete", "run", "x")
        person.apply(saved)
    else:
        person.kubectl("replace", "--force", "-f", "-", stdin=json.dumps(saved))
    status = person.becomes("x", state)
    assert condition(status, "Finished")["reason"] == "Restored"
    assert uid in status["message"]
    job, again = person.get("job", "x"), person.get("run", "x")["metadata"]["uid"]
    assert (
        not job or job["metadata"]["ownerReferences"][0]["uid"] != again
    )  # that of before may be on its way out


def marked(person):
    found = person.get("run", "x")
    return found if MARK in found["metadata"].get("annotations", {}) else None


def test_a_copy_under_another_name_runs(operator, person):
    person.apply_run("x", "kwok-complete")
    person.becomes("x", "COMPLETED")
    saved = wait_for("the mark", lambda: marked(person))
    copy = {"name": "y", "annotations": {MARK: saved["metadata"]["annotations"][MARK]}}
    person.apply({"apiVersion": saved["apiVersion"], "kind": "Run", "metadata": copy, "spec": saved["spec"]})
    assert condition(person.becomes("y", "COMPLETED"), "Finished")["reason"] == "CompletionsReached"


def test_a_backup_that_is_restored_into_another_namespace_starts_nothing(operator, person):
    """As a move to another cluster."""
    person.apply_run("x", "kwok-complete")
    person.becomes("x", "COMPLETED")
    saved = wait_for("the mark", lambda: marked(person))
    there = Person(person.kubeconfig, f"{person.namespace}-there")
    there.kubectl("create", "namespace", there.namespace)
    mark = {MARK: saved["metadata"]["annotations"][MARK]}
    metadata = {"name": "x", "namespace": there.namespace, "annotations": mark}
    there.apply(
        {"apiVersion": saved["apiVersion"], "kind": "Run", "metadata": metadata, "spec": saved["spec"]}
    )
    assert condition(there.becomes("x", "COMPLETED"), "Finished")["reason"] == "Restored"
    assert there.items("jobs,pods") == []
    there.kubectl("delete", "namespace", there.namespace, "--wait=false")


def test_a_stopped_run_that_is_restored_stays_stopped(operator, person):
    person.apply_run("x", "sleep")
    person.becomes("x", "RUNNING")
    person.patch_run("x", {"spec": {"suspend": True}})
    person.becomes("x", "STOPPED")
    saved = person.get("run", "x")
    saved["metadata"] = {"name": "x"}
    person.kubectl("replace", "--force", "-f", "-", stdin=json.dumps(saved))
    uid = person.get("run", "x")["metadata"]["uid"]
    wait_for("its owner's end", lambda: not person.items("pods"))
    assert "not started yet" in person.becomes("x", "STOPPED")["message"]
    assert all(job["metadata"]["ownerReferences"][0]["uid"] != uid for job in person.items("jobs"))


@pytest.mark.parametrize("mark", ["argocd.argoproj.io/tracking-id", "kustomize.toolkit.fluxcd.io/name"])
def test_a_run_that_a_tool_would_apply_again_is_kept(operator, person, mark):
    body = run_object("x", "kwok-complete", policy={"ttlSecondsAfterFinished": 1})
    body["metadata"]["annotations"] = {mark: "x"}
    person.apply(body)
    uid = person.get("run", "x")["metadata"]["uid"]
    wait_for("the event", lambda: person.items("events", "--field-selector=reason=KeptFinished"))
    assert person.get("run", "x")["metadata"]["uid"] == uid
