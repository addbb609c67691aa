"""`runctl wait`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from run_operator.client.cli.options import Seconds, cluster_options, connect, run_argument, the_run

if TYPE_CHECKING:
    from run_operator.client.run import Run


@click.command("wait")
@run_argument(many=True)
@cluster_options()
@click.option("--timeout", type=Seconds(), help="Seconds for all of them; then exit code 4.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing; the exit code says it.")
@click.option("--no-logs", is_flag=True, help="Do not print the program's lines.")
def wait_command(
    names: tuple[str, ...],
    namespace: str | None,
    context: str | None,
    kubeconfig: str | None,
    timeout: float | None,
    quiet: bool,
    no_logs: bool,
) -> None:
    """Wait until Runs are COMPLETED, ERROR or STOPPED; services: until they are ready.

    Prints states and, of one Run, the program's lines; on a terminal also a line with the state, the elapsed time and
    the last metrics. Ctrl-C leaves the Runs alone. Exit code 1 if a Run failed.
    """
    from run_operator.client.following import Deadline  # noqa: PLC0415 - a help text needs none
    from run_operator.resources.states import State  # noqa: PLC0415

    if not names:
        raise click.UsageError("name a Run to wait for")
    cluster = connect(namespace, context, kubeconfig)
    deadline = Deadline(timeout)
    bad = False
    for name in names:
        left = None if timeout is None else deadline.left(timeout)
        raw = _wait(the_run(cluster, name), quiet=quiet, lines=len(names) == 1 and not no_logs, timeout=left)
        bad = bad or raw["status"].get("state") == State.ERROR
    if bad:
        click.get_current_context().exit(1)


def _wait(run: Run, *, quiet: bool, lines: bool, timeout: float | None) -> Any:
    from run_operator.client import waiting  # noqa: PLC0415 - a help text needs none
    from run_operator.client.cli.live import Live  # noqa: PLC0415

    if quiet:
        return waiting.wait(run.cluster, run.object_name, timeout=timeout)
    with Live(run.object_name) as live:
        telling = None if lines else lambda _: False
        return waiting.wait(run.cluster, run.object_name, observer=live, timeout=timeout, lines=telling)
