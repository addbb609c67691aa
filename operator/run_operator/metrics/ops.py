"""What a batch asks for, one class an operation. Values are checked already."""

from __future__ import annotations

from dataclasses import dataclass

from run_operator.metrics.numbers import Value


@dataclass(frozen=True, slots=True)
class Append:
    """Onto a list; a single value v becomes the list [v] first."""

    key: str
    values: list[Value]


@dataclass(frozen=True, slots=True)
class Replace:
    """A list instead of whatever was there; its figures start anew."""

    key: str
    values: list[Value]


@dataclass(frozen=True, slots=True)
class Set:
    """A single value if the key is new; else only with `overwrite`."""

    key: str
    value: Value
    overwrite: bool


@dataclass(frozen=True, slots=True)
class Put:
    """A single value if the key is new, else appended: the platform's `log_metrics`."""

    key: str
    value: Value


@dataclass(frozen=True, slots=True)
class Truncate:
    """Keep the first `length` values of a list."""

    key: str
    length: int


Op = Append | Replace | Set | Put | Truncate
