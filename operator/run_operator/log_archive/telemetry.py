"""What the archive counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge


class ArchiveTelemetry:
    """Into the operator's own registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._kept = Counter(
            "run_operator_logs_kept", "Logs of containers that were kept.", registry=registry
        )
        self._kept_bytes = Counter(
            "run_operator_logs_kept_bytes", "Their bytes, compressed.", registry=registry
        )
        self._lost = Counter(
            "run_operator_logs_lost",
            "Logs that were not kept: unreachable (the node did not answer), addressless (the API server knows no way to "
            "the node), gone (the pod was), busy (too many at once), refused (by the API server).",
            ["reason"],
            registry=registry,
        )
        self._dropped = Counter(
            "run_operator_logs_dropped",
            "Kept logs deleted because a share was used up, by whose: run, namespace, cluster.",
            ["share"],
            registry=registry,
        )
        self._registry = registry

    def kept(self, size: int) -> None:
        """One is in the cluster."""
        self._kept.inc()
        self._kept_bytes.inc(size)

    def lost(self, reason: str) -> None:
        """One is not, and never will be."""
        self._lost.labels(reason).inc()

    def dropped(self, share: str) -> None:
        """One was deleted."""
        self._dropped.labels(share).inc()

    def watch(
        self, waiting: Callable[[], int], followed: Callable[[], int], stored: Callable[[], int]
    ) -> None:
        """Read these at scrape time."""
        for name, text, read in (
            ("waiting", "Ended containers whose log waits to be read.", waiting),
            ("followed", "Containers that are followed.", followed),
            ("stored_bytes", "Compressed bytes kept in all, as far as known.", stored),
        ):
            Gauge(f"run_operator_logs_{name}", text, registry=self._registry).set_function(read)
