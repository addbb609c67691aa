"""`make soak-clients`: ten people who wait for quiet Runs, while the API server is killed twice.

A real API server; the nodes are fake, and a stand-in for their kubelet writes the logs. Half of the clients wait with the program's lines, half follow its log. Reported at the end: the
requests of each client that were answered, and whether every line came to each of them exactly once.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from run_operator import Cluster, get_run
from run_operator.client import wait
from run_operator.client.errors import ForbiddenError
from run_operator.client.log_reader import LogLine
from tests.load.stage import control_plane, perform
from tests.support.harness import OperatorProcess, Person, cluster_name, kill_api_server, wait_for
from tests.support.kubelet import Kubelet

CLUSTER = cluster_name("soak")
MOST = 2.0
"""Requests a minute of a client, on average."""
EVERY = 20
"""Seconds between two lines of the program."""
START = 60.0


class Counting(Cluster):
    """The way to the API server, which counts what is answered."""

    answered = 0

    def raw(self, *arguments: Any, **named: Any) -> Any:
        """As ever."""
        response = super().raw(*arguments, **named)
        self.answered += 1
        return response


class Waiting:
    """One of those who wait."""

    def __init__(self, person: Person, name: str, follows: bool) -> None:
        self.cluster = Counting.connect(kubeconfig=str(person.kubeconfig), namespace=person.namespace)
        self.lines: list[str] = []
        self.notes: list[str] = []
        self.failure: BaseException | None = None
        self._name = name
        self._thread = threading.Thread(target=self._run, args=(follows,), daemon=True)
        self._thread.start()

    def _run(self, follows: bool) -> None:
        try:
            if follows:
                for line in get_run(self._name, cluster=self.cluster).logs(follow=True):
                    self.line(line)
            else:
                wait.wait(self.cluster, self._name, observer=self)
        except BaseException as error:  # noqa: BLE001 - reported at the end
            self.failure = error

    def join(self) -> None:
        """The Run is over."""
        self._thread.join(120)

    def line(self, line: LogLine) -> None:
        """The lines of the program."""
        self.lines.append(line.text)

    def changed(self, raw: Any) -> None:
        """A state is no line."""

    def denied(self, error: ForbiddenError) -> None:
        """It must not be."""
        self.failure = error

    def note(self, said: str) -> None:
        """Reported at the end."""
        self.notes.append(said)


def soak(person: Person, minutes: float, count: int) -> bool:
    """Whether all is as it should be."""
    names = [f"quiet-{number}" for number in range(2)]
    for name in names:
        person.apply_run(name)
    for name in names:
        person.becomes(name, "RUNNING", START)
    people = [Waiting(person, names[number % 2], follows=number % 4 < 2) for number in range(count)]
    began = time.monotonic()
    for part in (1, 2):
        time.sleep(max(0.0, began + minutes * 60 * part / 3 - time.monotonic()))
        kill_api_server(CLUSTER, person)
        print(f"  the API server was killed and is back after {time.monotonic() - began:.0f} s", flush=True)
    time.sleep(max(0.0, began + minutes * 60 - time.monotonic()))
    answered = [one.cluster.answered for one in people]
    took = (time.monotonic() - began) / 60
    wait_for(
        "the stops",
        lambda: all(person.patch_run(name, {"spec": {"suspend": True}}).returncode == 0 for name in names),
    )
    for one in people:
        one.join()
    return report(people, answered, took)


def report(people: list[Waiting], answered: list[int], minutes: float) -> bool:
    """One line a client; the answer: nothing is wrong."""
    good = True
    for one, count in zip(people, answered, strict=True):
        expected = [f"tick {number}" for number in range(len(one.lines))]
        right = one.lines == expected and one.failure is None and len(one.lines) >= minutes * 60 / EVERY - 2
        good = good and right
        print(f"  {count / minutes:5.2f} requests a minute, {len(one.lines)} lines, {'each once' if right else 'WRONG'}"
              f"{f', {one.failure!r}' if one.failure else ''}{f', notes: {one.notes}' if one.notes else ''}")  # fmt: skip
    average = sum(answered) / len(answered) / minutes
    print(f"{average:.2f} requests a minute and client, at most {MOST:g} are fine")
    return good and average <= MOST


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--clients", type=int, default=10)
    chosen = parser.parse_args()
    with control_plane(CLUSTER, "--restarts") as kubeconfig, tempfile.TemporaryDirectory() as scratch:
        person = Person(kubeconfig)
        person.install_crds()
        Kubelet(Path(scratch) / "kubelet", EVERY).serve(person)
        operator = OperatorProcess(kubeconfig, Path(scratch) / "operator.log")
        operator.start()
        try:
            good = soak(person, chosen.minutes, chosen.clients)
        finally:
            operator.kill()
    sys.exit(not good)


if __name__ == "__main__":
    perform(main)
