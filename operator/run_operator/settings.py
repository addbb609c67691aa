"""The operator's settings: a flag and an environment variable each, see `--help`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """All times in seconds."""

    namespaces: tuple[str, ...]
    """Namespaces to serve; empty: all of them."""
    workers: int
    """Runs worked on at once, and so the bound on write requests under way."""
    sweep_interval: float
    """Time between two comparisons of the store with the API server."""
    sync_deadline: float
    """How long the first lists may take before work begins with what is there."""
    listen: str
    """Address of the port with /healthz, /readyz and /metrics."""
    port: int
    log_level: str
    log_format: str
    """`json` or `text`."""
    gpu_resource: str
    """Extended resource that `resources.gpu` asks for."""
    default_user: int
    """uid, gid and fsGroup of pods whose document names none."""
    profiles_namespace: str
    """Where profiles for all namespaces are."""
    own_namespace: str
    """Where the operator itself lives."""
    metrics_url: str
    """`https://host:port` of the metrics endpoint as pods reach it; empty: pods report no metrics."""
    gateway_url: str
    """`https://host:port` where the DigitalHub SDK in pods finds its API; empty: pods are told nothing of it."""
    metrics_listen: str
    metrics_port: int
    metrics_interval: float
    """Between two writes of one Run's metrics."""
    metrics_bytes: int
    """Bytes a second of Runs rewritten for their metrics."""
    export_run_metrics: int
    """Last values of Runs' own metrics at /metrics, at most so many; 0: none."""
    log_tail_bytes: int
    """Kept of the log of a container that ended; 0: nothing is kept."""
    log_run_bytes: int
    """Compressed bytes kept of one Run."""
    log_namespace_bytes: int
    log_total_bytes: int
    gateway_certificate: bool
    """Whether to fill the Secret with the gateway's certificate."""
