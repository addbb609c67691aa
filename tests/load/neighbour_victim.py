"""What a namespace feels, for `make bench-neighbours`: one process, connections that stay open, a watch in the place of questions."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from run_operator import Cluster
from run_operator.client.errors import BackendError, EntityNotExistsError
from run_operator.kube.resource import RUNS
from tests.support.harness import Person, run_object
from tests.support.metrics_pod import MetricsPod

WHAT: Final = ("a Run to RUNNING", "a stop to STOPPED", "a batch posted", "a value into the status")
ABREAST: Final = 2
LOGGERS: Final = 3
CYCLE: Final = 1.0
"""Seconds between two Runs of one thread, as far as they last no longer."""
VALUE: Final = 0.25
WAIT_TIMEOUT: Final = 60.0


class News:
    """When which Run had which state, and which value; a thread follows the watch."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._changed = threading.Condition()
        self._states: dict[tuple[str, str], float] = {}
        self._sent: dict[str, dict[int, float]] = defaultdict(dict)
        self.ages: list[float] = []
        threading.Thread(target=self._follow, daemon=True).start()

    def wait(self, name: str, state: str) -> float:
        """The moment at which it was seen."""
        with self._changed:
            key = name, state
            if not self._changed.wait_for(lambda: key in self._states, WAIT_TIMEOUT):
                raise AssertionError(f"{name} {state}: not within {WAIT_TIMEOUT:g} s")
            return self._states[key]

    def sent(self, name: str, value: int) -> None:
        """A value goes out now."""
        with self._changed:
            self._sent[name][value] = time.monotonic()

    def _follow(self) -> None:
        while True:
            with suppress(BackendError):
                page = next(self._cluster.list(RUNS))
                for item in page["items"]:
                    self._hear(item)
                version = page["metadata"]["resourceVersion"]
                for event in self._cluster.watch(RUNS, version, seconds=600, silence=300):
                    if event["type"] in ("ADDED", "MODIFIED"):
                        self._hear(event["object"])

    def _hear(self, run: Any) -> None:
        now = time.monotonic()
        status, name = run.get("status") or {}, run["metadata"]["name"]
        with self._changed:
            self._states.setdefault((name, str(status.get("state"))), now)
            value = (status.get("metrics") or {}).get("at")
            if value is not None:
                for known in [one for one in self._sent[name] if one <= value]:
                    self.ages.append(now - self._sent[name].pop(known))
            self._changed.notify_all()


class Victim:
    """Starts and stops Runs one after the other, and logs, for as long as it is asked to."""

    def __init__(self, person: Person, kubeconfig: Path, ingest_url: str) -> None:
        self._cluster = Cluster.connect(namespace=person.namespace, kubeconfig=str(kubeconfig))
        self._news = News(Cluster.connect(namespace=person.namespace, kubeconfig=str(kubeconfig)))
        for number in range(LOGGERS):
            self._cluster.create(RUNS, run_object(f"logs-{number}"))
        self._pods = [MetricsPod(person, ingest_url, f"logs-{number}") for number in range(LOGGERS)]
        self._number = 0

    def feel(self, seconds: float) -> dict[str, list[float]]:
        """The seconds that each thing took, by its name in WHAT."""
        found: dict[str, list[float]] = {what: [] for what in WHAT}
        self._news.ages = found[WHAT[3]]
        self._number += 1
        until = time.monotonic() + seconds
        for pod in self._pods:
            pod.close()  # one that was idle since the phase before
        threads = [
            *(threading.Thread(target=self._cycle, args=(n, until, found)) for n in range(ABREAST)),
            *(threading.Thread(target=self._log, args=(pod, until, found)) for pod in self._pods),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return found

    def _cycle(self, abreast: int, until: float, found: dict[str, list[float]]) -> None:
        number = 0
        while (began := time.monotonic()) < until:
            number += 1
            name = f"v-{self._number}-{abreast}-{number}"
            self._cluster.create(RUNS, run_object(name))
            found[WHAT[0]].append(self._news.wait(name, "RUNNING") - began)
            stopped = time.monotonic()
            self._cluster.merge_patch(RUNS, name, {"spec": {"suspend": True}})
            found[WHAT[1]].append(self._news.wait(name, "STOPPED") - stopped)
            with suppress(EntityNotExistsError):
                self._cluster.delete(RUNS, name)
            time.sleep(max(0.0, began + CYCLE - time.monotonic()))

    def _log(self, pod: MetricsPod, until: float, found: dict[str, list[float]]) -> None:
        while (began := time.monotonic()) < until:
            pod.seq += 1
            self._news.sent(pod.run, pod.seq)
            ops = [{"k": "at", "set": pod.seq, "overwrite": True}]
            status, answer = pod.post({"writer": "main", "seq": pod.seq, "ops": ops})
            assert status < 300, answer
            found[WHAT[2]].append(time.monotonic() - began)
            time.sleep(max(0.0, began + VALUE - time.monotonic()))
