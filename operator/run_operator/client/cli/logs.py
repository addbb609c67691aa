"""`runctl logs`."""

from __future__ import annotations

import sys
from typing import Any

import click

from run_operator.api.raw import JSON
from run_operator.client.cli.durations import Whole
from run_operator.client.cli.options import cluster_options, connect, run_argument


@click.command("logs")
@run_argument()
@cluster_options()
@click.option("-f", "--follow", is_flag=True, help="Print new lines until the Run has ended or is stopped.")
@click.option("--attempt", type=Whole(1), help="Show the logs of this attempt only.")
@click.option("--prefix", is_flag=True, help="Put the names of pod and container before each line.")
def logs_command(
    name: str,
    namespace: str | None,
    context: str | None,
    kubeconfig: str | None,
    follow: bool,
    attempt: int | None,
    prefix: bool,
) -> None:
    """Show the output of the program; -f also shows the Run's states, on standard error.

    Exit code 0 when the whole log was shown, whatever the state of the Run: runctl wait has an exit code for that.
    """
    from run_operator.client.lookup import find

    cluster = connect(namespace, context, kubeconfig)
    printer = _Printer(find(cluster, name), attempt, prefix)
    if follow:
        from run_operator.client import log_stream

        for line in log_stream.follow(cluster, printer.raw, attempt, printer.changed):
            printer.line(line)
    else:
        from run_operator.client.log_reader import lines_of, read_soon

        for log in read_soon(cluster, printer.raw, attempt):
            if log.shortened:
                click.echo(log.shortened, err=True)
            for line in lines_of([log]):
                printer.line(line)
    printer.end(follow)


class _Printer:
    """The output: log lines on standard output, everything else on standard error."""

    def __init__(self, raw: JSON, attempt: int | None, prefix: bool) -> None:
        self.raw = raw
        self._name = str(raw["metadata"]["name"])
        self._attempt = attempt
        self._prefix = prefix
        self._said = ""
        self._lines = False

    def line(self, line: Any) -> None:
        """A line of the program."""
        self._lines = True
        head = f"[{line.pod} {line.container}] " if self._prefix else ""
        sys.stdout.write(f"{head}{line.text}\n")
        sys.stdout.flush()

    def changed(self, raw: JSON) -> None:
        """Note a change of the Run; its end is printed after its last line."""
        from run_operator.client.predicates import ended

        self.raw = raw
        if not ended(raw):
            self._state()

    def end(self, follow: bool) -> None:
        """There is nothing more; why, if there was nothing at all."""
        if follow or not self._lines:
            self._state()
        if not self._lines:
            click.echo(f"run {self._name} has no logs{self._why()}", err=True)

    def _state(self) -> None:
        from run_operator.client.wait import summary

        said = summary(self._name, self.raw)
        if said != self._said:
            click.echo(said, err=True)
        self._said = said

    def _why(self) -> str:
        from run_operator.api.raw import mapping, number
        from run_operator.client.predicates import ended

        had, of = number(mapping(self.raw.get("status")).get("attempt")), self._attempt
        if not had or (of and of > had):
            return f" of attempt {of}: it has had {had} so far" if of else ": it has not run yet"
        named = f" of attempt {of}" if of else ""
        if ended(self.raw) or (of and of < had):
            return f"{named}; if it wrote something, the Events of the Run say why no log was kept (kubectl describe run)"
        return f"{named}: it has not written anything yet"
