"""What the archive needs to know of the cluster's Runs and pods. The engine's store answers it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from run_operator.resources.run import Run
from run_operator.workloads.views import DeploymentView, JobView, PodView, ServiceView

Child = JobView | DeploymentView | ServiceView | PodView


class Directory(Protocol):
    """A view of the cluster that may lag a little behind."""

    def run_of(self, uid: str) -> Run | None:
        """The Run of this uid."""

    def child(self, uid: str) -> Child | None:
        """A Job, Deployment, Service or pod of some Run."""

    def children(self, run_uid: str | None = None) -> Iterable[Child]:
        """Those of one Run, or all."""
