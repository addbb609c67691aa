"""`runctl stop`, `resume` and `delete`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from run_operator.client.cli import output as shown
from run_operator.client.cli.durations import Seconds
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


def _verb(verb: str, explained: str, taken: str, done: str, already: str) -> click.Command:
    """A verb for the method of that name, with and without `wait`."""

    @click.command(verb, help=explained)
    @run_argument(many=True)
    @cluster_options()
    @selection_options()
    @click.option(
        "--wait",
        "-w",
        is_flag=True,
        help="Return when the Runs have stopped or started, not when the API server has stored the change.",
    )
    @click.option(
        "--timeout",
        type=Seconds(),
        help="The longest time to wait for each Run, such as 60 or 10m; then exit code 4.",
    )
    def command(
        names: tuple[str, ...],
        namespace: str | None,
        context: str | None,
        kubeconfig: str | None,
        selector: str,
        project: str | None,
        wait: bool,
        timeout: float | None,
    ) -> None:
        several = Several()
        runs = the_runs(connect(namespace, context, kubeconfig), names, selector, several, project)
        under_way = []
        for run in runs:
            with several.each():
                there, state = _send(verb, run)
                known = f"is {state}, and not suspended: there is nothing to {verb}" if state else taken
                shown.echo(f"run {run.object_name} {already if there else known}")
                if not there:
                    under_way.append(run)
        if wait:
            _each(under_way, lambda run: getattr(run, verb)(wait=True, timeout=timeout), done, several)
        several.end()

    return command


stop_command = _verb(
    "stop",
    "Stop Runs in any state. A Run that is already stopped stays as it is; a finished Run is an error.",
    "stops",
    "is stopped",
    "is already stopped",
)
resume_command = _verb(
    "resume",
    "Resume stopped Runs, as their next attempt. A Run that is not stopped stays as it is; a finished Run is an error.",
    "is resumed",
    "runs",
    "runs already",
)


@click.command("delete")
@run_argument(many=True)
@cluster_options()
@selection_options()
@click.option("--yes", "-y", is_flag=True, help="Do not ask for confirmation.")
def delete_command(
    names: tuple[str, ...],
    namespace: str | None,
    context: str | None,
    kubeconfig: str | None,
    selector: str,
    project: str | None,
    yes: bool,
) -> None:
    """Delete Runs with their pods and claims. Asks first on a terminal when they were not named."""
    several = Several()
    runs = the_runs(connect(namespace, context, kubeconfig), names, selector, several, project)
    if not names and runs and not yes and sys.stdin.isatty():
        click.confirm(f"Delete {len(runs)} Runs, with their pods and claims?", abort=True)
    _each(runs, lambda run: run.delete(), "is deleted", several)
    several.end()


def _send(verb: str, run: Run) -> tuple[bool, str]:
    """Send the request; returns whether the Run was in the desired state before, and the state of one that waits there already."""
    from run_operator.api.raw import mapping, text
    from run_operator.client import predicates, suspend

    # The operator has not seen a new request yet, so the state beside it is old.
    if verb == "stop":
        return predicates.stopped(suspend.stop(run.cluster, run.object_name)), ""
    raw = suspend.resume(run.cluster, run.object_name)
    if not predicates.seen(raw):
        return False, ""
    return predicates.running(raw), text(mapping(raw.get("status")).get("state"))


def _each(runs: list[Run], do: Callable[[Run], None], said: str, several: Several) -> None:
    """All of them, also when one fails."""
    for run in runs:
        with several.each():
            do(run)
            shown.echo(f"run {run.object_name} {said}")
