"""`make bench-metrics`: what taking and writing metrics costs, with the API server left out or put in.

1. Ingest: a server process with TLS, four clients with connections that stay open, batches of a thousand values.
2. Commit: building and encoding the patch of a Run at its budget, and reading the event that comes back.
3. Pace: a thousand Runs at their budget log at once; bytes a second and freshness, with an API server in memory.
4. With `--cluster`: CPU of a whole operator per commit of a Run at its budget, on a real API server.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from typing import Any

import aiohttp

from run_operator.api.run import Key, Run
from run_operator.ingest.limits import Pace
from run_operator.kube import resource
from run_operator.metrics.metric_set import MetricLimits
from run_operator.metrics.protocol import read
from run_operator.metrics.run_ledger import RunLedger
from tests.load.stage import cpu_seconds, perform, stage
from tests.support.harness import REPOSITORY
from tests.support.ingest_world import NAME, NAMESPACE, World
from tests.support.metrics_pod import MetricsPod

CLIENTS = 4
BATCH = 1000
BATCHES = 250
"""The result of each client."""
COMMITS = 200
RUNS = 1000
SECONDS = 30.0


def value(number: int) -> float:
    """Like a loss: full precision, 18 digits."""
    return 1.0 / (1.0 + number * 0.001) + 1e-9 * (number * 7919 % 104729)


async def serve() -> None:
    """The server process of part 1: prints its port and a token for each client, and runs until it is killed."""
    async with World(pace=Pace()) as world:
        world.ingest._server._context = world.ingest.certificates.context
        port = await world.ingest._server.start("127.0.0.1", 0)
        print(json.dumps({"port": port, "token": world.token()}), flush=True)
        await asyncio.Event().wait()


async def ingest(serving: dict[str, Any]) -> None:
    """The clients of part 1."""
    url = f"https://127.0.0.1:{serving['port']}/v1/namespaces/{NAMESPACE}/runs/{NAME}/metrics"
    headers = {"Authorization": f"Bearer {serving['token']}"}
    values = [value(number) for number in range(BATCH)]

    async def client(number: int) -> None:
        async with aiohttp.ClientSession() as session:
            for seq in range(1, BATCHES + 1):
                ops = [{"k": f"loss-{number}", "append": values}]
                body = json.dumps({"writer": f"w{number}", "seq": seq, "ops": ops}).encode()
                async with session.post(url, data=body, headers=headers, ssl=False) as answer:
                    assert answer.status in (200, 202), await answer.text()

    await asyncio.gather(*(client(number) for number in range(CLIENTS)))


def bench_ingest() -> None:
    """Part 1."""
    command = [sys.executable, "-m", "tests.load.bench_metrics", "--serve"]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            serving = json.loads(server.stdout.readline())
            before, began = cpu_seconds(server.pid), time.perf_counter()
            asyncio.run(ingest(serving))
            spent, took = cpu_seconds(server.pid) - before, time.perf_counter() - began
        finally:
            server.kill()
    total = CLIENTS * BATCHES * BATCH
    print(f"ingest: {total:,} values in batches of {BATCH:,} over TLS, with their commits")
    print(f"  {total / spent:>12,.0f} values a second of CPU time (one core)")
    print(f"  {total / took:>12,.0f} values a second by the clock, clients on the same machine")


def bench_commit(budget: int) -> None:
    """Part 2."""
    limits = MetricLimits(budget=budget)
    ledger = RunLedger("uid", {})
    seq = 0
    while ledger.metric_set.size < budget * 0.9:
        seq += 1
        ops = [{"k": f"m{k}", "append": [value(seq * 50 + i) for i in range(50)]} for k in range(10)]
        body = json.dumps({"writer": "w", "seq": seq, "ops": ops}).encode()
        ledger.take("w", read(body), 1, limits, 0.0, lambda _: False)
    began = time.process_time()
    for number in range(COMMITS):
        commit = ledger.commit(f"c{number}", limits, {})
        text = json.dumps(commit.operations)
        ledger.landed(commit, 0.0)
    made = (time.process_time() - began) / COMMITS
    status = {
        op["path"].removeprefix("/status/"): op["value"] for op in json.loads(text) if op["op"] == "add"
    }
    event = json.dumps({"metadata": {"name": "x"}, "spec": {}, "status": status})
    began = time.process_time()
    for _ in range(COMMITS):
        Run.from_object(json.loads(event))
    seen = (time.process_time() - began) / COMMITS
    print(f"commit at {budget // 1024} KiB, ten metrics: {1000 * made:.2f} ms CPU to make and encode it, "
          f"{1000 * seen:.2f} ms to read the event that follows")  # fmt: skip


async def bench_pace() -> None:
    """Part 3."""
    world = World(pace=Pace())
    raw = world.api.objects["runs", NAMESPACE, NAME]
    full = {"loss": [value(number) for number in range(3000)]}
    entries = []
    for number in range(RUNS):
        name = f"run-{number}"
        metadata = raw["metadata"] | {"name": name, "uid": f"uid-{name}"}
        world.api.put(
            resource.RUNS, {"metadata": metadata, "spec": raw["spec"], "status": dict(raw["status"])}
        )
        run = world.store.run(Key(NAMESPACE, name))
        assert run is not None
        entry = await world.ingest._ledgers.open(run)
        body = json.dumps({"ops": [{"k": "loss", "append": full["loss"]}]}).encode()
        entry.ledger.take(None, read(body), 1, MetricLimits(), time.monotonic(), lambda _: False)
        entries.append(entry)
    committer = world.ingest._committer
    for entry in entries:
        committer.changed(entry)
    work = asyncio.create_task(committer.work())
    cpu, freshest = time.process_time(), 0.0
    began = time.monotonic()
    one_more = read(json.dumps({"ops": [{"k": "loss", "append": [1.5]}]}).encode())
    while time.monotonic() - began < SECONDS:
        await asyncio.sleep(1)
        for entry in entries:
            entry.ledger.take(None, one_more, 1, MetricLimits(), time.monotonic(), lambda _: False)
            committer.changed(entry)
        freshest = max(freshest, committer.freshness())
    took, cpu = time.monotonic() - began, time.process_time() - cpu
    work.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await work
    written = world.registry.get_sample_value("run_operator_ingest_commit_bytes_total") or 0.0
    commits = (
        world.registry.get_sample_value("run_operator_ingest_commits_total", {"result": "landed"}) or 0.0
    )
    print(f"pace: {RUNS:,} Runs at 64 KiB log once a second for {took:.0f} s")
    print(
        f"  {written / took / 1024:>12,.0f} KiB/s of Runs rewritten ({commits / took:.1f} commits/s), limit 1,024 KiB/s"
    )
    print(
        f"  {freshest:>12,.0f} s the oldest value waits by then; {RUNS / (commits / took):.0f} s once it is steady"
    )
    print(f"  {100 * cpu / took:>12,.0f} % of a core, with the API server in memory")
    await world.ingest._committer.close()


def bench_cluster() -> None:
    """Part 4."""
    with stage("bench-m", ingest_interval="0.1", ingest_bytes_per_second="100000000") as (
        person,
        operator,
        _,
    ):
        person.apply_run("full")
        person.becomes("full", "RUNNING")
        pod = MetricsPod(person, operator.ingest_url, "full")
        for k in range(10):
            pod.log(f"m{k}", *[value(i) for i in range(320)])
        pod.settle()
        before, patches = cpu_seconds(operator.pid), operator.writes()["patch runs"]
        began, requests = time.monotonic(), 0
        for number in range(100):
            pod.log("m0", value(number))
            requests += 2
            while pod.poll().get("committed") != pod.seq:
                requests += 1
                time.sleep(0.2)
        commits = operator.writes()["patch runs"] - patches
        spent, took = cpu_seconds(operator.pid) - before, time.monotonic() - began
        before = cpu_seconds(operator.pid)
        for _ in range(requests):  # as many, in as much time, that lead to no commit
            pod.poll()
            time.sleep(max(0.0, took / requests - 0.002))
        quiet = cpu_seconds(operator.pid) - before
        pod.close()
    print(
        f"whole operator: {1000 * (spent - quiet) / commits:.1f} ms CPU a commit at 64 KiB over {commits} commits, with the event "
        f"that follows; a request of a pod is {1000 * quiet / requests:.1f} ms, idle time between them included"
    )


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(prog="make bench-metrics")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--cluster", action="store_true", help="part 4 too")
    chosen = parser.parse_args()
    if chosen.serve:
        asyncio.run(serve())
        return
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    bench_ingest()
    for budget in (65_536, 524_288):
        bench_commit(budget)
    asyncio.run(bench_pace())
    if chosen.cluster:
        bench_cluster()


if __name__ == "__main__":
    perform(main)
