"""`runctl export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from run_operator.client.run import Run


@click.command("export")
@run_argument(many=True)
@cluster_options()
@selection_options()
@click.option(
    "-d",
    "--directory",
    type=click.Path(file_okay=False),
    default=".",
    help="The folder to write into, created if it does not exist. Default: the current folder.",
)
@click.option("--stdout", is_flag=True, help="Print the document instead of writing a file (one Run only).")
def export_command(
    names: tuple[str, ...],
    namespace: str | None,
    context: str | None,
    kubeconfig: str | None,
    selector: str,
    project: str | None,
    directory: str,
    stdout: bool,
) -> None:
    """Write runs-<id>.yaml as the SDK does, with status, outputs and metrics; prints the paths."""
    several = Several()
    runs = the_runs(connect(namespace, context, kubeconfig), names, selector, several, project)
    if stdout and (len(names) > 1 or (not names and len(runs) != 1)):
        raise click.UsageError("--stdout needs exactly one Run")
    for run in runs:
        with several.each():
            _export(run, directory, stdout)
    several.end()


def _export(run: Run, directory: str, stdout: bool) -> None:
    if stdout:
        from run_operator.document.yaml_writer import write

        shown.data(write(run.to_dict()))
        return
    Path(directory).mkdir(parents=True, exist_ok=True)
    run.folder = directory
    click.echo(run.export())
