"""`make bench-web`: what the page's server costs with 20 viewers of 1,000 Runs of which 50 log, and how soon the first list is there.

Real API server and real gateway. Nobody runs the Runs: their status is written here, as the operator writes it, so that
what is measured is the page's server alone. The viewers are in a process of their own.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import statistics
import tempfile
import time
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import aiohttp

from run_operator import Cluster
from run_operator.kube.resource import RUNS
from tests.load.stage import TICKS, control_plane, perform
from tests.support.gateway_process import GatewayProcess, account
from tests.support.harness import Person, cluster_name, run_object

NAMESPACE = "bench"
MADE_AT_ONCE = 250
START = 500
"""Values of each metric at the beginning."""


def status(values: list[float]) -> dict[str, Any]:
    """As the operator writes it."""
    last = {"last": values[-1], "min": min(values), "max": max(values)}
    info = {"kind": "List", "count": len(values), "stride": 1} | last
    return {
        "state": "RUNNING",
        "attempt": 1,
        "message": "pod r-0000-x7x7x runs on node fake-0",
        "metrics": {"loss": values, "accuracy": values},
        "metricsInfo": {"loss": info, "accuracy": info},
    }


def make_runs(person: Person, cluster: Cluster, count: int, logging: int) -> None:
    """So many Runs; the first of them have metrics."""
    names = [f"r-{number:04}" for number in range(count)]
    for start in range(0, count, MADE_AT_ONCE):
        person.apply([run_object(name, "sleep", "600") for name in names[start : start + MADE_AT_ONCE]])
    for number, name in enumerate(names):
        values = [1 / (1 + step) for step in range(START)]
        found = status(values) if number < logging else {"state": "RUNNING", "attempt": 1, "message": "runs"}
        cluster.json_patch(
            RUNS, name, [{"op": "add", "path": "/status", "value": found}], subresource="status"
        )


def log_values(kubeconfig: str, count: int, begun: Event, stop: Event) -> None:
    """Each of these Runs gets a value of each metric once a second; `begun` is set after two values."""
    with Cluster.connect(kubeconfig=kubeconfig, namespace=NAMESPACE) as cluster:
        step = 0
        while not stop.is_set():
            began = time.monotonic()
            for number in range(count):
                operations = [
                    {"op": "add", "path": f"/status/metrics/{name}/-", "value": 1 / (1 + START + step)}
                    for name in ("loss", "accuracy")
                ]
                operations += [
                    {"op": "replace", "path": f"/status/metricsInfo/{name}/count", "value": START + step + 1}
                    for name in ("loss", "accuracy")
                ]
                cluster.json_patch(RUNS, f"r-{number:04}", operations, subresource="status")
            step += 1
            if step == 2:
                begun.set()
            stop.wait(max(0.0, began + 1 - time.monotonic()))


def watch_list(endpoint: str, tokens: list[str], ready: Any, stop: Event) -> None:
    """Viewers, one a token; `ready` gets for each the seconds until its list was complete, and at last all rows."""
    asyncio.run(_watch_list(endpoint, tokens, ready, stop))


async def _watch_list(endpoint: str, tokens: list[str], ready: Any, stop: Event) -> None:
    rows = [0]

    async def one(session: aiohttp.ClientSession, token: str) -> None:
        began = time.monotonic()
        address = f"{endpoint}/ui/api/runs/stream?namespace={NAMESPACE}"
        async with session.get(address, headers={"Authorization": f"Bearer {token}"}) as answer:
            answer.raise_for_status()
            async for line in answer.content:
                if line.startswith(b"data: [{"):
                    rows[0] += line.count(b'"uid":')
                elif line.startswith(b"event: synced"):
                    ready.put(time.monotonic() - began)

    timeout = aiohttp.ClientTimeout(total=None)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector, read_bufsize=2**20) as session:
        tasks = [asyncio.create_task(one(session, token)) for token in tokens]
        await asyncio.to_thread(stop.wait)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    ready.put(rows[0])


def used(pid: int) -> float:
    """Seconds of CPU of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def measure(
    person: Person, folder: Path, tokens: list[str], logging: int, seconds: float, title: str
) -> None:
    """One gateway, these viewers."""
    gateway = GatewayProcess(person.kubeconfig, folder)
    gateway.start()
    begun, stop, ready = multiprocessing.Event(), multiprocessing.Event(), multiprocessing.Queue()
    viewers = multiprocessing.Process(target=watch_list, args=(gateway.endpoint, tokens, ready, stop))
    logs = multiprocessing.Process(target=log_values, args=(str(person.kubeconfig), logging, begun, stop))
    try:
        viewers.start()
        first = [ready.get(timeout=120) for _ in tokens]
        logs.start()
        if not begun.wait(60):
            raise AssertionError("no Run got a value")
        began, before = time.monotonic(), used(gateway.pid)
        time.sleep(seconds)
        cost = (used(gateway.pid) - before) / (time.monotonic() - began)
        stop.set()
        rows = ready.get(timeout=30)
        memory = gateway.most_memory() / 1024**2
        print(
            f"{title:<28} {100 * cost:>8.1f} {statistics.median(first):>9.2f} {max(first):>9.2f}"
            f" {rows / len(tokens):>9.0f} {memory:>6.0f}",
            flush=True,
        )
    finally:
        stop.set()
        for process in (viewers, logs):
            if process.pid:
                process.join(20)
                process.kill()
        gateway.stop()


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(prog="make bench-web")
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--logging", type=int, default=50)
    parser.add_argument("--viewers", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=30.0)
    chosen = parser.parse_args()
    with control_plane(cluster_name("bench-web")) as kubeconfig, tempfile.TemporaryDirectory() as scratch:
        person = Person(kubeconfig, NAMESPACE)
        person.install_crds()
        person.kubectl("create", "namespace", NAMESPACE)
        person.kubectl("apply", "-f", "manifests/base/user-roles.yaml")
        with Cluster.connect(kubeconfig=str(kubeconfig), namespace=NAMESPACE) as cluster:
            make_runs(person, cluster, chosen.runs, chosen.logging)
        tokens = [account(person, f"viewer-{number}", "view") for number in range(chosen.viewers)]
        print(f"{chosen.runs} Runs, {chosen.logging} of them log once a second, {chosen.viewers} viewers")
        print(f"{'':<28} {'CPU, %':>8} {'list, s':>9} {'longest':>9} {'rows':>9} {'MiB':>6}")
        for title, chosen_tokens in (
            ("one viewer", tokens[:1]),
            ("all with one token", [tokens[0]] * chosen.viewers),
            ("each with a token", tokens),
        ):
            folder = Path(scratch) / title.replace(" ", "-")
            folder.mkdir()
            measure(person, folder, chosen_tokens, chosen.logging, chosen.seconds, title)


if __name__ == "__main__":
    perform(main)
