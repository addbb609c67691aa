"""Figures of a Run's metrics, and the fields of its document, for comparisons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from run_operator.api.raw import mapping, number

IDENTITY: Final = frozenset({"task", "local_execution"})
"""Fields of the inner spec that do not change the program."""


class Figures(NamedTuple):
    """Figures of all values of one metric, including those that are not in its list any more."""

    last: float | None = None
    min: float | None = None
    max: float | None = None
    logged: int = 0
    """Number of values."""


def figures(status: Mapping[str, Any], metric: str) -> Figures:
    """The figures from metricsInfo, else from the list."""
    value = mapping(status.get("metrics")).get(metric)
    info = mapping(mapping(status.get("metricsInfo")).get(metric))
    listed = value if isinstance(value, list) else [value]
    numbers = [one for one in listed if isinstance(one, int | float) and not isinstance(one, bool)]
    if not numbers:
        return Figures(logged=number(info.get("count")))
    last = listed[-1] if listed else None
    return Figures(
        last=info.get("last", last),
        min=info.get("min", min(numbers)),
        max=info.get("max", max(numbers)),
        logged=number(info.get("count")) or len(listed),
    )


def last_value(status: Mapping[str, Any], metric: str) -> float | None:
    """The last value of a metric; None: no value, NaN or infinity."""
    return figures(status, metric).last


def flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of a document by its path; a list's entry with a name is identified by it."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if path or key not in IDENTITY:
                yield from flat(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            if isinstance(inner, Mapping) and set(inner) == {"name", "value"}:
                yield f"{path}.{inner['name']}", inner["value"]
            else:
                yield from flat(inner, f"{path}[{i}]")
    elif value not in (None, ""):
        yield path, value
