"""Prometheus metrics of the log archive."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge


class ArchiveTelemetry:
    """Registers in the operator's own registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._kept = Counter("run_operator_logs_kept", "Container logs that were stored.", registry=registry)
        self._kept_bytes = Counter(
            "run_operator_logs_kept_bytes", "Compressed bytes of stored logs.", registry=registry
        )
        self._lost = Counter(
            "run_operator_logs_lost",
            "Logs that were not stored: unreachable (the node did not answer), addressless (the node has no address), "
            "gone (the pod was gone), busy (too many at the same time), refused (by the API server).",
            ["reason"],
            registry=registry,
        )
        self._dropped = Counter(
            "run_operator_logs_dropped",
            "Stored logs that were deleted because a limit was reached: run, namespace or cluster.",
            ["share"],
            registry=registry,
        )
        self._registry = registry

    def kept(self, size: int) -> None:
        """Count a kept log."""
        self._kept.inc()
        self._kept_bytes.inc(size)

    def lost(self, reason: str) -> None:
        """Count a lost log."""
        self._lost.labels(reason).inc()

    def dropped(self, share: str) -> None:
        """Count a deleted log."""
        self._dropped.labels(share).inc()

    def watch(
        self, waiting: Callable[[], int], followed: Callable[[], int], stored: Callable[[], int]
    ) -> None:
        """Export these gauges, read at scrape time."""
        for name, text, read in (
            ("waiting", "Ended containers whose logs wait to be read.", waiting),
            ("followed", "Containers whose logs are followed.", followed),
            ("stored_bytes", "Compressed bytes of all stored logs, as far as known.", stored),
        ):
            Gauge(f"run_operator_logs_{name}", text, registry=self._registry).set_function(read)
