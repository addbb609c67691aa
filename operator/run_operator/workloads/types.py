"""What a Run becomes, and the small protocol every kind of workload is built behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from run_operator.api.run import Run


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


@dataclass(frozen=True, slots=True)
class Workload:
    """Objects as the API server takes them. All carry an owner reference to the Run."""

    child: dict[str, Any]
    """The object that runs the attempt."""
    service: dict[str, Any] | None = None
    """Its address: created before the child, kept when it is stopped."""
    needs: tuple[dict[str, Any], ...] = ()
    """Claims and config maps, to be created before the child."""
    warnings: tuple[str, ...] = ()
    """What of the document is not applied, one line each."""


class Builder(Protocol):
    """One kind of workload."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """`<runtime>+<action>` it builds for."""
        ...

    @property
    def child_kind(self) -> str:
        """Job: runs to its end. Deployment: runs until it is stopped."""
        ...

    def build(self, run: Run, attempt: int, options: Options) -> Workload:
        """The workload of one attempt. Raises WorkloadError."""
        ...
