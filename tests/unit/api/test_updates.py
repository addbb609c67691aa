"""What a save of an artifact and the like changes."""

from __future__ import annotations

from typing import Any

from run_operator.api.updates import content_update

RAW: dict[str, Any] = {
    "kind": "DataItem",
    "metadata": {"name": "a", "uid": "u"},
    "spec": {
        "kind": "table", "project": "p", "id": "a", "name": "n", "metadata": {"labels": ["x"]}, "spec": {"path": "s3://b/a"},
        "status": {"state": "UPLOADING"},
    },
    "status": {"files": [{"path": "old"}], "metrics": {"f1": 1}},
}  # fmt: skip


def changed(**document: Any) -> dict[str, Any]:
    return {one["path"]: one.get("value") for one in content_update(RAW, document) if one["op"] != "test"}


def test_the_same_document_changes_nothing():
    assert content_update(RAW, RAW["spec"]) == []
    assert content_update(RAW, {}) == []


def test_a_status_replaces_the_one_before_but_metrics_are_not_its_own():
    assert changed(status={"state": "READY", "message": None, "metrics": {}}) == {
        "/spec/status": {"state": "READY"}
    }


def test_files_in_the_document_end_the_list_of_an_earlier_upload():
    status = {"state": "READY", "files": [{"path": "new"}]}
    assert changed(status=status) == {"/spec/status": status, "/status/files": None}
    assert changed(status={"state": "READY", "files": []}) == {
        "/spec/status": {"state": "READY", "files": []}
    }


def test_what_is_not_said_stays_and_no_namesake_is_changed():
    assert changed(spec={"schema": {"fields": []}}) == {
        "/spec/spec": {"path": "s3://b/a", "schema": {"fields": []}}
    }
    assert content_update(RAW, {"status": {"state": "READY"}})[0] == {
        "op": "test",
        "path": "/metadata/uid",
        "value": "u",
    }
