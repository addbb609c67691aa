"""From a Run to its workload: the kind decides which builder does it."""

from __future__ import annotations

from typing import Final

from run_operator.document.errors import DocumentError
from run_operator.document.kinds import of_run
from run_operator.resources.run import Run
from run_operator.workloads import fields
from run_operator.workloads.errors import InvalidSpecError, UnsupportedError
from run_operator.workloads.job import ContainerJob
from run_operator.workloads.options import Options
from run_operator.workloads.workload import Builder, Workload

BUILDERS: Final[tuple[Builder, ...]] = (ContainerJob(),)
SUPPORTED: Final = {kind: builder for builder in BUILDERS for kind in builder.kinds}


def build(run: Run, attempt: int, options: Options) -> Workload:
    """The workload of one attempt.

    Raises InvalidSpecError (the document is wrong), UnsupportedError (this operator cannot do it) or
    UnresolvedError (something it refers to is not there).
    """
    try:
        kind = of_run(run.kind, fields.text(run.spec, "task"))
    except DocumentError as error:
        raise InvalidSpecError("spec.kind", str(error)) from error
    builder = SUPPORTED.get(kind.label)
    if builder is None:
        known = ", ".join(sorted(SUPPORTED))
        raise UnsupportedError("UnsupportedKind", f"{kind.label} is not supported yet; supported: {known}")
    return builder.build(run, attempt, options)
