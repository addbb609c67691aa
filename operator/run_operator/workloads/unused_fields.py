"""Fields of a document that its workload does not use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from run_operator.api.raw import text
from run_operator.api.run import Run
from run_operator.document.errors import DocumentError
from run_operator.document.kinds import of_run
from run_operator.document.known_fields import unused
from run_operator.workloads.fields import WorkloadError
from run_operator.workloads.source import left_out


def without_effect(run: Run, document: Mapping[str, Any]) -> tuple[str, ...]:
    """One sentence for each. `document`: the Run's own inner spec; `run`: the merged Run.

    Fields of Functions and profiles are not reported: they have other authors.
    """
    try:
        kind = of_run(run.kind, text(run.spec.get("task")))
        is_mounted = kind.runtime == "container" and kind.action != "build"  # a build fetches its source
        absent = left_out(run.spec) if is_mounted else ()
        used = run.translation.used if run.translation else None
        return (*unused(kind.label, document, used), *absent)
    except (DocumentError, WorkloadError):
        return ()  # it cannot be built, and building says why
