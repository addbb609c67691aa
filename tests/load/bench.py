"""`make bench`: Runs beside the same number of Jobs, on one control plane with fake nodes, in one session.

`bare` is the least Job there is; `same` is the very Job that the operator makes, applied by hand: what is missing to it
is what the Run itself costs. Machines differ and are noisy: the ratio, the writes and the CPU say something, the seconds little.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from run_operator.kube.client import Api
from run_operator.kube.resource import JOBS, RUNS
from run_operator.resources.run import Run
from run_operator.workloads.build import build
from run_operator.workloads.options import Options
from tests.harness import OperatorProcess, Person, run_object
from tests.load.stage import connected, cpu_seconds, stage

CONCURRENCY = 16
DEADLINE = 300.0
Running = Callable[[dict[str, Any]], bool]


def bare_job(name: str) -> dict[str, Any]:
    """The least Job there is."""
    container = {"name": "main", "image": "docker.io/library/busybox:1.36"}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "template": template},
    }


def same_job(name: str, metrics_url: str) -> dict[str, Any]:
    """The Job that the operator makes of a Run, without the Run: restricted, labelled, ready for metrics."""
    run = Run.from_object(run_object(name))
    child = build(replace(run, uid="of-nobody"), 1, Options(metrics_url=metrics_url)).child
    metadata = {key: child["metadata"][key] for key in ("name", "labels", "annotations")}
    return {**child, "metadata": metadata}


def job_runs(job: dict[str, Any]) -> bool:
    """Whether its pod is ready."""
    return int(job["status"].get("ready", 0)) > 0


async def create(api: Api, resource: Any, namespace: str, bodies: list[dict[str, Any]]) -> None:
    """All of them, a few at a time."""
    gate = asyncio.Semaphore(CONCURRENCY)

    async def one(body: dict[str, Any]) -> None:
        async with gate:
            await api.create(resource, namespace, body)

    await asyncio.gather(*(one(body) for body in bodies))


async def timed(
    api: Api,
    resource: Any,
    namespace: str,
    bodies: list[dict[str, Any]],
    running: Running,
) -> float:
    """Seconds from the first create until all of them run."""
    began = time.perf_counter()
    await create(api, resource, namespace, bodies)
    while time.perf_counter() - began < DEADLINE:
        found = [item async for item in api.list_objects(resource, namespace=namespace)]
        if sum(map(running, found)) == len(bodies):
            return time.perf_counter() - began
        await asyncio.sleep(0.25)
    sys.exit(f"bench: not all of {len(bodies)} {resource.plural} ran within {DEADLINE:g} s")


class Round:
    """So many objects of each sort, in a namespace of theirs."""

    def __init__(self, api: Api, person: Person, number: int, count: int) -> None:
        self._api = api
        self._person = person
        self._number = number
        self._names = [f"r{number}-{i}" for i in range(count)]

    async def rate(self, what: str, resource: Any, make: Callable[[str], Any], running: Running) -> float:
        """Objects a second until all of them run."""
        namespace = f"{what}-{self._number}"
        self._person.kubectl("create", "namespace", namespace)
        bodies = [make(name) for name in self._names]
        seconds = await timed(self._api, resource, namespace, bodies, running)
        return len(bodies) / seconds

    def clear(self, what: str) -> None:
        """Until nothing of them is left."""
        self._person.kubectl("delete", "namespace", f"{what}-{self._number}")


async def measure(person: Person, operator: OperatorProcess, count: int, rounds: int) -> None:
    """Jobs, the operator's own Jobs and Runs in turn; one line a round."""
    print("round  bare Jobs/s  same Jobs/s  Runs/s  Runs:bare  Runs:same  writes/Run  CPU ms/Run")
    async with connected(person, CONCURRENCY, "bench") as api:
        for number in range(1, rounds + 1):
            one = Round(api, person, number, count)
            bare = await one.rate("bare", JOBS, bare_job, job_runs)
            one.clear("bare")
            same = await one.rate("same", JOBS, lambda name: same_job(name, operator.metrics_url), job_runs)
            one.clear("same")
            writes, cpu = sum(operator.writes().values()), cpu_seconds(operator.pid)
            runs = await one.rate("runs", RUNS, run_object, lambda o: o["status"]["state"] == "RUNNING")
            writes, cpu = sum(operator.writes().values()) - writes, cpu_seconds(operator.pid) - cpu
            print(
                f"{number:>5} {bare:>12.1f} {same:>12.1f} {runs:>7.1f} {runs / bare:>10.2f} {runs / same:>10.2f}"
                f" {writes / count:>11.2f} {1000 * cpu / count:>11.2f}",
                flush=True,
            )
            one.clear("runs")


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    with stage("bench") as (person, operator, _):
        asyncio.run(measure(person, operator, chosen.count, chosen.rounds))


if __name__ == "__main__":
    main()
