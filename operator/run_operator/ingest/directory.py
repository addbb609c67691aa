"""What the ingest needs to know of the cluster's Runs and pods. The engine's store answers it; a copy alone could."""

from __future__ import annotations

from typing import Protocol

from run_operator.resources.run import Key, Run
from run_operator.workloads.views import DeploymentView, JobView, PodView, ServiceView

Child = JobView | DeploymentView | ServiceView | PodView


class Directory(Protocol):
    """A view of the cluster that may lag a little behind."""

    def run(self, key: Key) -> Run | None:
        """The Run at this place."""

    def run_of(self, uid: str) -> Run | None:
        """The Run of this uid."""

    def child(self, uid: str) -> Child | None:
        """A Job, Deployment, Service or pod of some Run."""

    def put_run(self, run: Run) -> None:
        """This is how the API server has the Run now."""

    def advance(self, before: Run, after: Run) -> None:
        """A commit turned exactly this version of the Run into that one."""
