"""What an admin decides about all workloads."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """The operator's settings as far as building needs them."""

    gpu_resource: str = "nvidia.com/gpu"
    default_user: int = 1000
    """uid, gid and fsGroup of pods whose document names none."""
    profiles_namespace: str = "run-operator"
    """Where profiles for all namespaces are; one in the Run's own namespace wins."""
    ingest_url: str | None = None
    """Address of the ingest as pods reach it, `https://host:port` without a path; None: pods report no metrics."""
    pod_api_url: str | None = None
    """Where the DigitalHub SDK in pods finds its API, without a path; None: pods are told nothing of it."""
