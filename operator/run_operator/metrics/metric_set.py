"""All metrics of one Run: the meaning of every operation, and the byte budget they share.

Operations act on stored values as the platform's `log_metric` does, with two repairs: a list that meets a single
value makes a list (the platform crashes), and a single value that is not stored is counted (the platform is silent).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from run_operator.metrics.arrivals import room
from run_operator.metrics.numbers import LONGEST, Value, key_bytes, text_bytes
from run_operator.metrics.protocol import Append, Batch, Op, Put, Replace, Set, Truncate, UnacceptableError
from run_operator.metrics.series import Series, Single

MAX_KEYS: Final = 64
"""Metrics of one Run."""
MAX_NOTES: Final = 8
LEAST: Final = LONGEST + 2
"""Bytes a list of one value may need."""

Metric = Series | Single


@dataclass(frozen=True, slots=True)
class MetricLimits:
    """Bounds on the metrics in a Run's status."""

    budget: int = 65_536
    """Bytes of `status.metrics` in JSON."""
    fail: bool = False
    """True: at the budget further values are refused (`onLimit: Fail`); False: the lists are thinned."""


@dataclass(slots=True)
class MetricSet:
    """Name to metric. Changed in place, one batch at a time."""

    metrics: dict[str, Metric] = field(default_factory=dict)
    refused: int = 0
    """Number of values that were refused, for lack of room or by `onLimit: Fail`."""

    @property
    def size(self) -> int:
        """Bytes of all metrics as one JSON object; an upper bound."""
        return 2 + sum(key_bytes(key) + metric.size for key, metric in self.metrics.items())

    def apply(self, batch: Batch, limits: MetricLimits, now: float | None = None) -> list[str]:
        """Apply all operations in order; returns notes for the sender. `now`: see `Series.append`.

        Raises UnacceptableError; then only the counts of refused values have changed.
        """
        self._check_room(batch.ops, limits)
        notes: list[str] = []
        before = self.size if limits.fail else 0
        stored = 0
        for op in batch.ops:
            note = self._refused(op, limits) if limits.fail else None
            if note is None:
                stored += 1
                note = self._apply(op, now)
            if note and len(notes) < MAX_NOTES:
                notes.append(note)
        if batch.ops and not stored:
            raise UnacceptableError(notes[0])
        if not limits.fail or before > limits.budget:
            self.fit(limits.budget)
        return notes

    def fit(self, budget: int) -> None:
        """Thin the largest lists until all metrics fit the budget (bytes) or no list can be thinned."""
        size = self.size
        while size > budget:
            largest = max(
                (m for m in self.metrics.values() if isinstance(m, Series) and m.reducible),
                key=lambda series: series.size,
                default=None,
            )
            if largest is None:
                return
            size -= largest.size
            largest.thin()
            size += largest.size

    def fit_arrivals(self, budget: int) -> int:
        """Keep as many samples of when values came in as there is room for; returns their number."""
        lists = [one for one in self.metrics.values() if isinstance(one, Series)]
        for series in lists:
            series.arrivals.fit(room(budget, len(lists)))
        return sum(len(series.arrivals) for series in lists)

    def _check_room(self, ops: Sequence[Op], limits: MetricLimits) -> None:
        """Refuse new names that do not fit even if every list were thinned to one value.

        One error lists all of them, and their values are counted as refused.
        """
        new = {op.key: None for op in ops if op.key not in self.metrics and not isinstance(op, Truncate)}
        least = 2 + sum(key_bytes(key) + LEAST for key in self.metrics)
        rejected, many = [], len(self.metrics)
        for key in new:
            needed = key_bytes(key) + LEAST
            if many >= MAX_KEYS or least + needed > limits.budget:
                rejected.append(key)
            else:
                many, least = many + 1, least + needed
        if not rejected:
            return
        self.refused += sum(len(_appended(op, None) or ()) for op in ops if op.key in set(rejected))
        if many >= MAX_KEYS:
            why = f"metric {rejected[0]!a} does not fit: a Run can have at most {MAX_KEYS} metrics"
        else:
            why = (
                f"metric {rejected[0]!a} does not fit: all metrics of a Run may use {limits.budget} bytes of its "
                f"status (runPolicy.metrics.statusBudget)"
            )
        raise UnacceptableError(why, keys=rejected)

    def _refused(self, op: Op, limits: MetricLimits) -> str | None:
        """For `onLimit: Fail`: count an operation that does not fit and return a note; None if it fits."""
        there = self.metrics.get(op.key)
        values = _appended(op, there)
        if values is None:
            return None
        frozen = isinstance(there, Series) and there.refused > 0 and not isinstance(op, Replace | Set)
        if not frozen and self.size + self._growth(op, there, values) <= limits.budget:
            return None
        self.refused += len(values)
        if isinstance(there, Series):
            there.refused += len(values)
        return (
            f"{op.key!a}: {len(values)} values refused: the Run's metrics have used up their "
            f"{limits.budget} bytes (onLimit: Fail)"
        )

    def _growth(self, op: Op, there: Metric | None, values: Sequence[Value]) -> int:
        """Upper bound of the bytes that the operation adds."""
        if there is None:
            return key_bytes(op.key) + LONGEST + text_bytes(values)
        if isinstance(op, Replace | Set):
            return LONGEST + text_bytes(values) - there.size
        return LONGEST + text_bytes(there.fresh(values) if isinstance(there, Series) else values)

    def _apply(self, op: Op, now: float | None) -> str | None:
        there = self.metrics.get(op.key)
        match op:
            case Append(key, values):
                self._list(key, there).append(values, now)
            case Replace(key, values):
                series = Series(ignored=there.ignored if there else 0)
                series.append(values, now)
                self.metrics[key] = series
            case Put(key, value) if there is None:
                self.metrics[key] = Single(value)
            case Put(key, value):
                self._list(key, there).append([value], now)
            case Set():
                return self._set(op, there)
            case Truncate(key, length):
                return _truncated(key, there, length)
        return None

    def _list(self, key: str, there: Metric | None) -> Series:
        """The list of that name; a single value becomes the first value of a new list."""
        if isinstance(there, Series):
            return there
        series = Series()
        if there is not None:
            series.ignored = there.ignored
            series.append([there.value])
        self.metrics[key] = series
        return series

    def _set(self, op: Set, there: Metric | None) -> str | None:
        if there is None:
            self.metrics[op.key] = Single(op.value)
        elif not op.overwrite:
            there.ignored += 1
            kind = "list" if isinstance(there, Series) else "value"
            return f"{op.key!a} already has a {kind}; set overwrite to replace it"
        elif isinstance(there, Single):
            there.set(op.value)
        else:
            self.metrics[op.key] = Single(op.value, ignored=there.ignored)
        return None


def _appended(op: Op, there: Metric | None) -> Sequence[Value] | None:
    """The values that an operation may add; None if it adds none."""
    match op:
        case Append(_, values) | Replace(_, values):
            return values
        case Put(_, value):
            return [value]
        case Set(_, value, overwrite) if there is None or (overwrite and isinstance(there, Series)):
            return [value]
    return None


def _truncated(key: str, there: Metric | None, length: int) -> str | None:
    if there is None and length == 0:
        return None  # a program that begins without a checkpoint: the list is as it asks
    if not isinstance(there, Series):
        return f"{key!a} is not a list: nothing was truncated"
    if length > there.count:
        return f"{key!a} has only {there.count} values: nothing was truncated"
    there.truncate(length)
    return None


MAX_TEXT: Final = 80
"""Characters."""
MAX_NAME: Final = 24


def summary(metric_set: MetricSet) -> str:
    """`acc 0.93  loss 0.12 (n=400)`: sorted by name, as many as fit; `+3` stands for three more."""
    found = ""
    names = sorted(metric_set.metrics)
    for at, name in enumerate(names):
        entry = f"{name if len(name) <= MAX_NAME else name[: MAX_NAME - 1] + '…'} {_last_text(metric_set.metrics[name])}"
        rest = f"  +{len(names) - at}"
        if found and len(found) + len(entry) + len(rest) > MAX_TEXT:
            return found + rest
        found = f"{found}  {entry}" if found else entry
    return found


def last(metric: Metric) -> float | None:
    """The last value; None for NaN, an infinity, or an empty list."""
    value = metric.figures.last if isinstance(metric, Series) else metric.value
    return None if value is None else float(value)


def _last_text(metric: Metric) -> str:
    value = last(metric)
    number = "-" if value is None else f"{value:.4g}"
    return f"{number} (n={metric.count})" if isinstance(metric, Series) else number
