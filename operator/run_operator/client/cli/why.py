"""`runctl why`."""

from __future__ import annotations

import click

from run_operator.client.cli import output as shown
from run_operator.client.cli.options import cluster_options, connect, run_argument
from run_operator.client.terminal_text import visible


@click.command("why")
@run_argument()
@cluster_options()
def why_command(name: str, namespace: str | None, context: str | None, kubeconfig: str | None) -> None:
    """Show what the operator sees of a Run, what it would do next, and what it waits for. Changes nothing."""
    from run_operator.client.operators_view import why

    for line in why(connect(namespace, context, kubeconfig), name):
        shown.echo(visible(line))
