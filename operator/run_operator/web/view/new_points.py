"""New points of metrics for a viewer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from run_operator.api.raw import JSON, mapping, number, parse
from run_operator.web.view.curves import NOT_FINITE
from run_operator.web.view.detail import summaries
from run_operator.web.view.logged_times import RunTimes

MOST: Final = 2000
"""New points of one metric; the page reads the series again where there are more."""


class Seen(NamedTuple):
    """The part of one metric that a viewer has."""

    kept: int
    stride: int
    rewinds: int
    logged: int


Cursor = Mapping[str, Seen]


def cursor(status: JSON) -> Cursor:
    """The state of all metrics now."""
    info = mapping(status.get("metricsInfo"))
    return {
        name: _seen(value, mapping(info.get(name))) for name, value in mapping(status.get("metrics")).items()
    }


def new_points(raw: JSON, before: Cursor, now: float) -> dict[str, Any]:
    """Metric to its new points and figures. None: the list was thinned or replaced, and has to be read again."""
    status = mapping(raw.get("status"))
    metrics, after = mapping(status.get("metrics")), cursor(status)
    changed = [name for name, seen in after.items() if before.get(name) != seen]
    if not changed:
        return {}
    created = parse(mapping(raw.get("metadata")).get("creationTimestamp"))
    run = RunTimes(status, created, now)
    figures = {one["name"]: one for one in summaries(status)}
    found: dict[str, Any] = {}
    for name in changed:
        seen, known = after[name], before.get(name, Seen(0, after[name].stride, after[name].rewinds, 0))
        summary = {key: figures[name][key] for key in ("type", "count", "last", "min", "max")}
        grown = (seen.stride, seen.rewinds) == (known.stride, known.rewinds) and seen.kept >= known.kept
        if not isinstance(metrics[name], list) or not grown or seen.kept - known.kept > MOST:
            found[name] = None
            continue
        values = [one if type(one) in (float, int) else None for one in metrics[name][known.kept :]]
        steps = [at * seen.stride for at in range(known.kept, seen.kept)]
        times = run.of(name, seen.logged)
        special = [
            {"step": step, "value": NOT_FINITE}
            for step, one in zip(steps, values, strict=True)
            if one is None
        ]
        points = {"step": steps, "wall": times.wall(steps), "active": times.active(steps), "value": values}
        found[name] = summary | points | {"from": known.logged, "special": special}
    return found


def _seen(value: Any, info: JSON) -> Seen:
    kept = len(value) if isinstance(value, list) else 1
    return Seen(
        kept,
        max(1, number(info.get("stride"))),
        number(info.get("rewinds")),
        number(info.get("count")) or kept,
    )
