"""A Run whose function ran on its author's machine is a record: nothing of it starts in the cluster."""

from __future__ import annotations

import pytest

from tests.support.harness import condition, run_object, wait_for


@pytest.mark.parametrize(
    ("kind", "exported", "shown"),
    [
        ("container+job", None, "CREATED"),
        ("container+job", "RUNNING", "CREATED"),
        ("container+job", "ERROR", "ERROR"),
        ("container+serve", "COMPLETED", "COMPLETED"),
    ],
)
def test_nothing_of_it_starts_and_it_says_why(operator, person, kind, exported, shown):
    ports = {"service_ports": [{"port": 80}]} if kind == "container+serve" else {}
    body = run_object("x", kind=kind, spec={"local_execution": True, **ports})
    body["spec"] |= {"status": {"state": exported}} if exported else {}
    person.apply(body)
    status = wait_for("a word", lambda: (s := person.status("x")).get("message") and s)
    assert status["state"] == shown
    assert "set local_execution to false" in status["message"]
    assert person.items("jobs,deployments,pods") == []
    assert condition(status, "Running").get("reason") in ("LocalExecution", "Finished")
