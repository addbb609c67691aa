"""What the SDK reads of a Run between an accepted call and the work of the operator."""

from __future__ import annotations

import pytest

from run_operator.api.run_state import is_shown, state_shown
from run_operator.gateway.entity_documents import for_sdk


def run(state: str, *, suspend: bool, seen: bool) -> dict:
    return {
        "kind": "Run",
        "metadata": {"name": "x", "uid": "u", "generation": 3, "creationTimestamp": "2026-11-29T10:00:00Z"},
        "spec": {"kind": "container+job:run", "id": "x", "project": "p", "spec": {"task": "container+job://p/t"}, "suspend": suspend},
        "status": {"state": state, "message": "as it was", "observedGeneration": 3 if seen else 2},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("state", "suspend", "shown"),
    [
        ("STOPPED", False, "PENDING"),
        ("STOP", False, "PENDING"),
        ("RUNNING", True, "STOP"),
        ("PENDING", True, "STOP"),
        ("RUNNING", False, "RUNNING"),
        ("STOPPED", True, "STOPPED"),
        ("CREATED", True, "CREATED"),
        ("COMPLETED", True, "COMPLETED"),
        ("ERROR", False, "ERROR"),
    ],
)
def test_what_was_accepted_shows_at_once(state, suspend, shown):
    document = for_sdk(run(state, suspend=suspend, seen=False), "p")
    assert document["status"]["state"] == shown
    assert ("accepted" in document["status"]["message"]) == (shown != state)


@pytest.mark.parametrize("state", ["STOPPED", "RUNNING", "STOP"])
@pytest.mark.parametrize("suspend", [True, False])
def test_what_the_operator_has_seen_shows_as_it_says(state, suspend):
    assert state_shown(run(state, suspend=suspend, seen=True)) == (state, "as it was")


def test_an_entity_ends_with_its_deletion():
    raw = run("RUNNING", suspend=False, seen=True)
    assert is_shown(raw)
    raw["metadata"]["deletionTimestamp"] = "2026-11-29T11:00:00Z"
    assert not is_shown(raw)
