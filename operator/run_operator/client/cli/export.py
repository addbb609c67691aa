"""`runctl export`."""

from __future__ import annotations

import click

from run_operator.client.cli import output as shown
from run_operator.client.cli.options import cluster_options, connect, run_argument, selector_option, the_runs


@click.command("export")
@run_argument(many=True)
@cluster_options()
@selector_option()
@click.option(
    "-d",
    "--directory",
    type=click.Path(file_okay=False, exists=True),
    default=".",
    help="Where; default: here.",
)
@click.option("--stdout", is_flag=True, help="Print the document instead (one Run).")
def export_command(
    names: tuple[str, ...],
    namespace: str | None,
    context: str | None,
    kubeconfig: str | None,
    selector: str,
    directory: str,
    stdout: bool,
) -> None:
    """Write runs-<id>.yaml as the SDK does, with status, outputs and metrics; prints the paths."""
    runs = the_runs(connect(namespace, context, kubeconfig), names, selector)
    if stdout:
        from run_operator.document.yaml_writer import write  # noqa: PLC0415 - a help text needs none

        if len(runs) != 1:
            raise click.UsageError("--stdout goes with exactly one Run")
        shown.data(write(runs[0].to_dict()))
        return
    for run in runs:
        run.folder = directory
        click.echo(run.export())
