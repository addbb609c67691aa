"""`make bench-stop`: how long a stop and a resume take, one at a time on an idle cluster and three hundred at once.

Real API server, Job controller and scheduler, fake nodes: what is measured is the operator and the control plane,
without images and kubelets. All times are seconds on one clock, from the moment the patch is sent.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from run_operator.kube.client import Api
from run_operator.kube.resource import RUNS
from tests.load.stage import connected, perform, stage
from tests.load.watching import Watch
from tests.support.harness import Person, run_object

ABREAST = 16
TIMEOUT = 120.0
LABEL_RUN = "run-operator.io/run"


class Stopwatch:
    """When what was first seen, by name of the thing that happened."""

    def __init__(self) -> None:
        self._seen: dict[str, float] = {}
        self._news = threading.Condition()

    def hear(self, event: dict[str, Any]) -> None:
        """One watch event, as the threads that read them pass it on."""
        moment = time.monotonic()
        with self._news:
            for happening in happenings(event):
                self._seen.setdefault(happening, moment)
            self._news.notify_all()

    def forget(self) -> None:
        """Before the next measurement."""
        with self._news:
            self._seen.clear()

    def wait(self, happening: str) -> float:
        """The moment it was seen."""
        with self._news:
            if not self._news.wait_for(lambda: happening in self._seen, TIMEOUT):
                sys.exit(f"bench-stop: {happening}: not within {TIMEOUT:g} s")
            return self._seen[happening]


def happenings(event: dict[str, Any]) -> list[str]:
    """What an event means for its Run."""
    item, gone = event["object"], event["type"] == "DELETED"
    name, labels = item["metadata"]["name"], item["metadata"].get("labels", {})
    if item["kind"] == "Run":
        status = item.get("status", {})
        return [f"{name} {status.get('state')} {status.get('attempt', 0)}"]
    run = labels.get(LABEL_RUN, "")
    if item["kind"] == "Job":
        return [f"{run} suspended"] if item["spec"].get("suspend") and not gone else []
    if gone or item["metadata"].get("deletionTimestamp"):
        return [f"{run} ending"]
    return [f"{run} pod {labels.get('run-operator.io/attempt')}"]


class Bench:
    """Stops and resumes."""

    def __init__(self, api: Api, watch: Stopwatch, namespace: str) -> None:
        self._api = api
        self._watch = watch
        self._namespace = namespace
        self._gate = asyncio.Semaphore(ABREAST)

    async def begin(self, names: list[str]) -> None:
        """All of them RUNNING."""
        await asyncio.gather(*(self._create(name) for name in names))
        for name in names:
            await asyncio.to_thread(self._watch.wait, f"{name} RUNNING 1")

    async def one_by_one(self, names: list[str]) -> dict[str, list[float]]:
        """The times of a stop and a resume of each."""
        found: dict[str, list[float]] = {"suspended": [], "ending": [], "STOPPED": [], "new pod": []}
        for name in names:
            self._watch.forget()
            began = await self._set_suspend(name, suspend=True)
            for what, happening in (
                ("suspended", "suspended"),
                ("ending", "ending"),
                ("STOPPED", "STOPPED 1"),
            ):
                found[what].append(await asyncio.to_thread(self._watch.wait, f"{name} {happening}") - began)
            self._watch.forget()
            began = await self._set_suspend(name, suspend=False)
            found["new pod"].append(await asyncio.to_thread(self._watch.wait, f"{name} pod 2") - began)
            await asyncio.to_thread(self._watch.wait, f"{name} RUNNING 2")
        return found

    async def at_once(self, names: list[str]) -> tuple[float, float]:
        """Until the last Run says STOP, and until the last one says STOPPED."""
        self._watch.forget()
        began = time.monotonic()
        await asyncio.gather(*(self._set_suspend(name, suspend=True) for name in names))
        taken = [await asyncio.to_thread(self._watch.wait, f"{name} STOP 1") for name in names]
        stopped = [await asyncio.to_thread(self._watch.wait, f"{name} STOPPED 1") for name in names]
        return max(taken) - began, max(stopped) - began

    async def _create(self, name: str) -> None:
        async with self._gate:
            await self._api.create(RUNS, self._namespace, run_object(name))

    async def _set_suspend(self, name: str, *, suspend: bool) -> float:
        async with self._gate:
            began = time.monotonic()
            await self._api.patch(RUNS, self._namespace, name, {"spec": {"suspend": suspend}})
            return began


def row(what: str, times: list[float]) -> str:
    """One line of the table, in milliseconds."""
    ordered = sorted(times)

    def pick(share: float) -> float:
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    return f"{what:<34} {pick(0.5):>8.0f} {pick(0.99):>8.0f} {1000 * ordered[-1]:>8.0f}"


async def measure(
    person: Person, chosen: argparse.Namespace, watch: Stopwatch, only_runs: Callable[[], None]
) -> None:
    """Both measurements, printed. `only_runs` ends the watches of children, which three hundred at once would wait for."""
    async with connected(person, ABREAST, "bench-stop") as api:
        bench = Bench(api, watch, person.namespace)
        names = [f"one-{number}" for number in range(chosen.single)]
        await bench.begin(names)
        found = await bench.one_by_one(names)
        print(
            f"{'one at a time (' + str(len(names)) + ' Runs), ms':<34} {'median':>8} {'p99':>8} {'longest':>8}"
        )
        print(row("patch to child suspended", found["suspended"]))
        print(row("patch to pod ending", found["ending"]))
        print(row("patch to STOPPED", found["STOPPED"]))
        print(row("resume patch to new pod", found["new pod"]))
        names = [f"all-{number}" for number in range(chosen.many)]
        await bench.begin(names)
        only_runs()
        taken, stopped = await bench.at_once(names)
        print(f"{len(names)} at once: all STOP in {taken:.1f} s, all STOPPED in {stopped:.1f} s")


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(prog="make bench-stop")
    parser.add_argument("--single", type=int, default=100)
    parser.add_argument("--many", type=int, default=300)
    chosen = parser.parse_args()
    stopwatch = Stopwatch()
    with stage("bench-stop", "bench") as (person, _, _), ExitStack() as watches, ExitStack() as children:
        watches.enter_context(Watch(person, "runs", stopwatch.hear))
        for kind in ("jobs", "pods"):
            children.enter_context(Watch(person, kind, stopwatch.hear))
        asyncio.run(measure(person, chosen, stopwatch, children.close))


if __name__ == "__main__":
    perform(main)
