"""Exact figures over all values of a list, kept or not: smallest, largest, sum, last, how many were not finite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import fsum

from run_operator.metrics.numbers import Number, Value


@dataclass(slots=True)
class Aggregates:
    """Indexes count from 0 over all values logged. Figures that nothing is known of are None.

    The sum is held as two doubles, `total` and what rounding left out of it, `rest`: so it is the correctly rounded
    sum however many batches and restarts it was made over. Beyond a double's range it is given up (`total` None).
    """

    least: Number | None = None
    least_at: int = 0
    most: Number | None = None
    most_at: int = 0
    total: float | None = 0.0
    rest: float = 0.0
    last: Value = None
    non_finite: int = 0
    first_non_finite: int = 0

    def add(self, values: Sequence[Value], start: int) -> None:
        """Values that follow; the first of them has the index `start`."""
        if not values:
            return
        self.last = values[-1]
        finite = [value for value in values if value is not None] if None in values else values
        missing = len(values) - len(finite)
        if missing and not self.non_finite:
            self.first_non_finite = start + values.index(None)
        self.non_finite += missing
        if finite:
            self._extremes(finite, values, start)  # type: ignore[arg-type]
            self._sum(finite)  # type: ignore[arg-type]

    def copy(self) -> Aggregates:
        """An independent one."""
        return replace(self)

    def _extremes(self, finite: Sequence[Number], values: Sequence[Value], start: int) -> None:
        least, most = min(finite), max(finite)
        if self.least is None or least < self.least:
            self.least, self.least_at = least, start + values.index(least)
        if self.most is None or most > self.most:
            self.most, self.most_at = most, start + values.index(most)

    def _sum(self, finite: Sequence[Number]) -> None:
        if self.total is None:
            return
        try:
            total = fsum((self.total, self.rest, *finite))
            self.rest = fsum((self.total, self.rest, -total, *finite))
            self.total = total
        except OverflowError:
            self.total, self.rest = None, 0.0
