"""Several Runs beside each other: their parameters and the figures of their metrics, in the order of the Runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from run_operator.api.figures import figures, flat
from run_operator.api.raw import JSON, mapping
from run_operator.web.view.rows import MAX_TEXT, row

MAX_RUNS: Final = 100
MAX_PARAMETERS: Final = 500
"""Fields of all documents together, at most; the answer says how many were left out."""


def comparison(objects: Sequence[JSON]) -> dict[str, Any]:
    """The comparison; a value is None if a Run does not have it."""
    leaves = [dict(flat(mapping(mapping(raw.get("spec")).get("spec")))) for raw in objects]
    paths = list(dict.fromkeys(path for one in leaves for path in one))
    statuses = [mapping(raw.get("status")) for raw in objects]
    names = dict.fromkeys(name for status in statuses for name in mapping(status.get("metrics")))
    return {
        "runs": [row(raw) for raw in objects],
        "parameters": {path: [_shown(one.get(path)) for one in leaves] for path in paths[:MAX_PARAMETERS]},
        "parametersLeftOut": max(0, len(paths) - MAX_PARAMETERS),
        "metrics": {name: [_figures(status, name) for status in statuses] for name in names},
    }


def _figures(status: JSON, name: str) -> dict[str, Any] | None:
    if name not in mapping(status.get("metrics")):
        return None
    found = figures(status, name)
    return {"last": found.last, "min": found.min, "max": found.max, "count": found.logged}


def _shown(value: Any) -> Any:
    return value[:MAX_TEXT] if isinstance(value, str) else value
