"""Metrics of the ingest, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

DELAYS = (0.5, 1, 2, 3, 5, 7, 10, 20, 30, 60, 120, 300)


class IngestTelemetry:
    """The metrics, in the operator's registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "run_operator_ingest_requests",
            "Requests to the ingest by HTTP status.",
            ["code"],
            registry=registry,
        )
        self._values = Counter(
            "run_operator_ingest_values",
            "Values accepted from pods; a value that is sent again is counted once.",
            registry=registry,
        )
        self._commits = Counter(
            "run_operator_ingest_commits",
            "Commits to a Run's status: landed (stored), found (stored although the answer was lost), repeated, overtaken "
            "(another replica wrote, and this one continues from its values), failed, given_up.",
            ["result"],
            registry=registry,
        )
        self._bytes = Counter(
            "run_operator_ingest_commit_bytes",
            "Bytes of Runs that commits wrote to the API server.",
            registry=registry,
        )
        self._delay = Histogram(
            "run_operator_ingest_commit_delay_seconds",
            "Time from the arrival of the oldest batch in a commit until the commit is stored.",
            buckets=DELAYS,
            registry=registry,
        )

    def answered(self, status: int) -> None:
        """Count a request."""
        self._requests.labels(str(status)).inc()

    def taken(self, values: int) -> None:
        """Count a batch."""
        self._values.inc(values)

    def committed(self, result: str) -> None:
        """Count a commit."""
        self._commits.labels(result).inc()

    def landed(self, size: int, delay: float) -> None:
        """Record that a commit is stored; `delay` in seconds."""
        self._bytes.inc(size)
        self._delay.observe(delay)
