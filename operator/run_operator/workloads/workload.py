"""What a Run becomes, and the small protocol every kind of workload is built behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from run_operator.resources.run import Run
from run_operator.workloads.options import Options


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
