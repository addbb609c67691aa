"""The status of Runtimes: written once for each generation, with what is wrong; one that fails hides no other."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from run_operator.api.runtime_object import RuntimeView
from run_operator.engine import runtime_reports
from run_operator.engine.runtime_reports import RuntimeReports, is_reported, reported
from run_operator.kube.errors import FencedError, TransientError
from tests.support.runtimes import runtime, widgets

NOW = 1_800_000_000.0


def view(name: str = "echo", **spec: Any) -> RuntimeView:
    return RuntimeView.from_object(runtime(name, **spec))


def condition(one: RuntimeView) -> dict[str, Any]:
    (found,) = reported(one, NOW)["conditions"]
    return dict(found)


def test_what_it_says():
    assert (
        condition(view())["message"]
        == "Runs of echo+serve are built as a service, as those of container+serve are"
    )
    message = condition(RuntimeView.from_object(widgets()))["message"]
    assert message.startswith(
        "Runs of widget+serve, widget+train are built as Widget of Widgets (example.org). The operator makes it with its own rights"
    )
    assert "only a ValidatingAdmissionPolicy asks the authors of Runs for theirs" in message
    wrong = condition(view(readiness={"path": "${nobody}"}))
    assert (wrong["status"], wrong["reason"]) == ("False", "InvalidRuntime")
    assert wrong["message"].startswith("spec.readiness.path: ")


def test_what_it_repeats_of_a_runtime_controls_no_terminal():
    escape = "\x1b]0;owned\x07"
    message = condition(view(fields={f"a{escape}": {"type": "integer", "default": "x"}}))["message"]
    assert message.startswith(
        "spec.fields.a\N{REPLACEMENT CHARACTER}]0;owned\N{REPLACEMENT CHARACTER}: default is"
    )


def test_a_runtime_of_a_namespace_makes_no_objects_of_others():
    raw = widgets()
    raw["metadata"]["namespace"] = "ml"
    assert "only a ClusterRuntime" in condition(RuntimeView.from_object(raw))["message"]


def test_the_moment_of_the_change_stays_while_nothing_changes():
    first = reported(view(), NOW)
    raw = {**runtime(generation=2), "status": first}
    assert (
        reported(RuntimeView.from_object(raw), NOW + 60)["conditions"][0]["lastTransitionTime"]
        == "2027-01-15T08:00:00Z"
    )
    assert is_reported(RuntimeView.from_object({**runtime(), "status": first}))


class Writes:
    """`failing`: names whose first write fails, with this error."""

    def __init__(self, failing: set[str], error: Exception | None = None) -> None:
        self.failing = failing
        self.error = error
        self.names: list[str] = []
        self.done = asyncio.Event()

    async def patch(self, _: Any, __: str, name: str, *___: Any, **____: Any) -> None:
        self.names.append(name)
        if len(self.names) == 3:
            self.done.set()
        if name in self.failing:
            self.failing.discard(name)
            raise self.error or ValueError("fails without an error")


@pytest.mark.parametrize(
    "error", [TransientError("patch", 503, "later"), FencedError("patch: this replica is not the leader")]
)
async def test_each_is_written_once_and_one_that_fails_again_after_the_others(monkeypatch, error):
    monkeypatch.setattr(runtime_reports, "PAUSE", 0.0)
    api: Any = Writes({"a"}, error)
    reports, begin = RuntimeReports(api, lambda: NOW), asyncio.Event()
    for name in ("a", "b"):
        reports.put(view(name))
    reports.put(RuntimeView.from_object({**runtime("c"), "status": reported(view("c"), NOW)}))
    working = asyncio.create_task(reports.work(begin))
    await asyncio.sleep(0)
    assert api.names == []  # another replica may write
    begin.set()
    async with asyncio.timeout(10):
        await api.done.wait()
    working.cancel()
    assert api.names == ["a", "b", "a"]


async def test_a_namespace_with_many_runtimes_does_not_keep_others_waiting(monkeypatch):
    monkeypatch.setattr(runtime_reports, "MOST", 20)
    monkeypatch.setattr(runtime_reports, "SHARE", 0)
    api: Any = Writes(set())
    reports, begin = RuntimeReports(api, lambda: NOW), asyncio.Event()
    begin.set()
    for number in range(50):
        reports.put(of_namespace("flood", f"f{number}"))
    reports.put(of_namespace("quiet", "q"))
    working = asyncio.create_task(reports.work(begin))
    async with asyncio.timeout(10):
        await api.done.wait()
    working.cancel()
    assert "q" in api.names


def of_namespace(namespace: str, name: str) -> RuntimeView:
    raw = runtime(name)
    raw["metadata"] |= {"namespace": namespace, "uid": f"{namespace}-{name}"}
    return RuntimeView.from_object(raw)
