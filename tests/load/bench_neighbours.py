"""`make bench-neighbours`: a namespace that floods, and what another one feels of it.

First alone, then beside a flood, a namespace starts Runs one after the other and logs values; what it sees is how long a
Run takes to RUNNING and a value into the status. The flood has large Runs whose pods log all the time and say in each
batch that they end, Runs that are stopped and resumed without pause, large Functions, and tokens by the hundred.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from http.client import HTTPException

from run_operator.api import pod_contract as names
from tests.load.bench_memory import function
from tests.load.stage import perform, stage
from tests.support.harness import OperatorProcess, Person, wait_for
from tests.support.metrics_pod import MetricsPod, running_pod, token

PADDING = [{"name": name, "value": "x" * 120_000} for name in ("A", "B")]
"""As much as `kubectl apply` takes."""
RATIO = 1.5


class Flood:
    """Everything one namespace can do at once; each part in a thread, until `close`."""

    def __init__(self, person: Person, operator: OperatorProcess, runs: int) -> None:
        self._person, self._operator = person, operator
        self._over = threading.Event()
        self.requests = 0
        loaded = [f"large-{number}" for number in range(runs)]
        for name in loaded:
            person.apply_run(name, spec={"envs": PADDING})
        person.apply_run("flips")
        pods = [self._pod(name) for name in loaded]
        jobs = [*(lambda pod=pod: self._log(pod) for pod in pods), self._flip, self._tokens, self._functions]
        self._threads = [threading.Thread(target=self._repeated(job), daemon=True) for job in jobs]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End it."""
        self._over.set()
        for thread in self._threads:
            thread.join(30)

    def _pod(self, run: str) -> MetricsPod:
        self._person.becomes(run, "RUNNING")
        return MetricsPod(self._person, self._operator.ingest_url, run)

    def _repeated(self, job: Callable[[], None]) -> Callable[[], None]:
        def work() -> None:
            while not self._over.is_set():
                try:
                    job()
                except (OSError, HTTPException, AssertionError):
                    time.sleep(0.1)  # refused, as it should be

        return work

    def _log(self, pod: MetricsPod) -> None:
        pod.seq += 1
        ops = [{"k": "x", "set": pod.seq, "overwrite": True}]
        pod.post({"writer": "w", "seq": pod.seq, "ops": ops, "end": True})
        self.requests += 1
        time.sleep(0.1)

    def _flip(self) -> None:
        for suspend in (True, False):
            self._person.patch_run("flips", {"spec": {"suspend": suspend}})
            time.sleep(0.2)

    def _tokens(self) -> None:
        """Genuine ones, for a Run of which they are not."""
        uid = f"none-{self.requests}"
        made = token(self._person, running_pod(self._person, "large-0"), names.audience(uid))
        pod = MetricsPod(self._person, self._operator.ingest_url, "large-0")
        for _ in range(50):
            pod.post({"ops": []}, token=made)
        pod.close()

    def _functions(self) -> None:
        for number in itertools.count():
            if self._over.is_set() or number > 40:
                time.sleep(0.5)
                return
            self._person.apply(function(number, 200_000))  # type: ignore[arg-type]


def felt(person: Person, operator: OperatorProcess, prefix: str, runs: int, values: int) -> list[list[float]]:
    """Seconds from apply to RUNNING of each Run, and of each value from the request to the status."""
    starts, ages = [], []
    for number in range(runs):
        began = time.monotonic()
        person.apply_run(f"{prefix}-{number}")
        person.becomes(f"{prefix}-{number}", "RUNNING")
        starts.append(time.monotonic() - began)
    pod = MetricsPod(person, operator.ingest_url, f"{prefix}-0")
    for _ in range(values):
        began = time.monotonic()
        pod.log("at", began)
        wait_for("the value", lambda: pod.poll().get("committed") == pod.seq, 120)
        ages.append(time.monotonic() - began)
        time.sleep(0.3)
    pod.close()
    return [starts, ages]


def late(seconds: list[float]) -> float:
    """The 99th of a hundred."""
    return sorted(seconds)[min(len(seconds) - 1, int(0.99 * len(seconds)))]


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(prog="make bench-neighbours")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--values", type=int, default=20)
    parser.add_argument("--flood", type=int, default=4, help="large Runs that log without pause")
    chosen = parser.parse_args()
    with stage("neighbours", "quiet") as (person, operator, _), ExitStack() as parts:
        loud = Person(person.kubeconfig, "flood")
        loud.kubectl("create", "namespace", "flood")
        person.warm()
        alone = felt(person, operator, "alone", chosen.runs, chosen.values)
        flood = Flood(loud, operator, chosen.flood)
        parts.callback(flood.close)
        time.sleep(10)  # for it to get going
        beside = felt(person, operator, "beside", chosen.runs, chosen.values)
        sent = flood.requests
    worst = 0.0
    print(f"beside a flood of {sent} batches, p99 in seconds:")
    for what, before, after in zip(
        ("a Run to RUNNING", "a value into the status"), alone, beside, strict=True
    ):
        ratio = late(after) / late(before)
        worst = max(worst, ratio)
        print(f"  {what}: alone {late(before):.2f}, beside the flood {late(after):.2f}: {ratio:.2f} times")
    sys.exit(int(worst > RATIO))


if __name__ == "__main__":
    perform(main)
