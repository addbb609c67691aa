"""Two managers of one Run, as with GitOps: neither sees a difference that it did not make, and neither undoes the other's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.harness import Person, run_object, wait_for

SERVER_SIDE = ("--server-side", "--field-manager=gitops")


def written(path: Path, document: dict[str, Any]) -> str:
    path.write_text(json.dumps(document))
    return str(path)


def differences(person: Person, *arguments: str) -> str:
    """What `kubectl diff` shows; empty: nothing would change."""
    return person.kubectl("diff", *arguments, check=False).stdout


@pytest.mark.parametrize("way", [SERVER_SIDE, ()], ids=["server-side", "client-side"])
def test_what_was_applied_shows_no_difference_in_any_state(operator, person, tmp_path, way):
    file = written(tmp_path / "run.json", run_object("x"))
    person.kubectl("apply", *way, "-f", file)
    person.becomes("x", "RUNNING")
    assert not differences(person, *way, "-f", file), "defaults and the status are no difference"
    person.patch_run("x", {"spec": {"suspend": True}})
    person.becomes("x", "STOPPED")
    assert not differences(person, *way, "-f", file), "suspend is not in the file"
    before = person.get("run", "x")["metadata"]["generation"]
    person.kubectl("apply", *way, "-f", file)
    assert person.get("run", "x")["metadata"]["generation"] == before
    assert person.status("x")["state"] == "STOPPED"


def test_a_finished_run_shows_no_difference(operator, person, tmp_path):
    file = written(tmp_path / "run.json", run_object("x", "kwok-complete"))
    person.kubectl("apply", *SERVER_SIDE, "-f", file)
    person.becomes("x", "COMPLETED")
    wait_for("the mark of its end", lambda: person.get("run", "x")["metadata"].get("annotations"))
    assert not differences(person, *SERVER_SIDE, "-f", file)


def test_each_of_two_managers_keeps_its_own_fields(operator, person, tmp_path):
    whole = written(tmp_path / "whole.json", run_object("x"))
    other = run_object("x") | {"spec": {"suspend": True, "runPolicy": {"ttlSecondsAfterFinished": 600}}}
    part = written(tmp_path / "part.json", other)
    queue = ("--server-side", "--field-manager=queue")
    person.kubectl("apply", *SERVER_SIDE, "-f", whole)
    person.becomes("x", "RUNNING")
    person.kubectl("apply", *queue, "-f", part)
    person.becomes("x", "STOPPED")
    person.kubectl("apply", *SERVER_SIDE, "-f", whole)
    assert not differences(person, *SERVER_SIDE, "-f", whole)
    assert not differences(person, *queue, "-f", part)
    run = person.get("run", "x")
    assert (run["spec"]["suspend"], run["spec"]["runPolicy"]["ttlSecondsAfterFinished"]) == (True, 600)
    refused = person.kubectl(
        "apply", *SERVER_SIDE, "-f", "-", stdin=json.dumps(suspended(False)), check=False
    )
    assert 'conflict with "queue"' in refused.stderr
    assert ".spec.suspend" in refused.stderr


def suspended(value: bool) -> dict[str, Any]:
    return run_object("x", suspend=value)
