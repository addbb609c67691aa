"""Several Runs beside each other: in what their documents differ, and what their metrics came to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from run_operator.api.raw import mapping, number

if TYPE_CHECKING:
    from run_operator.client.run import Run

IDENTITY = frozenset({"task", "local_execution"})
"""Fields of the inner spec that make no difference to the program."""


class Figures(NamedTuple):
    """What is known of all values of one metric, also of those that are not in the list any more."""

    last: float | None = None
    min: float | None = None
    max: float | None = None
    logged: int = 0
    """How many values."""


@dataclass(frozen=True)
class Comparison:
    """By the names of the Runs in the cluster, in the order they were given."""

    runs: list[str]
    states: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Field of the document to its value in each Run; of those that differ. `envs.LR`, `resources.cpu`, `args[1]`."""
    metrics: dict[str, dict[str, Figures]] = field(default_factory=dict)
    """Metric to its figures in each Run that has it."""
    values: dict[str, dict[str, list[float | None]]] = field(default_factory=dict)
    """Metric to its list in each Run that has one."""

    def best(self, metric: str, *, largest: bool = False) -> str | None:
        """The Run with the smallest, or largest, last value of a metric; None where no Run has one."""
        found = {run: one.last for run, one in self.metrics.get(metric, {}).items() if one.last is not None}
        choose = max if largest else min
        return choose(found, key=lambda run: found[run]) if found else None


def compare(runs: Sequence[Run]) -> Comparison:
    """From the Runs as they were read last."""
    names = [run.object_name for run in runs]
    made = Comparison(names, {run.object_name: str(run.status.get("state")) for run in runs})
    flat = {run.object_name: dict(_flat(run.spec)) for run in runs}
    for path in dict.fromkeys(path for one in flat.values() for path in one):
        values = {name: flat[name].get(path) for name in names}
        if any(value != values[names[0]] for value in values.values()):
            made.parameters[path] = values
    for run in runs:
        for metric, value in mapping(run.status.get("metrics")).items():
            made.metrics.setdefault(metric, {})[run.object_name] = figures(run.status, metric)
            if isinstance(value, list):
                made.values.setdefault(metric, {})[run.object_name] = value
    return made


def figures(status: Mapping[str, Any], metric: str) -> Figures:
    """From metricsInfo where it says them, else from the values that are there."""
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
    """The last value of a metric; None where there is none, or it was NaN or an infinity."""
    return figures(status, metric).last


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf of a document with its path; an entry of a list that has a name is called by it."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if path or key not in IDENTITY:
                yield from _flat(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            if isinstance(inner, Mapping) and set(inner) == {"name", "value"}:
                yield f"{path}.{inner['name']}", inner["value"]
            else:
                yield from _flat(inner, f"{path}[{i}]")
    elif value not in (None, ""):
        yield path, value
