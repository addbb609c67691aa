"""A finished Run that comes back is finished, on a real API server."""

from __future__ import annotations

import json

import pytest

from tests.support.harness import condition, wait_for

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
