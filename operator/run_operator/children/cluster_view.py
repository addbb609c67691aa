"""What the ingest and the log archive read of the cluster's Runs and pods. The engine's store implements it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from run_operator.api.run import Key, Run
from run_operator.children import DeploymentView, JobView, PodView, ServiceView

Child = JobView | DeploymentView | ServiceView | PodView


class ClusterView(Protocol):
    """A view of the cluster that may lag a little behind."""

    def run(self, key: Key) -> Run | None:
        """The Run at this place."""

    def run_of(self, uid: str) -> Run | None:
        """The Run of this uid."""

    def child(self, uid: str) -> Child | None:
        """A Job, Deployment, Service or pod of some Run."""

    def owner(self, child: Child) -> Run | None:
        """The Run whose own this child is, by its namespace and its owners; not by its labels."""

    def children(self, run: Run | None = None) -> Iterable[Child]:
        """The children of a Run; without a Run, all held children."""

    def put_run(self, run: Run) -> None:
        """This is how the API server has the Run now."""

    def advance(self, before: Run, after: Run) -> None:
        """A commit turned exactly this version of the Run into that one."""
