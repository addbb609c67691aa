"""A namespace that floods, for `make bench-neighbours`: one process, connections that stay open, so many requests a second.

Two kinds. The flood keeps the operator busy: large Runs whose pods log all the time and say in each batch that they end, Runs
that are stopped and resumed without pause, Runs that come and go, large Functions, tokens of other Runs. The control costs the API
server and the machine as much as that, and the operator nothing: bare Jobs, ConfigMaps and reviews in the place of each.
"""

from __future__ import annotations

import itertools
import multiprocessing
import threading
import time
from collections.abc import Callable
from http.client import HTTPException
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any, Final, NamedTuple

from run_operator import Cluster
from run_operator.api import pod_contract as names
from run_operator.client.errors import BackendError, EntityNotExistsError
from run_operator.kube.resource import CONFIG_MAPS, FUNCTIONS, JOBS, RUNS, SELF_REVIEWS, Resource
from tests.load.bench_memory import function
from tests.support.harness import Person, run_object
from tests.support.metrics_pod import MetricsPod, running_pod, token

PADDING: Final = 120_000
"""Characters of each of two variables: a Run as large as `kubectl apply` takes."""
LOADED: Final = 4
FLIPPED: Final = 10
KEPT: Final = 20
"""Runs that came and have not gone yet."""
TOUCHED: Final = 40
"""Functions, or ConfigMaps."""
WARM: Final = 5.0
"""Seconds of its rate that each part has sent when the flood counts as begun."""

Job = Callable[[int], Any]


class Part(NamedTuple):
    """What is done so many times a second, by how many threads; `job` gets the number of the call."""

    name: str
    rate: float
    job: Job


class Flood:
    """A process that floods until `close`. When the constructor returns, each part has sent `WARM` seconds of its rate."""

    def __init__(self, kind: str, person: Person, kubeconfig: Path, ingest_url: str) -> None:
        self._over, ready = multiprocessing.Event(), multiprocessing.Event()
        self._counted: Any = multiprocessing.Queue()
        given = (kind, person, kubeconfig, ingest_url, ready, self._over, self._counted)
        self._process = multiprocessing.Process(target=_flood, args=given)
        self._process.start()
        if not ready.wait(120):
            self.close()
            raise AssertionError(f"the {kind} did not begin")

    def close(self) -> dict[str, tuple[int, int]]:
        """End it; of each part how many requests were sent and how many of them were refused."""
        self._over.set()
        found: dict[str, tuple[int, int]] = self._counted.get(timeout=60)
        self._process.join(30)
        return found


def _flood(
    kind: str, person: Person, kubeconfig: Path, ingest_url: str, ready: Event, over: Event, counted: Any
) -> None:
    parts = {"flood": of_operator, "control": of_machine}[kind](person, kubeconfig, ingest_url)
    sent, refused = ({part.name: 0 for part in parts} for _ in range(2))

    def work(part: Part) -> None:
        due = time.monotonic()
        for number in itertools.count():
            if over.wait(max(0.0, due - time.monotonic())):
                return
            due = max(due + 1 / part.rate, time.monotonic() - 1.0)
            try:
                part.job(number)
            except (OSError, HTTPException, BackendError):
                refused[part.name] += 1
            sent[part.name] += 1

    threads = [threading.Thread(target=work, args=(part,), daemon=True) for part in parts]
    for thread in threads:
        thread.start()
    while any(sent[part.name] < WARM * part.rate for part in parts):
        if over.wait(0.1):
            break
    else:
        ready.set()
    for thread in threads:
        thread.join()
    counted.put({name: (sent[name], refused[name]) for name in sent})


def of_operator(person: Person, kubeconfig: Path, ingest_url: str) -> list[Part]:
    """The flood."""
    cluster = Cluster.connect(namespace=person.namespace, kubeconfig=str(kubeconfig))
    padding = {"envs": [{"name": name, "value": "x" * PADDING} for name in ("A", "B")]}
    for number in range(LOADED):
        cluster.create(RUNS, run_object(f"large-{number}", spec=padding))
    for number in range(FLIPPED):
        cluster.create(RUNS, run_object(f"flips-{number}"))
    pods = [MetricsPod(person, ingest_url, f"large-{number}") for number in range(LOADED)]
    foreign = MetricsPod(person, ingest_url, "large-0")
    foreign.token = token(person, running_pod(person, "large-0"), names.audience("none"))
    return [
        *(Part(f"batches of {pod.run}", 10, _logging(pod)) for pod in pods),
        Part("stops and resumes", 6, lambda number: _flip(cluster, RUNS, number)),
        Part("Runs that come and go", 2, lambda number: _come_and_go(cluster, RUNS, number)),
        Part("Functions", 2, lambda number: _touch(cluster, FUNCTIONS, number, function)),
        Part("tokens of another Run", 20, lambda _: _post(foreign, {"ops": []})),
    ]


def of_machine(person: Person, kubeconfig: Path, _: str) -> list[Part]:
    """The control. Four of its ConfigMaps stand for the commits of the flood's metrics, about 1 MiB a second."""
    cluster = Cluster.connect(namespace=person.namespace, kubeconfig=str(kubeconfig))
    for number in range(FLIPPED):
        cluster.create(JOBS, _job(f"flips-{number}"))
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    return [
        *(
            Part(f"reviews {n}", 10, lambda _: cluster.json("POST", SELF_REVIEWS.path(None), body=review))
            for n in range(LOADED)
        ),
        Part("stops and resumes", 6, lambda number: _flip(cluster, JOBS, number)),
        Part("Jobs that come and go", 2, lambda number: _come_and_go(cluster, JOBS, number)),
        Part("ConfigMaps", 2, lambda number: _touch(cluster, CONFIG_MAPS, number, _config_map)),
        Part("commits", 4, lambda number: _touch(cluster, CONFIG_MAPS, number, _commit, 2 * PADDING)),
        Part("more reviews", 20, lambda _: cluster.json("POST", SELF_REVIEWS.path(None), body=review)),
    ]


def _logging(pod: MetricsPod) -> Job:
    def log(_: int) -> None:
        pod.seq += 1
        ops = [{"k": "x", "set": pod.seq, "overwrite": True}]
        _post(pod, {"writer": "w", "seq": pod.seq, "ops": ops, "end": True})

    return log


def _post(pod: MetricsPod, body: Any) -> None:
    status, _ = pod.post(body)
    if status >= 300:
        raise OSError(status)


def _flip(cluster: Cluster, resource: Resource, number: int) -> None:
    patch = {"spec": {"suspend": (number // FLIPPED) % 2 == 0}}
    cluster.merge_patch(resource, f"flips-{number % FLIPPED}", patch)


def _come_and_go(cluster: Cluster, resource: Resource, number: int) -> None:
    name = f"comes-{number}"
    cluster.create(resource, run_object(name) if resource is RUNS else _job(name))
    if number >= KEPT:
        cluster.delete(resource, f"comes-{number - KEPT}")


def _touch(
    cluster: Cluster, resource: Resource, number: int, make: Callable[[int, int], Any], size: int = 200_000
) -> None:
    body = make(number % TOUCHED, size)
    body["metadata"]["annotations"] = {"mark": str(number)}
    try:
        cluster.merge_patch(resource, body["metadata"]["name"], body)
    except EntityNotExistsError:
        cluster.create(resource, body)


def _commit(number: int, size: int) -> dict[str, Any]:
    return _config_map(TOUCHED + number % LOADED, size)


def _config_map(number: int, size: int) -> dict[str, Any]:
    name = {"name": f"large-{number}"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": name, "data": {"text": "A" * size}}


def _job(name: str) -> dict[str, Any]:
    """As the operator makes it for a Run, with about as many fields."""
    container = {"name": "main", "image": "docker.io/library/busybox:1.36"}
    pod = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 30, "containers": [container]}
    spec = {"backoffLimit": 0, "template": {"spec": pod}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}
