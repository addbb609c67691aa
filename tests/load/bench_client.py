"""`make bench-client`: how soon `wait` returns after a Run's end, and what a list of a thousand Runs costs the client.

Real API server and Job controller, fake nodes. The end of a Run is the moment its last change reaches a watch of this
program's own; what the server takes is measured by the same requests, whose answers nobody looks at.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from run_operator import Cluster, get_run, list_runs
from run_operator.client.cluster import TABLE
from run_operator.kube.resource import RUNS
from tests.load.stage import perform, stage
from tests.load.watching import Watch
from tests.support.harness import Person, run_object, wait_for
from tests.support.metrics_pod import running_pod
from tests.support.terminal import RUNCTL, Terminal

TIMEOUT = 60.0


class Ends:
    """When each Run was first seen to have ended."""

    def __init__(self) -> None:
        self._seen: dict[str, float] = {}
        self._news = threading.Condition()

    def hear(self, event: dict[str, Any]) -> None:
        """One watch event."""
        moment, item = time.monotonic(), event["object"]
        if item.get("status", {}).get("state") in ("COMPLETED", "ERROR"):
            with self._news:
                self._seen.setdefault(item["metadata"]["name"], moment)
                self._news.notify_all()

    def of(self, name: str) -> float:
        """The moment."""
        with self._news:
            if not self._news.wait_for(lambda: name in self._seen, TIMEOUT):
                sys.exit(f"bench-client: run {name} did not end within {TIMEOUT:g} s")
            return self._seen[name]


def waited(person: Person, ends: Ends, name: str, wait: Callable[[str], Any]) -> float:
    """Seconds from the Run's end until `wait`, which was already waiting, has returned."""
    person.apply_run(name)
    pod, returned = running_pod(person, name), []

    def run() -> None:
        wait(name)
        returned.append(time.monotonic())

    waiting, before = threading.Thread(target=run), watches(person)
    waiting.start()
    wait_for("its watch", lambda: watches(person) > before)  # it has started: what is measured is the end
    person.end_pod(pod)
    waiting.join(TIMEOUT)
    if not returned:
        sys.exit(f"bench-client: the wait for {name} did not return within {TIMEOUT:g} s")
    return returned[0] - ends.of(name)


def watches(person: Person) -> int:
    """How many watches of Runs are open, as the API server counts them."""
    samples = person.kubectl("get", "--raw", "/metrics").stdout.splitlines()
    counted = (line for line in samples if line.startswith("apiserver_longrunning_requests{"))
    return sum(int(line.rpartition(" ")[2]) for line in counted if 'resource="runs"' in line)


def seconds(do: Callable[[], Any]) -> float:
    """How long it takes; the best of five, since what disturbs it only adds."""
    found = []
    for _ in range(5):
        began = time.monotonic()
        do()
        found.append(time.monotonic() - began)
    return min(found)


def measure_wait(person: Person, cluster: Cluster, count: int) -> None:
    """Each way of waiting, one Run after the other."""
    terminal, ends = Terminal(person), Ends()
    watch = Watch(person, "runs", ends.hear)

    def command(*flags: str) -> Callable[[str], Any]:
        call = [*RUNCTL, "wait", "-n", person.namespace, *flags]
        pipe = subprocess.DEVNULL
        return lambda name: subprocess.run(
            [*call, name], env=terminal.environment(), stdout=pipe, stderr=pipe, check=True
        )

    ways = {
        "Run.wait(log_info=False)": lambda name: get_run(name, cluster=cluster).wait(log_info=False),
        "runctl wait -q": command("-q"),
        "runctl wait --no-logs": command("--no-logs"),
        "runctl wait": command(),
    }
    print(f"{'from the end of the Run, ms':<34} {'median':>8} {'longest':>8}")
    try:
        for number, (title, way) in enumerate(ways.items()):
            found = [waited(person, ends, f"w{number}-{at}", way) * 1000 for at in range(count)]
            print(f"{title:<34} {statistics.median(found):>8.0f} {max(found):>8.0f}", flush=True)
    finally:
        watch.stop()


def measure_list(person: Person, cluster: Cluster, count: int) -> None:
    """The same Runs listed in every way."""
    person.apply([run_object(f"r{number:04}", suspend=True) for number in range(count)])
    states = lambda: {run["status"]["state"] for run in person.items("runs")}  # noqa: E731
    wait_for("all of them stopped", lambda: states() == {"STOPPED"}, 300)
    terminal = Terminal(person)
    run = lambda *call: subprocess.run(  # noqa: E731
        [*call, "-n", person.namespace], env=terminal.environment(), stdout=subprocess.DEVNULL, check=True
    )
    ways: dict[str, tuple[str, Callable[[], Any]]] = {
        "runctl list": (TABLE, lambda: run(*RUNCTL, "list")),
        "kubectl get runs": (TABLE, lambda: run(person.program, "get", "runs")),
        "runctl list -o json": ("application/json", lambda: run(*RUNCTL, "list", "-o", "json")),
        "list_runs()": ("application/json", lambda: list_runs(cluster=cluster)),
    }
    print(f"\n{f'a list of {count} Runs, s':<34} {'all':>8} {'server':>8} {'client':>8}")
    for title, (accept, way) in ways.items():
        whole, server = seconds(way), seconds(lambda accept=accept: unread(cluster, accept))
        print(f"{title:<34} {whole:>8.2f} {server:>8.2f} {whole - server:>8.2f}", flush=True)


def unread(cluster: Cluster, accept: str) -> None:
    """The pages that a list asks for, received and only searched for the next one."""
    path, token = RUNS.path(cluster.namespace), ""
    while True:
        response = cluster.send("GET", f"{path}?limit=500&continue={token}", headers={"Accept": accept})
        data = response.read()
        response.release_conn()
        token = data[:4096].partition(b'"continue":"')[2].partition(b'"')[0].decode()
        if not token:
            return


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(prog="make bench-client")
    parser.add_argument("--waits", type=int, default=20)
    parser.add_argument("--runs", type=int, default=1000)
    chosen = parser.parse_args()
    with stage("bench-client", "bench") as (person, _, _):
        with Cluster.connect(kubeconfig=str(person.kubeconfig), namespace="bench") as cluster:
            measure_wait(person, cluster, chosen.waits)
        person.kubectl("create", "namespace", "many")
        many = Person(person.kubeconfig, "many")
        with Cluster.connect(kubeconfig=str(person.kubeconfig), namespace="many") as cluster:
            measure_list(many, cluster, chosen.runs)


if __name__ == "__main__":
    perform(main)
