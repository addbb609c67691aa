"""A list metric: every value while they fit, then every 2nd, 4th, 8th..., with exact figures over all of them.

The invariant: ``kept == logged[::stride]``. So the list can always be plotted (index times stride is the step),
nothing is invented, and what is in the Run's status is enough to go on after a restart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import fsum

from run_operator.metrics.numbers import LONGEST, Number, Value, text_bytes


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


@dataclass(slots=True)
class Series:
    """`logged` are all values since the list began, or since the last `replace`, without those cut off by a rewind."""

    kept: list[Value] = field(default_factory=list)
    count: int = 0
    """How many values were logged."""
    stride: int = 1
    """A power of two; 1: the list is complete."""
    figures: Aggregates = field(default_factory=Aggregates)
    rewinds: int = 0
    """How often the end was cut off to go on from an earlier step."""
    exact: bool = True
    """False after a rewind of a thinned list: then the figures are those that are still known, see `truncate`."""
    refused: int = 0
    """Values not taken because the budget was full (`onLimit: Fail`); from then on the list stays as it is."""
    ignored: int = 0
    """Values given with `set` that were not stored, because the metric was there already."""
    _bytes: int = 0

    @classmethod
    def restored(cls, kept: list[Value], count: int, stride: int, figures: Aggregates) -> Series:
        """One that was written to a status before."""
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
        """Those of the values that would be kept if they were appended now."""
        return list(values[(-self.count) % self.stride :: self.stride])

    def append(self, values: Sequence[Value]) -> None:
        """Values that follow."""
        kept = self.fresh(values)
        self.figures.add(values, self.count)
        self.count += len(values)
        self.kept += kept
        self._bytes += text_bytes(kept)

    def thin(self) -> None:
        """Keep every second of the values that are kept."""
        self.stride *= 2
        self.kept = self.kept[::2]
        self._bytes = text_bytes(self.kept)

    def truncate(self, length: int) -> None:
        """Forget all values from index `length` on, as if they had not been logged.

        A complete list stays exact. Of a thinned one the values between the kept ones are not there any more: then
        the smallest and largest are exact if they were logged before the cut, else those of the kept values; the sum
        is not known any more; `last` is the last kept value until the next one comes. `exact` says that it is so.
        """
        if length >= self.count:
            return
        self.kept = self.kept[: -(-length // self.stride)]
        self.count = length
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
    """How often it was set."""
    ignored: int = 0
    """As of a list."""

    @property
    def size(self) -> int:
        """Bytes it may need in JSON, whatever its value becomes."""
        return LONGEST

    def set(self, value: Value) -> None:
        """Overwrite it."""
        self.value = value
        self.count += 1
