"""`make faults`: bad nights, one after the other, and what a person felt of each.

Each fault lasts as long as `tests/support/faults.py` says for it. With `--random MINUTES` faults follow each other by chance
for so long, while Runs are applied, stopped, resumed and deleted; in the end none may be stuck, doubled or wrong.
"""

from __future__ import annotations

import argparse
import logging
import random
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Final

from tests.load.stage import control_plane, perform
from tests.support.faults import CROWD, FAULTS, Scene, endure, scene, wrong
from tests.support.harness import Person, cluster_name, run_object

SETTLE: Final = 240.0
"""Seconds after a fault until everything must be as it was asked for."""
LONGEST: Final = 10.0
"""Seconds of a random fault."""
NOT_RANDOM: Final = ("etcd restored from a backup",)
"""What happened since the backup never did: nothing can be expected of what people asked for since."""
MOST_RUNS: Final = 200


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(prog="make faults")
    parser.add_argument("--only", help="faults whose name holds this")
    parser.add_argument("--scale", type=float, default=1.0, help="all durations times this")
    parser.add_argument("--random", type=float, metavar="MINUTES")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    chosen = parser.parse_args()
    logging.getLogger("aiohttp.server").disabled = True  # the proxy's requests fail: that is what a fault is
    cluster = cluster_name("faults")
    good = False
    with control_plane(cluster, "--restarts") as kubeconfig, tempfile.TemporaryDirectory() as scratch:
        person = Person(kubeconfig)
        person.install_crds()
        try:
            with scene(cluster, person, Path(scratch)) as made:
                good = _random(made, chosen.random, chosen.seed) if chosen.random else _all(made, chosen)
        finally:
            if not good:
                kept = Path(tempfile.mkdtemp(prefix="faults-"))
                shutil.copytree(scratch, kept, dirs_exist_ok=True)
                print(f"the operator's log is in {kept}")
    sys.exit(not good)


def _all(made: Scene, chosen: argparse.Namespace) -> bool:
    good = True
    print(
        f"{'fault':<38} {'lasts':>6} {'without starts':>15} {'without metrics':>16} {'lost':>5} {'doubled':>8}"
    )
    for name, (fault, seconds, _) in FAULTS.items():
        if chosen.only and chosen.only not in name:
            continue
        lasts = seconds * chosen.scale
        figures = endure(made, lambda fault=fault, lasts=lasts: fault(made, lasts), SETTLE, _crowd(name))
        print(
            f"{name:<38} {lasts:>4.0f} s {figures.without_starts:>13.0f} s {figures.without_metrics:>14.0f} s"
            f" {figures.lost:>5} {figures.doubled:>8}",
            flush=True,
        )
        for line in figures.wrong:
            print(f"  wrong: {line}", flush=True)
        good = good and not (figures.wrong or figures.lost or figures.doubled)
    return good


def _crowd(name: str) -> int:
    return CROWD if "continue" in name else 0


class People(threading.Thread):
    """Somebody who applies, stops, resumes and deletes Runs, through every fault, until it is stopped."""

    def __init__(self, person: Person, dice: random.Random) -> None:
        super().__init__(name="people", daemon=True)
        self._person = person
        self._dice = dice
        self._alive: list[str] = []
        self.done: dict[str, int] = {}
        self.enough = threading.Event()

    def run(self) -> None:
        """One change after the other."""
        made = 0
        while not self.enough.is_set():
            what = self._dice.choice(("apply", "apply", "stop", "resume", "delete"))
            if what == "apply" and len(self._alive) < MOST_RUNS:
                name = f"r-{made}"
                made += 1
                self._alive.append(name)
                self._surely("apply", lambda name=name: self._person.apply(run_object(name)))
            elif what != "apply" and self._alive:
                name = self._dice.choice(self._alive)
                self._change(what, name)
            self.enough.wait(self._dice.uniform(0.0, 0.4))

    def _change(self, what: str, name: str) -> None:
        if what == "delete":
            self._alive.remove(name)
            self._surely(
                "delete", lambda: self._kubectl("delete", "run", name, "--wait=false", "--ignore-not-found")
            )
            return
        patch = f'{{"spec": {{"suspend": {str(what == "stop").lower()}}}}}'
        self._surely(what, lambda: self._kubectl("patch", "run", name, "--type=merge", "-p", patch))

    def _kubectl(self, *arguments: str) -> None:
        self._person.kubectl(*arguments)

    def _surely(self, what: str, change: object) -> None:
        """Also while the API server is away."""
        assert callable(change)
        while True:
            try:
                change()
            except AssertionError:
                time.sleep(0.5)
            else:
                self.done[what] = self.done.get(what, 0) + 1
                return


def _random(made: Scene, minutes: float, seed: int) -> bool:
    dice = random.Random(seed)
    people = People(made.person, random.Random(seed + 1))
    print(f"faults: {minutes:g} minutes, seed {seed}", flush=True)
    people.start()
    until, suffered = time.monotonic() + 60 * minutes, 0
    while time.monotonic() < until:
        name = dice.choice([one for one in FAULTS if one not in NOT_RANDOM])
        seconds = dice.uniform(0.5, LONGEST)
        print(f"  {name}, {seconds:.1f} s", flush=True)
        FAULTS[name][0](made, seconds)
        suffered += 1
        time.sleep(dice.uniform(0.0, 5.0))
    people.enough.set()
    people.join()
    until = time.monotonic() + SETTLE
    while (found := wrong(made.person, most_attempts=None)) and time.monotonic() < until:
        time.sleep(1)
    changes = ", ".join(f"{what} {number}" for what, number in sorted(people.done.items()))
    print(f"{suffered} faults, {changes}; {len(found)} stuck, doubled or wrong")
    for line in found[:20]:
        print(f"  {line}")
    return not found


if __name__ == "__main__":
    perform(main)
