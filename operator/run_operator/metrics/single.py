"""A metric that is one number."""

from __future__ import annotations

from dataclasses import dataclass

from run_operator.metrics.numbers import LONGEST, Value


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
