"""`runctl wait`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from run_operator.client.cli.options import Seconds, cluster_options, connect, named_runs, run_argument
from run_operator.client.cli.outcomes import FAILED, Several

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
    the last metrics. Ctrl-C leaves the Runs alone. Exit code 1 if a Run failed. One that is not there, or not
    finished in time, is told, and the others are waited for all the same.
    """
    from run_operator.client.following import Deadline  # noqa: PLC0415 - a help text needs none
    from run_operator.resources.states import State  # noqa: PLC0415

    if not names:
        raise click.UsageError("name a Run to wait for")
    cluster = connect(namespace, context, kubeconfig)
    deadline, several = Deadline(timeout), Several()
    for run in named_runs(cluster, names, several):
        left = None if timeout is None else deadline.left(timeout)
        with several.each():
            raw = _wait(run, quiet=quiet, lines=len(names) == 1 and not no_logs, timeout=left)
            if raw["status"].get("state") == State.ERROR:
                several.failed(FAILED)
    several.end()


def _wait(run: Run, *, quiet: bool, lines: bool, timeout: float | None) -> Any:
    from run_operator.client import waiting  # noqa: PLC0415 - a help text needs none
    from run_operator.client.cli.live import Live  # noqa: PLC0415

    if quiet:
        return waiting.wait(run.cluster, run.object_name, timeout=timeout)
    with Live(run.object_name) as live:
        telling = None if lines else lambda _: False
        return waiting.wait(run.cluster, run.object_name, observer=live, timeout=timeout, lines=telling)
