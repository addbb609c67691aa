"""Runs compared: parameters that differ, figures of their metrics, the best one, lists in one chart."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from run_operator.api.metric_figures import Figures, figures, last_value
from run_operator.client.cli.list import sorted_by
from run_operator.client.cli.plot import LETTERS, overlay
from run_operator.client.comparison import compare


def seen(name: str, spec: dict[str, Any], metrics: dict[str, Any], info: dict[str, Any] | None = None) -> Any:
    status = {"state": "COMPLETED", "metrics": metrics, "metricsInfo": info or {}}
    return SimpleNamespace(object_name=name, spec=spec, status=status)


def test_runs_beside_each_other():
    one = {
        "task": "a",
        "image": "x",
        "args": ["a"],
        "envs": [{"name": "LR", "value": "0.1"}, {"name": "B", "value": "1"}],
    }
    other = {
        "task": "b",
        "image": "x",
        "args": ["b"],
        "envs": [{"name": "B", "value": "1"}],
        "resources": {"cpu": "2"},
    }
    found = compare(
        [seen("a", one, {"loss": [3.0, 1.0]}), seen("b", other, {"loss": [2.0, 4.0], "acc": 0.5})]
    )
    assert found.parameters == {
        "args[0]": {"a": "a", "b": "b"},
        "envs.LR": {"a": "0.1", "b": None},
        "resources.cpu": {"a": None, "b": "2"},
    }
    assert found.metrics["loss"] == {"a": Figures(1.0, 1.0, 3.0, 2), "b": Figures(4.0, 2.0, 4.0, 2)}
    assert list(found.metrics["acc"]) == ["b"]
    assert (found.best("loss"), found.best("loss", largest=True), found.best("nothing")) == ("a", "b", None)


def test_figures_are_of_all_values_also_of_those_that_are_not_in_the_list():
    info = {"loss": {"last": 1.5, "min": 0.5, "max": 9.0, "count": 100}}
    assert figures({"metrics": {"loss": [2.0, 3.0]}, "metricsInfo": info}, "loss") == Figures(
        1.5, 0.5, 9.0, 100
    )
    assert figures({"metrics": {"loss": [2.0, None]}}, "loss") == Figures(None, 2.0, 2.0, 2)
    assert last_value({"metrics": {"acc": 0.5}}, "acc") == 0.5
    assert last_value({}, "acc") is None


def test_lists_are_sorted_by_a_metric_and_those_without_come_last():
    items = [
        {"metadata": {"name": name}, "status": {"metrics": {"loss": values} if values else {}}}
        for name, values in (("a", [2.0]), ("b", []), ("c", [1.0]))
    ]
    assert [raw["metadata"]["name"] for raw in sorted_by(items, "loss")] == ["c", "a", "b"]
    assert [raw["metadata"]["name"] for raw in sorted_by(items, "-loss")] == ["a", "c", "b"]
    assert [raw["metadata"]["name"] for raw in sorted_by(items, "-name")] == ["c", "b", "a"]


def test_several_lists_in_one_chart():
    lines = list(overlay("loss", {"first": [3.0, 2.0, 1.0], "second": [1.0, 1.0, 1.0, None]}, width=60))
    assert lines[0] == "loss"
    assert {"A", "B"} <= set("".join(lines[1:17]))
    assert lines[-2:] == ["          A  first (3 values)", "          B  second (4 values)"]
    assert all(len(line) <= 60 for line in lines)
    many = {f"r{i}": [1.0] for i in range(len(LETTERS) + 2)}
    assert "and 2 more, not drawn" in list(overlay("x", many))[-1]
    assert list(overlay("x", {"a": []})) == ["x", "  (no number)"]
