"""What people read of a Run's next step, by runctl from what they may read, and by the operator itself."""

from __future__ import annotations

import urllib.request

from tests.support.harness import wait_for
from tests.support.runtimes import runtime
from tests.support.terminal import Terminal

NOWHERE = {"node_selector": [{"key": "zone", "value": "nowhere"}]}


def test_runctl_and_the_operator_say_why_a_run_waits(operator, person, runctl, tmp_path):
    person.apply_run("x", spec=NOWHERE)
    wait_for("its reason", lambda: "nodes are available" in str(person.status("x").get("message")))
    reported = runctl.says("why", "x")
    for part in ("state: PENDING, attempt 1", "sees: Job x: attempt 1", "on no node yet", "waits for: "):
        assert part in reported
    url = f"http://127.0.0.1:{operator.port}/debug/runs/{person.namespace}/x"
    with urllib.request.urlopen(url, timeout=10) as answer:
        page = answer.read().decode()
    assert "replica: leads" in page
    assert [line for line in reported.splitlines() if line.startswith("sees: Job")] == [
        line for line in page.splitlines() if line.startswith("sees: Job")
    ]
    viewer = Terminal(person.somebody(tmp_path / "viewer", "run-operator-view"))
    assert "note: jobs cannot be read" in viewer.says("why", "x")


def test_a_function_that_is_missing_is_named(operator, person, runctl):
    person.apply(
        {"apiVersion": "run-operator.io/v1alpha1", "kind": "Run", "metadata": {"name": "x"},
         "spec": {"kind": "container+job:run", "project": "demo", "id": "x",
                  "spec": {"task": "container+job://demo/t", "function": "container://demo/f:v1"}}}
    )  # fmt: skip
    wait_for("its wait", lambda: person.status("x").get("message"))
    assert "waits for: Function container://demo/f" in runctl.says("why", "x")


def test_a_runtime_is_part_of_what_runctl_sees(operator, person, runctl):
    person.apply(runtime("echo", namespace=person.namespace) | {"metadata": {"name": "echo"}})
    person.apply_run("x", kind="echo+serve", spec={"image": None, "function": "echo://demo/f:v1"})
    wait_for("its Function", lambda: person.status("x").get("reason") == "FunctionNotFound")
    said = runctl.says("why", "x")
    assert "waits for: Function echo://demo/f" in said
    assert "needs a Runtime" not in said
