"""From the objects of the store to the input of a decision about one Run."""

from __future__ import annotations

from collections.abc import Iterable

from run_operator.api.references import Catalog
from run_operator.api.run import Run
from run_operator.children import DeploymentView, JobView, PodView, ServiceView
from run_operator.children.ownership import is_orphan, owned
from run_operator.lifecycle.model import Observed, Refusal
from run_operator.workloads.metadata import child_name

Child = JobView | DeploymentView | ServiceView | PodView


def observed(
    children: Iterable[Child],
    *,
    catalog: Catalog,
    fresh: bool = False,
    refusal: Refusal | None = None,
    gone: tuple[PodView, ...] = (),
    steps: Iterable[Run] = (),
) -> Observed:
    """The children by kind. The Job or Deployment is the one that is not being deleted; there is at most one such."""
    found = list(children)
    jobs = sorted((c for c in found if isinstance(c, JobView)), key=lambda job: job.deleting)
    deployments = sorted((c for c in found if isinstance(c, DeploymentView)), key=lambda one: one.deleting)
    return Observed(
        job=jobs[0] if jobs else None,
        deployment=deployments[0] if deployments else None,
        services=tuple(c for c in found if isinstance(c, ServiceView)),
        pods=tuple(c for c in found if isinstance(c, PodView)),
        fresh=fresh,
        refusal=refusal,
        gone=gone,
        catalog=catalog,
        steps=tuple(sorted(steps, key=lambda one: one.name)),
    )


def owned_and_orphans(children: Iterable[Child], run: Run) -> list[Child]:
    """The Run's own children, and the orphans among the pods."""
    held = list(children)
    return [*owned(held, run, child_name(run.name)), *(one for one in held if is_orphan(one, run))]
