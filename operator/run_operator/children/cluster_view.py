"""The Runs and pods that the ingest and the log archive read. The engine's store implements this protocol."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from run_operator.api.run import Key, Run
from run_operator.children import DeploymentView, JobView, PodView, ServiceView

Child = JobView | DeploymentView | ServiceView | PodView


class ClusterView(Protocol):
    """A view of the cluster that may lag a little behind."""

    def run(self, key: Key) -> Run | None:
        """The Run of this namespace and name."""

    def run_of(self, uid: str) -> Run | None:
        """The Run of this uid."""

    def child(self, uid: str) -> Child | None:
        """The Job, Deployment, Service or pod of this uid."""

    def owner(self, child: Child) -> Run | None:
        """The Run that owns this child, by namespace and controller references; labels do not count."""

    def children(self, run: Run | None = None) -> Iterable[Child]:
        """The children of a Run; without a Run, all held children."""

    def put_run(self, run: Run) -> None:
        """Store the Run as the API server has it now."""

    def advance(self, before: Run, after: Run) -> None:
        """A commit changed exactly the version `before` of the Run into `after`."""
