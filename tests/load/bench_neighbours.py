"""`make bench-neighbours`: a namespace that floods, and what another one feels of it.

The same is measured three times: alone; beside the control, which costs the API server and the machine as much as the flood
and the operator nothing; beside the flood. What the flood does beyond the control is the operator's. Each tenant is one process with
an account of its own, so the API server's fairness counts for them as for anybody.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from tests.load.neighbour_flood import Flood
from tests.load.neighbour_victim import WHAT, Victim
from tests.load.stage import cpu_seconds, perform, stage
from tests.support.harness import Person, account_of, api_server_pid, cluster_name

RATIO = 1.5
CLOCK = 0.02
"""Seconds below which a difference is the machine's."""
PURPOSE = "neighbours"
Felt = dict[str, list[float]]


def tenant(person: Person, namespace: str, scratch: Path) -> tuple[Person, Path]:
    """A namespace with an account that may do everything in it, and nothing elsewhere."""
    one = Person(person.kubeconfig, namespace)
    one.kubectl("create", "namespace", namespace)
    one.kubectl("create", "serviceaccount", "tenant")
    who = f"--serviceaccount={namespace}:tenant"
    one.kubectl("create", "rolebinding", "tenant", "--clusterrole=cluster-admin", who)
    return one, account_of(person.kubeconfig, scratch / namespace, namespace, "tenant")


def part(seconds: list[float], share: float) -> float:
    """The value below which so many of a hundred are."""
    return sorted(seconds)[min(len(seconds) - 1, int(share * len(seconds)))]


class Phase:
    """One of the three, with the cores that operator and API server used meanwhile."""

    def __init__(self, victim: Victim, operator: int, seconds: float) -> None:
        pids = {"operator": operator, "API server": api_server_pid(cluster_name(PURPOSE))}
        before, began = {name: cpu_seconds(pid) for name, pid in pids.items()}, time.monotonic()
        self.felt = victim.feel(seconds)
        took = time.monotonic() - began
        self.cores = {name: (cpu_seconds(pid) - before[name]) / took for name, pid in pids.items()}


def report(phases: dict[str, Phase]) -> bool:
    """Print the table; whether the flood costs others more than the bound."""
    bad = False
    print(
        f"{'milliseconds, p50 / p99':<26}" + "".join(f"{name:>18}" for name in phases) + f"{'p99 of it':>12}"
    )
    for what in WHAT:
        cells = [[1000 * part(phase.felt[what], share) for share in (0.5, 0.99)] for phase in phases.values()]
        worst = [cell[1] for cell in cells]
        ratio = worst[2] / worst[1]
        bad = bad or (ratio > RATIO and worst[2] - worst[1] > 1000 * CLOCK)
        print(
            f"{what:<26}" + "".join(f"{mid:>9.0f} /{late:>7.0f}" for mid, late in cells) + f"{ratio:>12.2f}"
        )
    counts = ", ".join(str(len(phase.felt[WHAT[0]])) for phase in phases.values())
    print(f"Runs of each: {counts}; the last column: beside the flood, by beside the control")
    for name, phase in phases.items():
        print(f"cores, {name}: " + ", ".join(f"{who} {used:.2f}" for who, used in phase.cores.items()))
    return bad


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(prog="make bench-neighbours")
    parser.add_argument("--seconds", type=float, default=35.0, help="of each of the three measurements")
    chosen = parser.parse_args()
    phases: dict[str, Phase] = {}
    with stage(PURPOSE) as (person, operator, scratch):
        quiet, own = tenant(person, "quiet", scratch)
        victim = Victim(quiet, own, operator.ingest_url)
        phases["alone"] = Phase(victim, operator.pid, chosen.seconds)
        for name, kind in (("beside a control", "control"), ("beside a flood", "flood")):
            loud, theirs = tenant(person, kind, scratch)
            flood = Flood(kind, loud, theirs, operator.ingest_url)
            try:
                phases[name] = Phase(victim, operator.pid, chosen.seconds)
            finally:
                counted = flood.close()
            print(f"{name}: " + ", ".join(f"{what} {n} ({no} refused)" for what, (n, no) in counted.items()))
            loud.kubectl("delete", "namespace", kind, "--wait=false")
        bad = report(phases)
    sys.exit(int(bad))


if __name__ == "__main__":
    perform(main)
