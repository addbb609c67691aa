"""Prometheus metrics of the operator. Names follow Prometheus' conventions: base units, `_total`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from prometheus_client import Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from run_operator.observability.process import process_registry

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


@dataclass(frozen=True, slots=True)
class Readings:
    """Gauges that are read at scrape time and cost nothing in between."""

    queue_depth: Callable[[], int]
    queue_delayed: Callable[[], int]
    queue_oldest_age: Callable[[], float]
    processing: Callable[[], int]
    stored: Callable[[], Mapping[str, int]]
    runs_by_state: Callable[[], Mapping[str, int]]
    watch_age: Callable[[], Mapping[str, float]]
    events_queued: Callable[[], int]
    loop_lag: Callable[[], float]
    leading: Callable[[], bool]


class OperatorTelemetry:
    """Counters and histograms of the engine, in one registry."""

    def __init__(self) -> None:
        self.registry = process_registry("run_operator")
        self._reconciles = Counter(
            "run_operator_reconciles",
            "Reconciles by outcome: done, conflict, transient, throttled, fenced, error, bug.",
            ["result"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "run_operator_reconcile_seconds",
            "Duration of one reconcile, with its requests to the API server.",
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._requests = Counter(
            "run_operator_api_requests",
            "Requests to the API server by verb, resource and outcome (HTTP status or `error`).",
            ["verb", "resource", "code"],
            registry=self.registry,
        )
        self._watch_events = Counter(
            "run_operator_watch_events",
            "Objects received from the watch streams; type LIST: as part of a list.",
            ["resource", "type"],
            registry=self.registry,
        )
        self._watched: dict[tuple[str, str | None], Counter] = {}
        self._ghosts = Counter(
            "run_operator_ghosts",
            "Deleted objects that a resync found and no stream reported.",
            registry=self.registry,
        )
        self._restarts = Counter(
            "run_operator_watch_restarts",
            "Restarts of all watch streams after a failure or a stall.",
            registry=self.registry,
        )
        self._events_dropped = Counter(
            "run_operator_events_dropped",
            "Kubernetes Events that were not written (queue full or refused).",
            registry=self.registry,
        )

    def reconciled(self, result: str, seconds: float) -> None:
        """Count a reconcile."""
        self._reconciles.labels(result).inc()
        self._seconds.observe(seconds)

    def requested(self, verb: str, resource: str, code: str) -> None:
        """Count an API request."""
        self._requests.labels(verb, resource, code).inc()

    def watched(self, resource: str, kind: str | None) -> None:
        """Count a watched object. Very frequent, so counters are looked up once."""
        counter = self._watched.get((resource, kind))
        if counter is None:
            counter = self._watched[resource, kind] = self._watch_events.labels(resource, kind or "LIST")
        counter.inc()

    def swept(self, ghosts: int) -> None:
        """Count deleted objects that a resync found."""
        self._ghosts.inc(ghosts)

    def restarted(self) -> None:
        """Count a restart of the watch streams."""
        self._restarts.inc()

    def event_dropped(self) -> None:
        """Count a lost Kubernetes Event."""
        self._events_dropped.inc()

    def attach(self, readings: Readings) -> None:
        """Export these gauges."""
        self.registry.register(_Gauges(readings))

    def text(self) -> bytes:
        """The exposition, in Prometheus' text format."""
        return generate_latest(self.registry)


class _Gauges(Collector):
    def __init__(self, readings: Readings) -> None:
        self._readings = readings

    def collect(self) -> Iterable[GaugeMetricFamily]:
        read = self._readings
        yield _one("run_operator_queue_depth", "Runs waiting for a worker.", read.queue_depth())
        yield _one(
            "run_operator_queue_delayed",
            "Runs that the operator looks at again at a set time.",
            read.queue_delayed(),
        )
        yield _one(
            "run_operator_queue_oldest_seconds",
            "Age of the oldest Run in the queue.",
            read.queue_oldest_age(),
        )
        yield _one("run_operator_processing", "Runs that workers are reconciling.", read.processing())
        yield _one("run_operator_events_queued", "Kubernetes Events not written yet.", read.events_queued())
        yield _one(
            "run_operator_loop_lag_seconds", "Longest recent delay of the event loop.", read.loop_lag()
        )
        yield _one(
            "run_operator_leading",
            "1: this replica is the leader; 0: it waits for the Lease.",
            read.leading(),
        )
        yield _many("run_operator_stored", "Objects in memory, by kind.", "kind", read.stored())
        yield _many("run_operator_runs", "Runs by state.", "state", read.runs_by_state())
        yield _many(
            "run_operator_watch_age_seconds",
            "Seconds since the last event of a watch stream.",
            "resource",
            read.watch_age(),
        )


def _one(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)


def _many(name: str, text: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
