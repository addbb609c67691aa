"""Metrics as they stand in the Run's status: `status.metrics` and `status.metricsInfo`. And back.

The two fields hold everything: what is read back behaves like what was written. Reading never fails: what a person
broke by hand is read as far as it makes sense, and an entry that makes none is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from run_operator.api.raw import JSON, pointer
from run_operator.metrics.metric_set import Metric, MetricSet
from run_operator.metrics.numbers import NotANumberError, Number, Value, numbers
from run_operator.metrics.series import Aggregates, Series, Single


def values(book: MetricSet) -> dict[str, Any]:
    """`status.metrics`: name to list or number."""
    return {
        key: list(metric.kept) if isinstance(metric, Series) else metric.value
        for key, metric in book.metrics.items()
    }


def info(book: MetricSet) -> dict[str, dict[str, Any]]:
    """`status.metricsInfo`."""
    return {
        key: _of_series(metric) if isinstance(metric, Series) else _of_single(metric)
        for key, metric in book.metrics.items()
    }


def restored(values: JSON, info: JSON) -> MetricSet:
    """The inverse of the two."""
    found: dict[str, Metric] = {}
    for key, value in values.items():
        told = info.get(key)
        metric = _metric(value, told if isinstance(told, Mapping) else {})
        if metric is not None:
            found[key] = metric
    return MetricSet(found)


def _of_single(single: Single) -> dict[str, Any]:
    told: dict[str, Any] = {"kind": "Single", "count": single.count}
    return told | ({"ignored": single.ignored} if single.ignored else {})


def _of_series(series: Series) -> dict[str, Any]:
    figures = series.figures
    told: dict[str, Any] = {"kind": "List", "count": series.count, "stride": series.stride}
    if figures.least is not None and figures.most is not None:
        told |= {"min": figures.least, "minIndex": figures.least_at}
        told |= {"max": figures.most, "maxIndex": figures.most_at}
    if figures.total is not None:
        told["sum"] = figures.total
    if figures.last is not None:
        told["last"] = figures.last
    told["nonFinite"] = figures.non_finite
    rare = {
        "sumRest": figures.rest,
        "firstNonFinite": figures.first_non_finite if figures.non_finite else 0,
        "rewinds": series.rewinds,
        "refused": series.refused,
        "ignored": series.ignored,
    }
    told |= {name: value for name, value in rare.items() if value}
    return told if series.exact else told | {"exact": False}


def _metric(value: Any, told: JSON) -> Metric | None:
    try:
        if isinstance(value, list):
            return _series(numbers(value), told)
        return Single(numbers([value])[0], max(1, _count(told, "count")), _count(told, "ignored"))
    except NotANumberError:
        return None


def _series(kept: list[Value], told: JSON) -> Series:
    stride, count = _count(told, "stride"), _count(told, "count")
    plausible = stride > 0 and stride & (stride - 1) == 0 and len(kept) == -(-count // stride)
    if not plausible:  # edited by hand: the list is what counts
        series = Series()
        series.append(kept)
        return series
    series = Series.restored(kept, count, stride, _figures(told))
    series.rewinds = _count(told, "rewinds")
    series.refused = _count(told, "refused")
    series.ignored = _count(told, "ignored")
    series.exact = told.get("exact") is not False
    return series


def _figures(told: JSON) -> Aggregates:
    total, rest = _number(told.get("sum")), _number(told.get("sumRest"))
    return Aggregates(
        least=_number(told.get("min")),
        least_at=_count(told, "minIndex"),
        most=_number(told.get("max")),
        most_at=_count(told, "maxIndex"),
        total=None if total is None else float(total),
        rest=float(rest or 0.0),
        last=_number(told.get("last")),
        non_finite=_count(told, "nonFinite"),
        first_non_finite=_count(told, "firstNonFinite"),
    )


def _count(told: JSON, name: str) -> int:
    value = told.get(name)
    return value if type(value) is int and value >= 0 else 0


def _number(value: Any) -> Number | None:
    return value if type(value) in (int, float) else None


ROOT: Final = ("status", "metrics")
MOST: Final = 1000
"""Values that one patch adds one by one: the API server walks to the list for each, and takes 10,000 operations at most."""
SHARE: Final = 4
"""A new end is added to a list when it is this many times shorter than the list; else the list is written whole."""


def difference(there: JSON | None, wanted: JSON) -> list[dict[str, Any]]:
    """JSON patch operations that turn the one `status.metrics` into the other.

    `there`: what the status holds for certain; None where that is not known, and everything is written.
    """
    if not there or not there.keys() <= wanted.keys():
        return [{"op": "add", "path": pointer(*ROOT), "value": wanted}]
    found: list[dict[str, Any]] = []
    for key, value in wanted.items():
        path, before = pointer(*ROOT, key), there.get(key)
        end = _new_end(before, value)
        if end is not None and len(found) + len(end) <= MOST:
            found += ({"op": "add", "path": f"{path}/-", "value": one} for one in end)
        elif before != value:
            found.append({"op": "add", "path": path, "value": value})
    return found


def _new_end(before: Any, value: Any) -> list[Any] | None:
    """The values that were appended; None where that is not all, or not little."""
    if not isinstance(before, list) or not isinstance(value, list):
        return None
    end = value[len(before) :]
    return end if SHARE * len(end) <= len(value) and value[: len(before)] == before else None
