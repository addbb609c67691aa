"""Metrics as they stand in the Run's status: `status.metrics` and `status.metricsInfo`. And back.

The two fields hold everything: what is read back behaves like what was written. Reading never fails: what a person
broke by hand is read as far as it makes sense, and an entry that makes none is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from run_operator.api.raw import JSON, pointer
from run_operator.metrics.arrivals import Arrivals
from run_operator.metrics.metric_set import Metric, MetricSet
from run_operator.metrics.numbers import NotANumberError, Number, Value, numbers
from run_operator.metrics.series import Aggregates, Series, Single


def values(held: MetricSet) -> dict[str, Any]:
    """`status.metrics`: name to list or number."""
    return {
        key: list(metric.kept) if isinstance(metric, Series) else metric.value
        for key, metric in held.metrics.items()
    }


def info(held: MetricSet) -> dict[str, dict[str, Any]]:
    """`status.metricsInfo`."""
    return {
        key: _of_series(metric) if isinstance(metric, Series) else _of_single(metric)
        for key, metric in held.metrics.items()
    }


def restored(values: JSON, info: JSON) -> MetricSet:
    """The inverse of the two."""
    found: dict[str, Metric] = {}
    for key, value in values.items():
        entry = info.get(key)
        metric = _metric(value, entry if isinstance(entry, Mapping) else {})
        if metric is not None:
            found[key] = metric
    return MetricSet(found)


def _of_single(single: Single) -> dict[str, Any]:
    entry: dict[str, Any] = {"kind": "Single", "count": single.count}
    entry |= {"last": single.value} if single.value is not None else {}
    return entry | ({"ignored": single.ignored} if single.ignored else {})


def _of_series(series: Series) -> dict[str, Any]:
    figures = series.figures
    entry: dict[str, Any] = {"kind": "List", "count": series.count, "stride": series.stride}
    if figures.least is not None and figures.most is not None:
        entry |= {"min": figures.least, "minIndex": figures.least_at}
        entry |= {"max": figures.most, "maxIndex": figures.most_at}
    if figures.total is not None:
        entry["sum"] = figures.total
    if figures.last is not None:
        entry["last"] = figures.last
    entry["nonFinite"] = figures.non_finite
    rare = {
        "sumRest": figures.rest,
        "firstNonFinite": figures.first_non_finite if figures.non_finite else 0,
        "rewinds": series.rewinds,
        "refused": series.refused,
        "ignored": series.ignored,
    }
    entry |= {name: value for name, value in rare.items() if value}
    entry |= {"arrivals": series.arrivals.to_status()} if series.arrivals.counts else {}
    return entry if series.exact else entry | {"exact": False}


def _metric(value: Any, entry: JSON) -> Metric | None:
    try:
        if isinstance(value, list):
            return _series(numbers(value), entry)
        return Single(numbers([value])[0], max(1, _count(entry, "count")), _count(entry, "ignored"))
    except NotANumberError:
        return None


def _series(kept: list[Value], entry: JSON) -> Series:
    stride, count = _count(entry, "stride"), _count(entry, "count")
    plausible = stride > 0 and stride & (stride - 1) == 0 and len(kept) == -(-count // stride)
    if not plausible:  # edited by hand: the list is what counts
        series = Series()
        series.append(kept)
        return series
    series = Series.restored(kept, count, stride, _figures(entry))
    series.rewinds = _count(entry, "rewinds")
    series.refused = _count(entry, "refused")
    series.ignored = _count(entry, "ignored")
    series.exact = entry.get("exact") is not False
    arrivals = Arrivals.restored(entry.get("arrivals"))
    series.arrivals = arrivals if arrivals.counts and arrivals.counts[-1] == count else Arrivals()
    return series


def _figures(entry: JSON) -> Aggregates:
    total, rest = _number(entry.get("sum")), _number(entry.get("sumRest"))
    return Aggregates(
        least=_number(entry.get("min")),
        least_at=_count(entry, "minIndex"),
        most=_number(entry.get("max")),
        most_at=_count(entry, "maxIndex"),
        total=None if total is None else float(total),
        rest=float(rest or 0.0),
        last=_number(entry.get("last")),
        non_finite=_count(entry, "nonFinite"),
        first_non_finite=_count(entry, "firstNonFinite"),
    )


def _count(entry: JSON, name: str) -> int:
    value = entry.get(name)
    return value if type(value) is int and value >= 0 else 0


def _number(value: Any) -> Number | None:
    return value if type(value) in (int, float) else None


ROOT: Final = ("status", "metrics")
MOST: Final = 1000
"""Most values that one patch appends one by one; the API server accepts 10,000 operations a patch."""
SHARE: Final = 4
"""Append only if the new end is this many times shorter than the list; otherwise write the whole list."""


def difference(there: JSON | None, wanted: JSON) -> list[dict[str, Any]]:
    """The JSON patch operations that turn the stored `status.metrics` into the wanted one.

    `there`: the stored metrics; None if they are unknown, and then everything is written.
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
    """The appended values; None if the lists differ elsewhere or the new end is long."""
    if not isinstance(before, list) or not isinstance(value, list):
        return None
    end = value[len(before) :]
    return end if SHARE * len(end) <= len(value) and value[: len(before)] == before else None
