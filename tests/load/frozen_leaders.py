"""`make frozen-leaders`: a leader that is frozen (SIGSTOP), loses the Lease, and wakes must not write once.

Several pairs of replicas work side by side on one control plane, each pair with a namespace and a Lease of its own, and each
replica behind a proxy of its own, which notes every write that the API server took. Before each freeze the leader is given
work, so that it is frozen in the middle of it. `make bench-takeover` times the take-over instead: after a clean stop, and
after SIGKILL, from the signal to the first write of the other replica.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.load.stage import control_plane, perform
from tests.support.harness import OperatorProcess, Person, cluster_name, run_object, wait_for
from tests.support.proxy import Proxy

LEASE: Final = "run-operator"
WATCHED: Final = 1.0
"""Seconds that a leader is listened to after it woke."""
BURST: Final = 8
"""Runs that are applied just before a freeze."""


@dataclass
class Replica:
    """An operator and the proxy that it writes through."""

    name: str
    operator: OperatorProcess
    proxy: Proxy

    def accepted_since(self, moment: float) -> list[str]:
        """Writes that the API server took, other than to the Lease."""
        return [what for at, what in self.proxy.accepted if at > moment and "/leases" not in what]


@dataclass
class Pair:
    """Two replicas of one namespace, the leader first."""

    person: Person
    folder: Path
    dice: random.Random
    replicas: list[Replica] = field(default_factory=list)
    made: int = 0

    def prepare(self) -> None:
        """Both run, and the first one leads."""
        for number in range(2):
            folder = self.folder / str(number)
            folder.mkdir(parents=True)
            proxy = Proxy(self.person.kubeconfig, folder)
            proxy.start()
            settings = {"namespaces": self.person.namespace, "leader_elect": "true", "pod_name": f"r{number}"}
            place = folder / "operator.log"
            operator = OperatorProcess(proxy.kubeconfig, place, self.person.namespace, **settings)
            self.replicas.append(Replica(f"r{number}", operator, proxy))
            operator.start()
            if number == 0:
                wait_for("a leader", lambda: self.leader() == "r0")

    def leader(self) -> str:
        """Who holds the Lease."""
        lease = self.person.get("lease", LEASE) or {}
        return str(lease.get("spec", {}).get("holderIdentity", "")).partition("_")[0]

    def burst(self) -> None:
        """Work for the leader."""
        names = [f"b-{self.made + number}" for number in range(BURST)]
        self.made += BURST
        self.person.apply([run_object(name) for name in names])

    def frozen(self) -> list[str]:
        """One trial; the writes that the woken leader got through."""
        leader, other = self.replicas
        self.burst()
        time.sleep(self.dice.uniform(0.0, 0.5))
        os.kill(leader.operator.pid, signal.SIGSTOP)
        wait_for("the other leader", lambda: self.leader() == other.name)
        woken = time.monotonic()
        os.kill(leader.operator.pid, signal.SIGCONT)
        wait_for("the end of the old leader", lambda: not leader.operator.running)
        time.sleep(WATCHED)
        written = leader.accepted_since(woken)
        self._tidy()
        return written

    def taken_over(self, how: str) -> float:
        """Seconds from the signal to the first write of the other replica, which has work all the time."""
        leader, other = self.replicas
        before = len(other.accepted_since(0))
        self.burst()
        began = time.monotonic()
        os.kill(leader.operator.pid, signal.SIGTERM if how == "clean stop" else signal.SIGKILL)
        self.burst()
        wait_for("a write", lambda: len(other.accepted_since(0)) > before)
        seconds = (
            next(at for at, what in other.proxy.accepted if at > began and "/leases" not in what) - began
        )
        leader.operator.kill()
        self._tidy()
        return seconds

    def _tidy(self) -> None:
        """What was applied goes; the old leader starts again as the one that waits."""
        self.person.kubectl("delete", "runs", "--all", "--wait=false")
        self.replicas.reverse()
        self.replicas[1].operator.start()

    def end(self) -> None:
        """Both."""
        for one in self.replicas:
            if one.operator.running:
                os.kill(one.operator.pid, signal.SIGCONT)
            one.operator.kill()
            one.proxy.stop()


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(prog="make frozen-leaders")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--pairs", type=int, default=2)
    parser.add_argument("--takeover", action="store_true")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    chosen = parser.parse_args()
    with control_plane(cluster_name("frozen")) as kubeconfig, tempfile.TemporaryDirectory() as scratch:
        person = Person(kubeconfig)
        person.install_crds()
        pairs = []
        for number in range(1 if chosen.takeover else chosen.pairs):
            one = Person(kubeconfig, f"pair-{number}")
            person.kubectl("create", "namespace", one.namespace)
            dice = random.Random(f"{chosen.seed}/{number}")
            pairs.append(Pair(one, Path(scratch) / one.namespace, dice))
        try:
            for pair in pairs:
                pair.prepare()
            good = _take_overs(pairs[0], chosen.count) if chosen.takeover else _trials(pairs, chosen)
        finally:
            for pair in pairs:
                pair.end()
    sys.exit(not good)


def _trials(pairs: list[Pair], chosen: argparse.Namespace) -> bool:
    share = -(-chosen.count // len(pairs))
    with ThreadPoolExecutor(len(pairs)) as pool:
        done = [pool.submit(lambda pair=pair: [pair.frozen() for _ in range(share)]) for pair in pairs]
        written = [trial for one in done for trial in one.result()]
    silent = sum(not trial for trial in written)
    print(f"frozen leaders: seed {chosen.seed}; {silent} of {len(written)} wrote nothing after they woke")
    for trial in written:
        for what in trial:
            print(f"  {what}")
    return silent == len(written)


def _take_overs(pair: Pair, count: int) -> bool:
    for how, goal in (("clean stop", 1.5), ("kill -9", 8.0)):
        taken = sorted(pair.taken_over(how) for _ in range(count))
        print(
            f"take-over after a {how}: median {statistics.median(taken):.2f} s, longest {taken[-1]:.2f} s of {count}; "
            f"goal {goal:g} s"
        )
    return True


if __name__ == "__main__":
    perform(main)
