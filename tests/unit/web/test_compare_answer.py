"""Several Runs beside each other: what is kept of each is bounded, and all of it is in the order of the Runs."""

from __future__ import annotations

from typing import Any

import orjson

from run_operator.web.view.compare_answer import MAX_METRICS, MAX_PARAMETERS, compared, comparison


def run(name: str, spec: dict[str, Any], **metrics: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "ml", "uid": name, "generation": 1}
    return {"metadata": metadata, "spec": {"spec": spec}, "status": {"metrics": metrics}}


def test_parameters_and_figures_are_beside_each_other():
    found = comparison([compared(run("a", {"lr": 1}, loss=[3, 2])), compared(run("b", {"lr": 2, "x": "y"}))])
    assert [one["name"] for one in found["runs"]] == ["a", "b"]
    assert found["parameters"] == {"lr": [1, 2], "x": [None, "y"]}
    assert found["metrics"] == {"loss": [{"last": 2, "min": 2, "max": 3, "count": 2}, None]}
    assert found["parametersLeftOut"] == 0


def test_what_is_kept_of_a_run_is_bounded_whatever_it_holds():
    """A hundred of them are compared at once, and each may have 1.5 MB."""
    large = {"text": "x" * 400_000, "k" * 100_000: 1} | {f"field-{n}": n for n in range(20_000)}
    kept = compared(run("a", large, **{f"m{n}": 1 for n in range(5_000)}))
    assert len(kept.leaves) == MAX_PARAMETERS
    assert kept.left_out == len(large) - MAX_PARAMETERS
    assert len(kept.metrics) == MAX_METRICS
    assert len(orjson.dumps([kept.leaves, kept.row, kept.metrics])) < 200_000
    found = comparison([kept, kept])
    assert len(found["parameters"]) == MAX_PARAMETERS
    assert found["parametersLeftOut"] == kept.left_out
