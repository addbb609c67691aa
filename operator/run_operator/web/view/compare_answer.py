"""Several Runs beside each other: their parameters and the figures of their metrics, in the order of the Runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from run_operator.api.metric_figures import figures, flat
from run_operator.api.raw import JSON, mapping
from run_operator.web.view.rows import MAX_TEXT, row

MAX_RUNS: Final = 100
MAX_PARAMETERS: Final = 500
"""Fields of all documents together; the rest is a number."""
MAX_METRICS: Final = 1000
MAX_PATH: Final = 512


@dataclass(frozen=True, slots=True)
class Compared:
    """The kept part of one Run, because a hundred whole ones could exceed the memory."""

    row: dict[str, Any]
    leaves: dict[str, Any]
    left_out: int
    """Fields of this document beyond those that are shown at most."""
    metrics: dict[str, dict[str, Any]]


def compared(raw: JSON) -> Compared:
    """The kept part of one Run."""
    leaves: dict[str, Any] = {}
    left_out = 0
    for path, value in flat(mapping(mapping(raw.get("spec")).get("spec"))):
        if len(leaves) < MAX_PARAMETERS and len(path) <= MAX_PATH:
            leaves[path] = _shown(value)
        else:
            left_out += 1
    status = mapping(raw.get("status"))
    names = list(mapping(status.get("metrics")))[:MAX_METRICS]
    return Compared(row(raw), leaves, left_out, {name: _figures(status, name) for name in names})


def comparison(runs: Sequence[Compared]) -> dict[str, Any]:
    """A value is None where a Run has none."""
    paths = list(dict.fromkeys(path for one in runs for path in one.leaves))
    names = list(dict.fromkeys(name for one in runs for name in one.metrics))[:MAX_METRICS]
    beyond = max((one.left_out for one in runs), default=0)
    return {
        "runs": [one.row for one in runs],
        "parameters": {path: [one.leaves.get(path) for one in runs] for path in paths[:MAX_PARAMETERS]},
        "parametersLeftOut": max(0, len(paths) - MAX_PARAMETERS) + beyond,
        "metrics": {name: [one.metrics.get(name) for one in runs] for name in names},
    }


def _figures(status: JSON, name: str) -> dict[str, Any]:
    found = figures(status, name)
    return {"last": found.last, "min": found.min, "max": found.max, "count": found.logged}


def _shown(value: Any) -> Any:
    return value[:MAX_TEXT] if isinstance(value, str) else value
