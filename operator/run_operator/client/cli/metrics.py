"""`runctl metrics`: as a table, a chart in the terminal or in a file, CSV or JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from run_operator.api.raw import mapping, number
from run_operator.client.cli import output as shown
from run_operator.client.cli.options import cluster_options, connect, run_argument, the_run
from run_operator.client.text import visible

if TYPE_CHECKING:
    from run_operator.client.run import Run

Value = Any


@click.command("metrics")
@run_argument()
@click.argument("keys", nargs=-1, metavar="[METRIC]...")
@cluster_options()
@click.option("-o", "--output", type=click.Choice(["table", "json", "yaml", "csv"]), default="table")
@click.option("--plot", is_flag=True, help="Draw each list as a chart, in the terminal.")
@click.option(
    "--csv", "csv_file", type=click.Path(dir_okay=False), help="Write metric,index,value to this file."
)
@click.option(
    "--png", "png_file", type=click.Path(dir_okay=False), help="Write charts to this file (needs matplotlib)."
)
def metrics_command(
    name: str,
    keys: tuple[str, ...],
    namespace: str | None,
    context: str | None,
    kubeconfig: str | None,
    output: str,
    plot: bool,
    csv_file: str | None,
    png_file: str | None,
) -> None:
    """Show the metrics of a Run, or some of them. An empty value stands for NaN or infinity.

    Written to files, they are not shown too, unless --plot asks for it.
    """
    if plot and output != "table":
        raise click.UsageError(f"--plot draws, -o {output} does not: choose one of them")
    run = the_run(connect(namespace, context, kubeconfig), name)
    found = run.metrics
    missing = [key for key in keys if key not in found]
    if missing:
        there = ", ".join(sorted(found)) or "none"
        raise click.UsageError(f"run {run.object_name} has no metric {missing[0]!r}; it has: {there}")
    chosen = {key: found[key] for key in keys or sorted(found)}
    if not chosen:
        click.echo(f"run {run.object_name} has logged no metrics", err=True)
    if csv_file:
        with open(csv_file, "w", newline="", encoding="utf-8") as file:  # noqa: PTH123 - a path a person typed
            _csv(chosen, file)
    if png_file:
        _png(run, chosen, png_file)
    if plot:
        _plots(chosen)
    elif not csv_file and not png_file:
        _show(chosen, output)


def _show(metrics: Mapping[str, Value], output: str) -> None:
    if output in ("json", "yaml"):
        shown.structured(metrics, output)
    elif output == "csv":
        made = io.StringIO()
        _csv(metrics, made)
        shown.data(made.getvalue())
    elif metrics:
        rows = [_row(key, value) for key, value in metrics.items()]
        shown.table(["METRIC", "COUNT", "LAST", "MIN", "MAX"], rows)


def _row(key: str, value: Value) -> list[str]:
    if not isinstance(value, list):
        return [key, "1", _number(value), "", ""]
    numbers = [one for one in value if one is not None]
    ends = [_number(min(numbers)), _number(max(numbers))] if numbers else ["", ""]
    return [key, str(len(value)), _number(value[-1]) if value else "", *ends]


def _number(value: Value) -> str:
    return "" if value is None else f"{value:.6g}"


def _csv(metrics: Mapping[str, Value], file: Any) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["metric", "index", "value"])
    for key, value in metrics.items():
        for index, one in enumerate(value if isinstance(value, list) else [value]):
            # A spreadsheet takes a name that begins like a formula for one.
            writer.writerow(
                [f"'{key}" if key[:1] in "=+-@" else key, index, "" if one is None else repr(one)]
            )


def _plots(metrics: Mapping[str, Value]) -> None:
    from run_operator.client.cli.plot import chart

    for key, value in metrics.items():
        if not isinstance(value, list):
            click.echo(visible(f"{key} {_number(value)}"))
            continue
        click.echo(visible(f"{key} ({len(value)} value{'' if len(value) == 1 else 's'})"))
        for line in chart(value):
            click.echo(line)


def _png(run: Run, metrics: Mapping[str, Value], path: str) -> None:
    from run_operator.client.cli.png import png

    info = mapping(run.status.get("metricsInfo"))
    strides = {key: number(mapping(info.get(key)).get("stride")) or 1 for key in metrics}
    made = png(f"run {run.object_name}", metrics, strides)
    with open(path, "wb") as file:  # noqa: PTH123 - a path a person typed
        file.write(made)
