"""Several Runs beside each other: in what their documents differ, and what their metrics came to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from run_operator.api.metric_figures import Figures, figures, flat
from run_operator.api.raw import mapping

if TYPE_CHECKING:
    from run_operator.client.run import Run


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
    leaves = {run.object_name: dict(flat(run.spec)) for run in runs}
    for path in dict.fromkeys(path for one in leaves.values() for path in one):
        values = {name: leaves[name].get(path) for name in names}
        if any(value != values[names[0]] for value in values.values()):
            made.parameters[path] = values
    for run in runs:
        for metric, value in mapping(run.status.get("metrics")).items():
            made.metrics.setdefault(metric, {})[run.object_name] = figures(run.status, metric)
            if isinstance(value, list):
                made.values.setdefault(metric, {})[run.object_name] = value
    return made
