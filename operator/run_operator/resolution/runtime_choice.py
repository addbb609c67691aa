"""Which Runtime stands for a Run's kind: of its namespace first, then of the cluster."""

from __future__ import annotations

from collections.abc import Sequence

from run_operator.api.references import ResolvedPart
from run_operator.api.runtime_object import CLUSTER_KIND, NAMESPACED_KIND, RuntimeView
from run_operator.document.kinds import Kind
from run_operator.runtimes.definition import Definition, InvalidRuntimeError
from run_operator.runtimes.memo import usable
from run_operator.runtimes.missing import missing
from run_operator.workloads.fields import UnresolvedError


def chosen(kind: Kind, candidates: Sequence[RuntimeView]) -> ResolvedPart:
    """The first of them. Raises WorkloadError where there is none, NotLoadedError for one that is not held."""
    if not candidates:
        raise missing(kind)
    return ResolvedPart.of_runtime(kind.label, candidates[0])


def compiled(part: ResolvedPart) -> Definition:
    """Ready to be used. Raises UnresolvedError for one that is wrong: Runs wait until it is mended."""
    try:
        return usable(part.spec, part.namespace)
    except InvalidRuntimeError as error:
        found = origin(part)
        where = f"{found['kind']} {found['name']}"
        raise UnresolvedError(
            "InvalidRuntime", f"{where} cannot be used until it is mended: {error}"
        ) from error


def origin(part: ResolvedPart) -> dict[str, str]:
    """The object, in words of Kubernetes."""
    kind = NAMESPACED_KIND if part.namespace else CLUSTER_KIND
    return {"kind": kind, "name": part.name, "namespace": part.namespace}
