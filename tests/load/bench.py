"""`make bench`: Runs beside the same number of bare Jobs, on one control plane with fake nodes, in one session.

Machines differ and are noisy: the ratio, the writes and the CPU say something, the seconds little.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Callable
from typing import Any

from run_operator.kube.client import Api
from run_operator.kube.resource import JOBS, RUNS
from tests.harness import OperatorProcess, Person, run_object
from tests.load.stage import connected, cpu_seconds, stage

CONCURRENCY = 16
DEADLINE = 300.0


def bare_job(name: str) -> dict[str, Any]:
    """The Job that the operator would make, without the Run."""
    container = {"name": "main", "image": "docker.io/library/busybox:1.36"}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "template": template},
    }


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
    running: Callable[[dict[str, Any]], bool],
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


async def measure(person: Person, operator: OperatorProcess, count: int, rounds: int) -> None:
    """Jobs and Runs in turn; one line a round."""
    print(f"{'round':>5} {'Jobs/s':>8} {'Runs/s':>8} {'ratio':>6} {'writes/Run':>11} {'CPU ms/Run':>11}")
    async with connected(person, CONCURRENCY, "bench") as api:
        for number in range(1, rounds + 1):
            names = [f"r{number}-{i}" for i in range(count)]
            for kind in ("jobs", "runs"):
                person.kubectl("create", "namespace", f"{kind}-{number}")
            jobs = await timed(
                api,
                JOBS,
                f"jobs-{number}",
                [bare_job(name) for name in names],
                lambda o: o["status"].get("ready", 0) > 0,
            )
            person.kubectl("delete", "namespace", f"jobs-{number}")
            writes, cpu = sum(operator.writes().values()), cpu_seconds(operator.pid)
            runs = await timed(
                api,
                RUNS,
                f"runs-{number}",
                [run_object(name) for name in names],
                lambda o: o["status"]["state"] == "RUNNING",
            )
            writes, cpu = sum(operator.writes().values()) - writes, cpu_seconds(operator.pid) - cpu
            print(
                f"{number:>5} {count / jobs:>8.1f} {count / runs:>8.1f} {jobs / runs:>6.2f}"
                f" {writes / count:>11.2f} {1000 * cpu / count:>11.2f}",
                flush=True,
            )
            person.kubectl("delete", "namespace", f"runs-{number}")


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
