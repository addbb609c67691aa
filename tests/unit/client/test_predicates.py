"""What the client reads in a Run's status: its state, whether it is over, its image and outputs."""

from __future__ import annotations

from typing import Any

import pytest

from run_operator.api.exported import of_object
from run_operator.client import predicates
from run_operator.client.run import Run

TASK = "container+job://p/t"


def object_of(happened: dict[str, Any], **spec: Any) -> dict[str, Any]:
    document = {"kind": "container+job:run", "project": "p", "id": "a", "spec": {"task": TASK}}
    return {"metadata": {"name": "a", "uid": "u"}, "spec": document | spec, "status": happened}


def read(raw: dict[str, Any]) -> Run:
    nowhere: Any = None
    return Run.from_object(raw, nowhere)


def test_the_clusters_status_counts_once_the_operator_has_seen_the_run():
    exported = {"state": "COMPLETED", "results": {"a": 1}}
    before = of_object(object_of({"state": "CREATED"}, status=exported))
    assert before["status"] == {"state": "CREATED", "results": {"a": 1}}
    after = of_object(object_of({"state": "RUNNING", "observedGeneration": 1}, status=exported, suspend=True))
    assert after["status"] == {"state": "RUNNING", "observedGeneration": 1}
    assert "suspend" not in after
    assert after["extensions"] == []


@pytest.mark.parametrize(
    ("kind", "state", "suspend", "over"),
    [
        ("job", "CREATED", False, False), ("job", "PENDING", False, False), ("job", "RUNNING", False, False),
        ("job", "COMPLETED", False, True), ("job", "ERROR", True, True), ("job", "STOP", True, False),
        ("job", "STOPPED", True, True), ("job", "STOPPED", False, False), ("serve", "RUNNING", False, True),
        ("serve", "RUNNING", True, False), ("serve", "PENDING", False, False), ("deploy", "STOPPED", True, True),
    ],
)  # fmt: skip
def test_what_wait_waits_for(kind, state, suspend, over):
    raw = object_of(
        {"state": state},
        kind=f"container+{kind}:run",
        spec={"task": f"container+{kind}://p/t"},
        suspend=suspend,
    )
    assert predicates.settled(raw) is over


def test_a_stop_counts_once_the_operator_has_answered_the_newest_change():
    raw = object_of({"state": "STOPPED", "observedGeneration": 4}, suspend=True)
    raw["metadata"]["generation"] = 4
    assert predicates.settled(raw)
    assert predicates.stopped(raw)
    raw["metadata"]["generation"] = 5
    assert not predicates.settled(raw)
    assert not predicates.stopped(raw)


def test_image_outputs_and_results_are_read_from_the_status():
    task = {"task": "container+build://p/t"}
    raw = object_of(
        {"state": "COMPLETED", "outputs": {"image": "x:1"}}, kind="container+build:run", spec=task
    )
    assert read(raw).image == "x:1"
    status = {"state": "COMPLETED", "outputs": {"m": "store://p/model/m"}, "results": {"acc": 0.5, "n": None}}
    spec = {"task": "python+job://p/t", "inputs": {"d": "store://p/d"}}
    run = read(object_of(status, kind="python+job:run", spec=spec))
    assert (run.inputs(), run.outputs()) == ({"d": "store://p/d"}, {"m": "store://p/model/m"})
    assert (run.output("m"), run.output("x"), run.results()) == (
        "store://p/model/m",
        None,
        {"acc": 0.5, "n": None},
    )
    assert (run.result("acc"), run.result("x")) == (0.5, None)
