"""`runctl metrics`: as a table, a chart in the terminal or in a file, CSV or JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from run_operator.api.raw import mapping, number
from run_operator.client.cli import output as shown
from run_operator.client.cli.options import cluster_options, connect, run_argument, the_run
from run_operator.client.terminal_text import short, visible

if TYPE_CHECKING:
    from run_operator.client.cluster import Cluster
    from run_operator.client.run import Run

Value = Any


@click.command("metrics")
@run_argument()
@click.argument("more", nargs=-1, metavar="[METRIC|RUN]...")
@cluster_options()
@click.option(
    "-m",
    "--metric",
    "keys",
    multiple=True,
    help="Show only this metric; repeatable. The metric can also be an argument.",
)
@click.option("-o", "--output", type=click.Choice(["table", "json", "yaml", "csv"]), default="table")
@click.option(
    "--plot", is_flag=True, help="Draw each list as a chart in the terminal; several Runs share a chart."
)
@click.option(
    "--csv", "csv_file", type=click.Path(dir_okay=False), help="Write [run,]metric,index,value to this file."
)
@click.option(
    "--png", "png_file", type=click.Path(dir_okay=False), help="Write charts to this file (needs matplotlib)."
)
def metrics_command(
    name: str,
    more: tuple[str, ...],
    namespace: str | None,
    context: str | None,
    kubeconfig: str | None,
    keys: tuple[str, ...],
    output: str,
    plot: bool,
    csv_file: str | None,
    png_file: str | None,
) -> None:
    """Show the metrics of a Run, or some of them, or those of several Runs. An empty value stands for NaN or infinity.

    An argument that is not a metric of the first Run is the name of another Run. Metrics that are written to
    files are not printed as well, unless --plot is given.
    """
    if plot and output != "table":
        raise click.UsageError(f"--plot and -o {output} exclude each other: choose one of them")
    cluster = connect(namespace, context, kubeconfig)
    found = _found(cluster, the_run(cluster, name), more, keys)
    if csv_file:
        with open(csv_file, "w", newline="", encoding="utf-8") as file:  # noqa: PTH123 - a path a person typed
            _csv(found, file)
    if png_file:
        _png(found, png_file)
    if plot:
        _plots(found)
    elif not csv_file and not png_file:
        _show(found, output)


@dataclass(frozen=True)
class _Logged:
    """The chosen metrics of one Run."""

    name: str
    metrics: Mapping[str, Value]
    strides: Mapping[str, int]


def _found(cluster: Cluster, first: Run, more: tuple[str, ...], keys: tuple[str, ...]) -> list[_Logged]:
    there = first.refresh().status.get("metrics") or {}
    runs, chosen = [first], list(keys)
    for word in more:
        if word in there:
            chosen.append(word)
        else:
            runs.append(_other(cluster, first, word, there))
    logged = [_chosen(run, chosen) for run in runs]
    missing = [key for key in chosen if not any(key in one.metrics for one in logged)]
    if missing:
        raise click.UsageError(_no_metric(first, missing[0], there))
    return logged


def _other(cluster: Cluster, first: Run, word: str, there: Mapping[str, Value]) -> Run:
    from run_operator.client.errors import EntityNotExistsError

    try:
        return the_run(cluster, word)
    except EntityNotExistsError as error:
        raise click.UsageError(f"{_no_metric(first, word, there)}; and there is no run {word!r}") from error


def _no_metric(run: Run, key: str, there: Mapping[str, Value]) -> str:
    return f"run {run.object_name} has no metric {key!r}; it has: {', '.join(sorted(there)) or 'none'}"


def _chosen(run: Run, keys: list[str]) -> _Logged:
    found, info = mapping(run.status.get("metrics")), mapping(run.status.get("metricsInfo"))
    if not found:
        click.echo(f"run {run.object_name} has logged no metrics", err=True)
    metrics = {key: found[key] for key in keys or sorted(found) if key in found}
    return _Logged(
        run.object_name, metrics, {key: number(mapping(info.get(key)).get("stride")) or 1 for key in metrics}
    )


def _show(found: list[_Logged], output: str) -> None:
    several = len(found) > 1
    if output in ("json", "yaml"):
        shown.structured({one.name: one.metrics for one in found} if several else found[0].metrics, output)
    elif output == "csv":
        made = io.StringIO()
        _csv(found, made)
        shown.data(made.getvalue())
    elif any(one.metrics for one in found):
        rows = [
            [one.name, *_row(key, value)] if several else _row(key, value)
            for one in found
            for key, value in one.metrics.items()
        ]
        shown.table([*(["RUN"] if several else []), "METRIC", "COUNT", "LAST", "MIN", "MAX"], rows)


def _row(key: str, value: Value) -> list[str]:
    if not isinstance(value, list):
        return [key, "1", _number(value), "", ""]
    numbers = [one for one in value if one is not None]
    ends = [_number(min(numbers)), _number(max(numbers))] if numbers else ["", ""]
    return [key, str(len(value)), _number(value[-1]) if value else "", *ends]


def _number(value: Value) -> str:
    return "" if value is None else short(value, 6)


def _csv(found: list[_Logged], file: Any) -> None:
    """A row for each value; with several Runs the first column says whose it is."""
    several = len(found) > 1
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*(["run"] if several else []), "metric", "index", "value"])
    for one in found:
        for key, value in one.metrics.items():
            # A spreadsheet takes a name that begins like a formula for one.
            whose = [*([one.name] if several else []), f"'{key}" if key[:1] in "=+-@" else key]
            for index, one_value in enumerate(value if isinstance(value, list) else [value]):
                writer.writerow([*whose, index, "" if one_value is None else repr(one_value)])


def _plots(found: list[_Logged]) -> None:
    from run_operator.client.cli.plot import chart, overlay

    for key in dict.fromkeys(key for one in found for key in one.metrics):
        lists = {one.name: one.metrics[key] for one in found if isinstance(one.metrics.get(key), list)}
        for one in found:
            if key in one.metrics and one.name not in lists:
                whose = f"{one.name} " if len(found) > 1 else ""
                click.echo(visible(f"{whose}{key} {_number(one.metrics[key])}"))
        if len(found) == 1 and lists:
            (values,) = lists.values()
            click.echo(visible(f"{key} ({len(values)} value{'' if len(values) == 1 else 's'})"))
            lines = chart(values)
        else:
            lines = overlay(key, lists) if lists else iter(())
        for line in lines:
            click.echo(visible(line) if len(found) > 1 else line)


def _png(found: list[_Logged], path: str) -> None:
    from run_operator.client.cli.png import png

    runs = {one.name: (one.metrics, one.strides) for one in found}
    made = png(f"run {found[0].name}" if len(found) == 1 else ", ".join(runs), runs)
    with open(path, "wb") as file:  # noqa: PTH123 - a path a person typed
        file.write(made)
