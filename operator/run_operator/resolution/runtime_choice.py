"""The Runtime of a Run's kind: a Runtime of its namespace wins over a ClusterRuntime."""

from __future__ import annotations

from collections.abc import Sequence

from run_operator.api.references import ResolvedPart
from run_operator.api.runtime_object import CLUSTER_KIND, NAMESPACED_KIND, RuntimeView
from run_operator.document.kinds import Kind
from run_operator.runtimes.compiled_runtimes import usable
from run_operator.runtimes.definition import Definition, InvalidRuntimeError
from run_operator.runtimes.shipped import missing
from run_operator.workloads.fields import UnresolvedError


def chosen(kind: Kind, candidates: Sequence[RuntimeView]) -> ResolvedPart:
    """The Runtime that counts. Raises WorkloadError if there is none, NotLoadedError if its spec has to be read first."""
    if not candidates:
        raise missing(kind)
    return ResolvedPart.of_runtime(kind.label, candidates[0])


def compiled(part: ResolvedPart) -> Definition:
    """Its compiled spec. Raises UnresolvedError for a Runtime with mistakes: Runs wait until it is mended."""
    try:
        return usable(part.spec, part.namespace)
    except InvalidRuntimeError as error:
        found = origin(part)
        where = f"{found['kind']} {found['name']}"
        raise UnresolvedError(
            "InvalidRuntime", f"{where} cannot be used until it is corrected: {error}"
        ) from error


def origin(part: ResolvedPart) -> dict[str, str]:
    """Kind, namespace and name of the Runtime."""
    kind = NAMESPACED_KIND if part.namespace else CLUSTER_KIND
    return {"kind": kind, "name": part.name, "namespace": part.namespace}
