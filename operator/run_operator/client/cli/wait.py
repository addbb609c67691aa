"""`runctl wait`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from run_operator.client.cli.durations import Seconds
from run_operator.client.cli.exit_codes import FAILED, Several
from run_operator.client.cli.options import (
    cluster_options,
    connect,
    run_argument,
    selection_options,
    the_runs,
)

if TYPE_CHECKING:
    from run_operator.client.run import Run
    from run_operator.client.watch import Deadline


@click.command("wait")
@run_argument(many=True)
@cluster_options()
@selection_options()
@click.option(
    "--timeout",
    type=Seconds(),
    help="The longest time to wait for all Runs, such as 60 or 10m; then exit code 4.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing; the exit code is the result.")
@click.option("--no-logs", is_flag=True, help="Do not print the logs of the program.")
def wait_command(
    names: tuple[str, ...],
    namespace: str | None,
    context: str | None,
    kubeconfig: str | None,
    selector: str,
    project: str | None,
    timeout: float | None,
    quiet: bool,
    no_logs: bool,
) -> None:
    """Wait until Runs are COMPLETED, ERROR or STOPPED; services: until they are ready.

    Prints states and, for a single Run, the program's lines; on a terminal also a line with the state, the elapsed time and
    the last metrics. Ctrl-C does not stop the Runs. Exit code 1 if a Run failed. A Run that does not exist, or does not
    finish in time, is reported, and the wait for the others goes on.
    """
    from run_operator.api.conditions import State
    from run_operator.client.watch import Deadline

    cluster = connect(namespace, context, kubeconfig)
    deadline, several = Deadline(timeout), Several()
    runs = the_runs(cluster, names, selector, several, project)
    for run in runs:
        with several.each():
            raw = _wait(run, quiet=quiet, lines=len(runs) == 1 and not no_logs, timeout=deadline)
            if raw["status"].get("state") == State.ERROR:
                several.failed(FAILED)
    several.end()


def _wait(run: Run, *, quiet: bool, lines: bool, timeout: Deadline) -> Any:
    from run_operator.client import wait
    from run_operator.client.cli.progress import Live

    if quiet:
        return wait.wait(run.cluster, run.object_name, timeout=timeout)
    with Live(run.object_name) as live:
        telling = None if lines else lambda _: False
        return wait.wait(run.cluster, run.object_name, observer=live, timeout=timeout, lines=telling)
