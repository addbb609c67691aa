"""The answer with the series of a Run: steps, times and values as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from run_operator.api.raw import JSON, mapping, parse
from run_operator.web.view.curves import MAX_POINTS, Curve, curve, special_of
from run_operator.web.view.logged_times import LoggedTimes, RunTimes

MAX_NAMES: Final = 64
"""Metrics of one answer: as many as a Run has."""


def series_answer(
    raw: JSON,
    names: Sequence[str],
    now: float,
    points: int = MAX_POINTS,
    first: int = 0,
    last: int | None = None,
) -> dict[str, Any]:
    """The series of the named metrics, or of all, from step `first` to `last`. An unknown name is left out."""
    metadata, status = mapping(raw.get("metadata")), mapping(raw.get("status"))
    created = parse(metadata.get("creationTimestamp"))
    times = RunTimes(status, created, now)
    wanted = list(dict.fromkeys(names or mapping(status.get("metrics"))))[:MAX_NAMES]
    found = [(name, one) for name in wanted if (one := curve(status, name, points, first, last)) is not None]
    return {"series": [_series(name, one, times.of(name, one.count)) for name, one in found]}


def _series(name: str, found: Curve, times: LoggedTimes) -> dict[str, Any]:
    return {
        "name": name,
        "points": {
            "step": found.step,
            "wall": times.wall(found.step),
            "active": times.active(found.step),
            "value": found.value,
            "min": found.least,
            "max": found.most,
        },
        "buckets": found.bucketed,
        "count": found.count,
        "stride": found.stride,
        "joined": found.joined,
        "attempts": times.of_attempts(),
        "estimated": times.estimated,
        "special": special_of(found),
    }
