"""A list metric: all values while they fit, then every 2nd, 4th, 8th..., with exact figures over all values.

The invariant is ``kept == logged[::stride]``. So the list can always be plotted (index times stride is the step), every
kept value was logged, and the Run's status is enough to continue after a restart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import fsum

from run_operator.metrics.arrivals import Arrivals
from run_operator.metrics.numbers import LONGEST, Number, Value, text_bytes


@dataclass(slots=True)
class Aggregates:
    """Figures over all logged values; indexes count from 0. An unknown figure is None.

    The sum is held as two doubles, `total` and its rounding error `rest`, so it is correctly rounded over any number of
    batches and restarts. Beyond the range of a double `total` is None.
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
        """Add the next values; the first one has the index `start`."""
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
        """An independent copy."""
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


@dataclass(slots=True)
class Series:
    """`logged` means all values since the list began or was replaced, without those that a rewind removed."""

    kept: list[Value] = field(default_factory=list)
    count: int = 0
    """Number of logged values."""
    stride: int = 1
    """A power of two; 1 for a complete list."""
    figures: Aggregates = field(default_factory=Aggregates)
    rewinds: int = 0
    """Number of times that the end was removed to continue from an earlier step."""
    exact: bool = True
    """False after a rewind of a thinned list; `truncate` says which figures are still known."""
    refused: int = 0
    """Number of values refused at the budget (`onLimit: Fail`); after the first one the list does not grow."""
    ignored: int = 0
    """Number of `set` values that were not stored because the metric existed."""
    arrivals: Arrivals = field(default_factory=Arrivals)
    _bytes: int = 0

    @classmethod
    def restored(cls, kept: list[Value], count: int, stride: int, figures: Aggregates) -> Series:
        """Restore a series from a status."""
        return cls(kept, count, stride, figures, _bytes=text_bytes(kept))

    @property
    def size(self) -> int:
        """Bytes of the list in JSON."""
        return max(2, self._bytes + 1)

    @property
    def reducible(self) -> bool:
        """Whether it can be thinned."""
        return len(self.kept) > 1

    def fresh(self, values: Sequence[Value]) -> list[Value]:
        """The values that an append would keep."""
        return list(values[(-self.count) % self.stride :: self.stride])

    def append(self, values: Sequence[Value], now: float | None = None) -> None:
        """Append values, which came in at this time (seconds since the epoch) if that is known."""
        if now is not None:
            self.arrivals.note(self.count, self.count + len(values), now)
        kept = self.fresh(values)
        self.figures.add(values, self.count)
        self.count += len(values)
        self.kept += kept
        self._bytes += text_bytes(kept)

    def thin(self) -> None:
        """Keep every second kept value."""
        self.stride *= 2
        self.kept = self.kept[::2]
        self._bytes = text_bytes(self.kept)

    def truncate(self, length: int) -> None:
        """Remove all values from index `length` on, as if they had not been logged.

        A complete list stays exact. A thinned list has lost values between the kept ones: minimum and maximum are exact
        if they were logged before the cut, else they are those of the kept values; the sum becomes unknown; `last` is
        the last kept value until the next append. `exact` becomes False.
        """
        if length >= self.count:
            return
        self.kept = self.kept[: -(-length // self.stride)]
        self.count = length
        self.arrivals.truncate(length)
        self.rewinds += 1
        self.refused = 0
        self._bytes = text_bytes(self.kept)
        if not self.kept:
            self.stride, self.exact = 1, True
        self.figures = self._exact_figures() if self.stride == 1 else self._known_figures()
        self.exact = self.exact and self.stride == 1

    def _exact_figures(self) -> Aggregates:
        figures = Aggregates()
        figures.add(self.kept, 0)
        return figures

    def _known_figures(self) -> Aggregates:
        before, known = self.figures, Aggregates()
        known.add(self.kept, 0)
        known.least_at *= self.stride
        known.most_at *= self.stride
        known.first_non_finite *= self.stride
        known.total, known.rest = None, 0.0
        if before.least is not None and before.least_at < self.count:
            known.least, known.least_at = before.least, before.least_at
        if before.most is not None and before.most_at < self.count:
            known.most, known.most_at = before.most, before.most_at
        if before.non_finite and before.first_non_finite < self.count:
            known.non_finite = max(known.non_finite, 1)
            known.first_non_finite = before.first_non_finite
        return known


@dataclass(slots=True)
class Single:
    """`value` None: NaN or an infinity was logged."""

    value: Value
    count: int = 1
    """Number of times it was set."""
    ignored: int = 0
    """As `Series.ignored`."""

    @property
    def size(self) -> int:
        """Bytes it may need in JSON, whatever its value becomes."""
        return LONGEST

    def set(self, value: Value) -> None:
        """Set the value."""
        self.value = value
        self.count += 1
