"""`make bench`: Runs beside the same number of Jobs, on one control plane with fake nodes, in one session.

`bare` is the least Job there is; `same` is the very Job that the operator makes, applied by hand: what is missing to it
is what the Run itself costs. `p90` is the time from the first creation within which nine of ten run. With `--jobset` (`make bench-jobset`) the same number of JobSets too, made by JobSet's own
manager. At the end: the CPU that the schema of `spec.spec` costs the API server. Machines differ and are noisy: the ratio,
the writes and the CPU say something, the seconds little.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, aclosing
from dataclasses import dataclass, replace
from typing import Any

from run_operator.api.run import Run
from run_operator.kube.client import Api
from run_operator.kube.resource import JOBS, RUNS
from run_operator.workloads.builder import build
from run_operator.workloads.types import Options
from tests.load.schema_cost import report
from tests.load.stage import connected, cpu_seconds, perform, stage
from tests.support.controller_manager import JOBSETS, JobSetManager
from tests.support.harness import OperatorProcess, Person, cluster_name, run_object

CONCURRENCY = 16
DEADLINE = 300.0
COLUMNS = (
    "bare Jobs/s",
    "same Jobs/s",
    "Runs/s",
    "Runs:bare",
    "Runs:same",
    "p90 Runs:bare",
    "p90 Runs:same",
    "writes/Run",
    "CPU ms/Run",
)
JOBSET_COLUMNS = ("JobSets/s", "Runs:JobSets", "CPU ms/JobSet")
Running = Callable[[dict[str, Any]], bool]


@dataclass(frozen=True, slots=True)
class Burst:
    """Objects that were created at once."""

    seconds: tuple[float, ...]
    """Of each, from the first creation until it ran; ascending."""

    @property
    def rate(self) -> float:
        """Objects a second until all of them ran."""
        return len(self.seconds) / self.seconds[-1]

    @property
    def p90(self) -> float:
        """Seconds within which nine of ten ran."""
        return self.seconds[math.ceil(len(self.seconds) * 0.9) - 1]


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


def same_job(name: str, ingest_url: str) -> dict[str, Any]:
    """The Job that the operator makes of a Run, without the Run: restricted, labelled, ready for metrics."""
    run = Run.from_object(run_object(name))
    options = Options(ingest_url=ingest_url, pod_api_url=ingest_url)
    child = build(replace(run, uid="of-nobody"), 1, options).child
    metadata = {key: child["metadata"][key] for key in ("name", "labels", "annotations")}
    return {**child, "metadata": metadata}


def job_runs(job: dict[str, Any]) -> bool:
    """Whether its pod is ready."""
    return int(job["status"].get("ready", 0)) > 0


def job_set(name: str) -> dict[str, Any]:
    """The least JobSet there is, of one bare Job."""
    jobs = {"name": "main", "template": {"spec": bare_job(name)["spec"]}}
    return {
        "apiVersion": f"{JOBSETS.group}/{JOBSETS.version}",
        "kind": JOBSETS.kind,
        "metadata": {"name": name},
        "spec": {"replicatedJobs": [jobs]},
    }


def job_set_runs(found: dict[str, Any]) -> bool:
    """Whether its Job's pod is ready."""
    return any(jobs["ready"] > 0 for jobs in found.get("status", {}).get("replicatedJobsStatus", ()))


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
) -> Burst:
    """Create them all at once, and wait until all of them run."""
    began = time.perf_counter()
    try:
        async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as group:
            seen = group.create_task(all_run(api, resource, namespace, len(bodies), running))
            group.create_task(create(api, resource, namespace, bodies))
    except TimeoutError:
        sys.exit(f"bench: not all of {len(bodies)} {resource.plural} ran within {DEADLINE:g} s")
    return Burst(tuple(moment - began for moment in seen.result()))


async def all_run(api: Api, resource: Any, namespace: str, count: int, running: Running) -> list[float]:
    """The moments at which so many were first seen to run.

    By a watch: lists, again and again, would be a good part of the API server's work.
    """
    found: dict[str, float] = {}
    while len(found) < count:
        # An API server that is busy may close a watch; a new one begins with what there is.
        async with aclosing(api.watch(resource, namespace=namespace, seconds=int(DEADLINE))) as events:
            async for event in events:
                if event["type"] != "BOOKMARK" and running(event["object"]):
                    found.setdefault(event["object"]["metadata"]["name"], time.perf_counter())
                    if len(found) == count:
                        return list(found.values())
    return list(found.values())


class Round:
    """So many objects of each sort, in a namespace of theirs."""

    def __init__(self, api: Api, person: Person, number: int, count: int) -> None:
        self._api = api
        self._person = person
        self._number = number
        self._names = [f"r{number}-{i}" for i in range(count)]

    async def burst(
        self, what: str, resource: Any, make: Callable[[str], Any], running: Running, *, clear: bool = True
    ) -> Burst:
        """Create them, and wait until all of them run. Then they are cleared, unless somebody looks at something first."""
        namespace = f"{what}-{self._number}"
        self._person.kubectl("create", "namespace", namespace)
        bodies = [make(name) for name in self._names]
        burst = await timed(self._api, resource, namespace, bodies, running)
        if clear:
            self.clear(what)
        return burst

    def clear(self, what: str) -> None:
        """Until nothing of them is left."""
        self._person.kubectl("delete", "namespace", f"{what}-{self._number}")


class Bench:
    """Jobs, the operator's own Jobs, Runs and, if there is a manager for them, JobSets in turn."""

    def __init__(self, person: Person, operator: OperatorProcess, manager: JobSetManager | None) -> None:
        self._person = person
        self._operator = operator
        self._manager = manager

    async def measure(self, count: int, rounds: int) -> None:
        """Prints a line a round, and the median of each column."""
        columns = COLUMNS + (JOBSET_COLUMNS if self._manager else ())
        print("round  ", *columns, sep="  ", flush=True)
        found: list[list[float]] = []
        async with connected(self._person, CONCURRENCY, "bench") as api:
            for number in range(1, rounds + 1):
                found.append(await self._round(Round(api, self._person, number, count), count))
                show(str(number), columns, found[-1])
        show("median", columns, list(map(statistics.median, zip(*found, strict=True))))

    async def _round(self, one: Round, count: int) -> list[float]:
        """A figure a column."""
        operator = self._operator
        bare = await one.burst("bare", JOBS, bare_job, job_runs)
        same = await one.burst("same", JOBS, lambda name: same_job(name, operator.ingest_url), job_runs)
        writes, cpu = sum(operator.writes().values()), cpu_seconds(operator.pid)
        runs = await one.burst(
            "runs", RUNS, run_object, lambda o: o["status"]["state"] == "RUNNING", clear=False
        )
        writes, cpu = sum(operator.writes().values()) - writes, cpu_seconds(operator.pid) - cpu
        one.clear("runs")
        found = [bare.rate, same.rate, runs.rate, runs.rate / bare.rate, runs.rate / same.rate]
        found += [runs.p90 / bare.p90, runs.p90 / same.p90, writes / count, 1000 * cpu / count]
        if self._manager:
            cpu = cpu_seconds(self._manager.pid)
            sets = await one.burst("sets", JOBSETS, job_set, job_set_runs, clear=False)
            cpu = cpu_seconds(self._manager.pid) - cpu
            one.clear("sets")
            found += [sets.rate, runs.rate / sets.rate, 1000 * cpu / count]
        return found


def show(label: str, columns: tuple[str, ...], found: list[float]) -> None:
    """One line of the table."""
    cells = (f"{value:>{len(column)}.2f}" for column, value in zip(columns, found, strict=True))
    print(f"{label:<7}", *cells, sep="  ", flush=True)


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobset", action="store_true", help="JobSets too; builds their manager once")
    chosen = parser.parse_args()
    with ExitStack() as things:
        person, operator, scratch = things.enter_context(stage("bench"))
        manager = JobSetManager(person, scratch / "jobset") if chosen.jobset else None
        bench = Bench(person, operator, manager and things.enter_context(manager))
        asyncio.run(bench.measure(chosen.count, chosen.rounds))
        asyncio.run(report(person, cluster_name("bench"), chosen.count, chosen.rounds))


if __name__ == "__main__":
    perform(main)
