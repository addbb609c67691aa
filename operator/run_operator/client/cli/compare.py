"""`runctl compare`: Runs beside each other."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from run_operator.client.cli import output as shown
from run_operator.client.cli.exit_codes import Several
from run_operator.client.cli.options import (
    cluster_options,
    connect,
    run_argument,
    selection_options,
    the_runs,
)
from run_operator.client.terminal_text import short, visible

if TYPE_CHECKING:
    from run_operator.api.metric_figures import Figures
    from run_operator.client.comparison import Comparison

MAX_CELL = 40


@click.command("compare")
@run_argument(many=True)
@cluster_options()
@selection_options()
@click.option("-m", "--metric", "metrics", multiple=True, help="Only these metrics; repeatable.")
@click.option("--no-plot", is_flag=True, help="No chart.")
@click.option(
    "-o", "--output", type=click.Choice(["table", "json", "yaml"]), default="table", show_default=True
)
def compare_command(
    names: tuple[str, ...],
    namespace: str | None,
    context: str | None,
    kubeconfig: str | None,
    selector: str,
    project: str | None,
    metrics: tuple[str, ...],
    no_plot: bool,
    output: str,
) -> None:
    """Show how the documents of Runs differ, the last, smallest and largest value of their metrics, and one chart.

    The chart is of the first metric that is a list: choose another one with --metric.
    """
    from run_operator.client.comparison import compare

    several = Several()
    runs = the_runs(connect(namespace, context, kubeconfig), names, selector, several, project=project)
    if runs:
        found = compare(runs)
        _check(found, metrics)
        chosen = list(metrics) or sorted(found.metrics)
        if output == "table":
            _show(found, chosen, plot=not no_plot)
        else:
            shown.structured(_plain(found, chosen), output)
    several.end()


def _check(found: Comparison, metrics: tuple[str, ...]) -> None:
    for metric in metrics:
        if metric not in found.metrics:
            there = ", ".join(sorted(found.metrics)) or "none"
            raise click.UsageError(f"none of these Runs has a metric {metric!r}; their metrics are: {there}")


def _show(found: Comparison, metrics: list[str], *, plot: bool) -> None:
    rows: list[list[str]] = [["state", *(found.states[run] for run in found.runs)]]
    for path, values in found.parameters.items():
        rows.append([path, *(_cell(values[run]) for run in found.runs)])
    for metric in metrics:
        figures = found.metrics[metric]
        rows += [
            [f"{metric} {name}", *(_figure(figures.get(run), name) for run in found.runs)]
            for name in ("last", "min", "max")
        ]
    shown.table(["", *found.runs], rows)
    lists = [metric for metric in metrics if metric in found.values]
    if plot and lists:
        from run_operator.client.cli.plot import overlay

        click.echo()
        for line in overlay(lists[0], found.values[lists[0]]):
            click.echo(visible(line))


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= MAX_CELL else text[: MAX_CELL - 3] + "..."


def _figure(figures: Figures | None, name: str) -> str:
    value = getattr(figures, name) if figures else None
    return "-" if value is None else short(value, 6)


def _plain(found: Comparison, metrics: list[str]) -> dict[str, Any]:
    return {
        "runs": found.runs,
        "states": found.states,
        "parameters": found.parameters,
        "metrics": {
            metric: {run: figures._asdict() for run, figures in found.metrics[metric].items()}
            for metric in metrics
        },
    }
