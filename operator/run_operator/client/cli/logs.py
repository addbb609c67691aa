"""`runctl logs`."""

from __future__ import annotations

import sys

import click

from run_operator.client.cli.options import cluster_options, connect, run_argument, the_run


@click.command("logs")
@run_argument()
@cluster_options()
@click.option("-f", "--follow", is_flag=True, help="Until the Run has ended or is stopped.")
@click.option("--attempt", type=click.IntRange(1), help="Of this attempt only, stopped ones too.")
@click.option("--prefix", is_flag=True, help="Begin every line with pod and container.")
def logs_command(
    name: str,
    namespace: str | None,
    context: str | None,
    kubeconfig: str | None,
    follow: bool,
    attempt: int | None,
    prefix: bool,
) -> None:
    """Show what the program wrote."""
    run = the_run(connect(namespace, context, kubeconfig), name)
    if follow:
        for line in run.logs(follow=True, attempt=attempt):
            head = f"[{line.pod} {line.container}] " if prefix else ""
            sys.stdout.write(f"{head}{line.text}\n")
            sys.stdout.flush()
        return
    found = run.logs(attempt=attempt)
    for log in found:
        if log.truncated:
            click.echo(f"[{log.pod} {log.container}] only the end was kept:", err=True)
        head = f"[{log.pod} {log.container}] " if prefix else ""
        for text in log.text.splitlines():
            sys.stdout.write(f"{head}{text}\n")
    if not found:
        of = f" of attempt {attempt}" if attempt else ""
        why = "; if it wrote something, its Events say why nothing was kept (kubectl describe run)"
        click.echo(f"run {run.object_name} ({run.status.get('state')}) has no logs{of}{why}", err=True)
