"""`make cliff`: more Runs at once, step by step, until one step does not converge.

A step creates so many Runs at once on fake nodes and waits until all of them run; then the operator is started again beside
them. Every step has a namespace of its own, which is removed before the next one.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from typing import Any

from run_operator.kube.client import Api
from run_operator.kube.errors import TransientError
from run_operator.kube.resource import RUNS
from tests.load.bench import CONCURRENCY, Burst, all_run
from tests.load.bench_memory import memory
from tests.load.stage import connected, cpu_seconds, perform, stage
from tests.support.harness import OperatorProcess, Person, run_object

STEPS = (300, 1_000, 3_000, 9_000)
COLUMNS = ("Runs", "Runs/s", "p90 s", "writes/Run", "CPU ms/Run", "MiB", "restart s")


def is_running(run: dict[str, Any]) -> bool:
    """Whether the Run says so."""
    return bool(run.get("status", {}).get("state") == "RUNNING")


async def create(api: Api, namespace: str, count: int) -> None:
    """All of them; an API server that is busy is asked again."""
    gate = asyncio.Semaphore(CONCURRENCY)

    async def one(name: str) -> None:
        async with gate:
            while True:
                try:
                    await api.create(RUNS, namespace, run_object(name, "sleep"))
                except TransientError:
                    continue
                return

    await asyncio.gather(*(one(f"run-{number}") for number in range(count)))


async def step(person: Person, operator: OperatorProcess, count: int, deadline: float) -> bool:
    """One line of the table. False when not all of them ran in time (seconds)."""
    namespace = f"step-{count}"
    person.kubectl("create", "namespace", namespace)
    writes, cpu = sum(operator.writes().values()), cpu_seconds(operator.pid)
    began = time.perf_counter()
    async with connected(person, CONCURRENCY, "cliff") as api:
        try:
            async with asyncio.timeout(deadline), asyncio.TaskGroup() as group:
                seen = group.create_task(all_run(api, RUNS, namespace, count, is_running))
                group.create_task(create(api, namespace, count))
        except TimeoutError:
            print(f"{count:>6}  did not all run within {deadline:g} s", flush=True)
            return False
    burst = Burst(tuple(moment - began for moment in seen.result()))
    writes, cpu = sum(operator.writes().values()) - writes, cpu_seconds(operator.pid) - cpu
    held = memory(operator.pid, "VmRSS")
    operator.kill()
    began = time.perf_counter()
    operator.start()
    restart = time.perf_counter() - began
    row = (burst.rate, burst.p90, writes / count, 1000 * cpu / count, held, restart)
    cells = (f"{value:>{len(name)}.2f}" for name, value in zip(COLUMNS[1:], row, strict=True))
    print(f"{count:>6}", *cells, sep="  ", flush=True)
    person.kubectl("delete", "namespace", namespace, "--timeout=30m")
    return True


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(prog="make cliff")
    parser.add_argument("--steps", type=int, nargs="+", default=STEPS)
    parser.add_argument("--deadline", type=float, default=600.0, help="seconds for a step")
    chosen = parser.parse_args()
    with stage("cliff") as (person, operator, _):
        print(f"empty: {memory(operator.pid, 'VmRSS'):.0f} MiB")
        print(f"{COLUMNS[0]:>6}", *COLUMNS[1:], sep="  ", flush=True)
        for count in chosen.steps:
            if not asyncio.run(step(person, operator, count, chosen.deadline)):
                break


if __name__ == "__main__":
    perform(main)
