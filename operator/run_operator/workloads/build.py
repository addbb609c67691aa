"""From a Run to its workload: the kind decides which builder does it."""

from __future__ import annotations

from typing import Final

from run_operator.document.errors import DocumentError
from run_operator.document.kinds import of_run
from run_operator.resources.run import Run
from run_operator.workloads import fields
from run_operator.workloads.deployment import Replicated
from run_operator.workloads.errors import InvalidSpecError, UnsupportedError, WorkloadError
from run_operator.workloads.job import ContainerJob
from run_operator.workloads.options import Options
from run_operator.workloads.workload import Builder, Workload

BUILDERS: Final[tuple[Builder, ...]] = (
    ContainerJob(),
    Replicated(("container+serve",), needs_ports=True),
    Replicated(("container+deploy",), needs_ports=False),
)
SUPPORTED: Final = {kind: builder for builder in BUILDERS for kind in builder.kinds}


def build(run: Run, attempt: int, options: Options) -> Workload:
    """The workload of one attempt.

    Raises InvalidSpecError (the document is wrong), UnsupportedError (this operator cannot do it) or
    UnresolvedError (something it refers to is not there).
    """
    return _builder(run).build(run, attempt, options)


def child_kind(run: Run) -> str:
    """Which kind of object runs this Run: Job or Deployment; Job for what cannot be built at all."""
    try:
        return _builder(run).child_kind
    except WorkloadError:
        return "Job"


def _builder(run: Run) -> Builder:
    try:
        kind = of_run(run.kind, fields.text(run.spec, "task"))
    except DocumentError as error:
        raise InvalidSpecError("spec.kind", str(error)) from error
    builder = SUPPORTED.get(kind.label)
    if builder is None:
        known = ", ".join(sorted(SUPPORTED))
        raise UnsupportedError("UnsupportedKind", f"{kind.label} is not supported yet; supported: {known}")
    return builder
