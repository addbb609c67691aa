"""`make chaos-metrics`: exactly once under fire.

Programs log numbered values through two operators to a real API server while all three are killed again and again,
and while their own connections are cut between a batch and its answer. In the end every list must hold every value
once and in order. The operators are whole ones, and both serve every Run.
"""

from __future__ import annotations

import argparse
import collections
import http.client
import random
import shutil
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.load.stage import control_plane, perform
from tests.support.harness import OperatorProcess, Person, cluster_name, kill_api_server
from tests.support.metrics_pod import MetricsPod

CLUSTER = cluster_name("chaos")
RUNS = 3
WRITERS = 2
"""Programs a Run; they share one list besides their own."""
VALUES = 5
"""A batch."""
CUT = 0.05
"""Share of the batches whose answer is not waited for."""
TIMEOUT = 120.0
SHARE = 1_000_000
"""In the shared list, a value is the writer's number times this, and the batch."""


@dataclass
class Figures:
    """What happened."""

    counts: collections.Counter[str] = field(default_factory=collections.Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, what: str) -> None:
        """One more."""
        with self.lock:
            self.counts[what] += 1


class Program(threading.Thread):
    """Logs batch after batch; the values follow from a batch's number, so that it can be sent again."""

    def __init__(
        self, person: Person, urls: list[str], run: str, number: int, seed: int, figures: Figures
    ) -> None:
        super().__init__(name=f"{run}-{number}", daemon=True)
        self._pods = [MetricsPod(person, url, run) for url in urls]
        self._run, self._number = run, number
        self._chance = random.Random(f"{seed}/{run}/{number}")
        self._figures = figures
        self.enough = threading.Event()
        self.sent = 0
        self.settled = False
        self.refused = ""

    def run(self) -> None:
        """Until somebody says that it is enough, and everything is in the cluster."""
        following, until = 1, 0.0
        while not self.refused:
            if self.enough.is_set() and not until:
                until = time.monotonic() + TIMEOUT
            if until and (self.settled or time.monotonic() > until):
                return
            poll = self.enough.is_set() and following > self.sent
            following = self._answered(following, self._post(None if poll else following))

    def _post(self, seq: int | None) -> tuple[int, dict[str, Any]] | None:
        pod = self._chance.choice(self._pods)
        body: dict[str, Any] = {"writer": f"program-{self._number}", "ops": []}
        if seq is not None:
            self.sent = max(self.sent, seq)
            values = list(range(VALUES * (seq - 1), VALUES * seq))
            ops = [
                {"k": f"own-{self._number}", "append": values},
                {"k": "shared", "append": [self._number * SHARE + seq]},
            ]
            body |= {"seq": seq, "ops": ops}
        try:
            if seq is not None and self._chance.random() < CUT:
                pod.send_and_cut(body)
                self._figures.count("connections cut")
                return None
            return pod.post(body)
        except (OSError, http.client.HTTPException):
            self._figures.count("requests without an answer")
            time.sleep(0.05)
            return None

    def _answered(self, seq: int, answer: tuple[int, dict[str, Any]] | None) -> int:
        """The batch to send next."""
        if answer is None:
            return seq
        code, reply = answer
        self._figures.count(f"answers {code}")
        if code in (200, 202):
            if reply["accepted"] + 1 < seq:
                self._figures.count("batches sent again")
            self.settled = reply["committed"] == self.sent
            time.sleep(self._chance.uniform(0.0, 0.05))
            return int(reply["accepted"]) + 1
        if code == 409:
            return int(reply["expected"])
        if code in (429, 503):
            time.sleep(0.2)
            return seq
        self.refused = f"{code} {reply}"
        return seq


class Killer(threading.Thread):
    """Kills one operator, or the API server, after random times, and sees that it comes back."""

    def __init__(self, what: str, kill: Any, seed: int, figures: Figures) -> None:
        super().__init__(name=f"killer of {what}", daemon=True)
        self._what, self._kill = what, kill
        self._chance = random.Random(f"{seed}/{what}")
        self._figures = figures
        self.stop = threading.Event()

    def run(self) -> None:
        """Until it is stopped."""
        while not self.stop.wait(self._chance.uniform(0.5, 4.0)):
            self._kill()
            self._figures.count(f"kills of {self._what}")


def kill_operator(operator: OperatorProcess) -> None:
    """SIGKILL, and start it again; one that does not come up because the API server is down is tried again."""
    operator.kill()
    for _ in range(20):
        try:
            operator.start()
        except AssertionError:
            time.sleep(0.5)
        else:
            return


def verdict(person: Person, programs: list[Program], figures: Figures) -> bool:
    """Compare what is in the cluster with what was sent; prints the figures."""
    lost = doubled = disordered = 0
    for program in programs:
        metrics = person.status(program._run).get("metrics", {})
        own = metrics.get(f"own-{program._number}", [])
        shared = [v % SHARE for v in metrics.get("shared", []) if v // SHARE == program._number]
        for found, wanted in (
            (own, list(range(VALUES * program.sent))),
            (shared, list(range(1, program.sent + 1))),
        ):
            lost += len(set(wanted) - set(found))
            doubled += len(found) - len(set(found))
            disordered += found != sorted(found)
    unsettled = [program.name for program in programs if not program.settled]
    refused = [f"{program.name}: {program.refused}" for program in programs if program.refused]
    for what, count in sorted(figures.counts.items()):
        print(f"  {what:<32} {count}")
    print(f"  batches                          {sum(program.sent for program in programs)}")
    print(f"  values lost                      {lost}")
    print(f"  values doubled                   {doubled}")
    print(f"  lists out of order               {disordered}")
    for what in (*unsettled, *refused):
        print(f"  not settled: {what}")
    return not (lost or doubled or disordered or unsettled or refused)


def fire(person: Person, operators: list[OperatorProcess], kills: int, seed: int) -> bool:
    """The whole story; whether it went well."""
    figures = Figures()
    names = [f"chaos-{number}" for number in range(RUNS)]
    for name in names:
        person.apply_run(name, policy={"metrics": {"statusBudget": "512Ki"}})
    for name in names:
        person.becomes(name, "RUNNING")
    urls = [operator.ingest_url for operator in operators]
    programs = [
        Program(person, urls, name, number, seed, figures) for name in names for number in range(WRITERS)
    ]
    killers = [Killer("the API server", lambda: kill_api_server(CLUSTER, person), seed, figures)]
    for number, operator in enumerate(operators):
        killers.append(Killer(f"operator {number}", lambda one=operator: kill_operator(one), seed, figures))
    began = time.monotonic()
    for thread in (*programs, *killers):
        thread.start()
    _watch(programs, figures, kills)
    for killer in killers:
        killer.stop.set()
    for killer in killers:
        killer.join(180)
    for program in programs:
        program.enough.set()
    for program in programs:
        program.join(TIMEOUT + 30)
    print(f"\r  after {time.monotonic() - began:.0f} s:                    ")
    return verdict(person, programs, figures)


def _watch(programs: list[Program], figures: Figures, kills: int) -> None:
    """Until there were enough kills."""
    while (done := sum(n for what, n in figures.counts.items() if what.startswith("kills"))) < kills:
        time.sleep(1)
        print(
            f"\r  {done} kills, {sum(p.sent for p in programs)} batches", end="", file=sys.stderr, flush=True
        )
        if any(program.refused for program in programs):
            return


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(prog="make chaos-metrics")
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    chosen = parser.parse_args()
    print(f"chaos-metrics: {chosen.kills} kills, seed {chosen.seed}")
    with control_plane(CLUSTER, "--restarts") as kubeconfig, tempfile.TemporaryDirectory() as scratch:
        person = Person(kubeconfig)
        operators = [
            OperatorProcess(person.kubeconfig, Path(scratch) / f"operator-{n}.log", ingest_interval="0.3")
            for n in range(2)
        ]
        good = False
        try:
            person.install_crds()
            for operator in operators:
                operator.start()
            good = fire(person, operators, chosen.kills, chosen.seed)
        finally:
            for operator in operators:
                operator.kill()
            if not good:
                kept = Path(tempfile.mkdtemp(prefix="chaos-metrics-"))
                shutil.copytree(scratch, kept, dirs_exist_ok=True)
                print(f"the logs of the operators are in {kept}")
    print("chaos-metrics: nothing lost, nothing doubled, order kept" if good else "chaos-metrics: FAILED")
    sys.exit(not good)


if __name__ == "__main__":
    perform(main)
