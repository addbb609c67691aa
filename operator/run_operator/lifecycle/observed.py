"""What the operator knows of the cluster when it decides about one Run."""

from __future__ import annotations

from dataclasses import dataclass, field

from run_operator.resources.catalog import Catalog
from run_operator.workloads.events import Said
from run_operator.workloads.views import DeploymentView, JobView, PodView, ServiceView


@dataclass(frozen=True, slots=True)
class Refusal:
    """The API server refused what the last decision asked for."""

    reason: str
    message: str
    final: bool
    """True: asking again can never help (the object itself is refused)."""


@dataclass(frozen=True, slots=True)
class Observed:
    """Children of one Run. `pods` are all pods carrying the Run's uid, whatever attempt they belong to."""

    job: JobView | None = None
    pods: tuple[PodView, ...] = ()
    fresh: bool = False
    """True: read from the API server just now; False: from the watch streams, which may lag behind."""
    refusal: Refusal | None = None
    deployment: DeploymentView | None = None
    services: tuple[ServiceView, ...] = ()
    gone: tuple[PodView, ...] = ()
    """Pods that are deleted, as they were last seen with an exit code: the evidence of how they ended."""
    catalog: Catalog = field(default_factory=Catalog)
    """Where what the Run refers to is looked up; only read."""
    said: tuple[Said, ...] = ()
    """What Events say of what the plan asked about; none: not asked for, or there is nothing."""
    uncommitted: bool = False
    """Whether metrics of the Run were taken that are not in its status yet."""

    @property
    def live_pods(self) -> tuple[PodView, ...]:
        """Pods that can still write: neither Succeeded nor Failed. A pod that is being deleted counts."""
        return tuple(pod for pod in self.pods if pod.live)
