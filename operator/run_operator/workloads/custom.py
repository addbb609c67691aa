"""A Run that another operator carries out: one object of its kind, whose spec a ClusterRuntime made."""

from __future__ import annotations

from typing import Any, Final

from run_operator.api.constants import ANNOTATION_ATTEMPT
from run_operator.api.run import Run
from run_operator.workloads.fields import UnsupportedError
from run_operator.workloads.metadata import child_labels, child_name, owner
from run_operator.workloads.service import Port
from run_operator.workloads.types import Options, Pod

CHILD: Final = "Resource"
"""Its value of `child_kind`."""


class CustomResource:
    """Builds the object of one attempt."""

    kinds: tuple[str, ...] = ()
    child_kind = CHILD
    essential = ""

    def pod(self, run: Run, attempt: int, options: Options) -> Pod:  # noqa: ARG002
        """None: the other operator makes pods, if any."""
        return Pod({"spec": {"containers": []}}, (), ())

    def ports(self, run: Run) -> list[Port]:  # noqa: ARG002
        """Its address, if it has one, is the other operator's."""
        return []

    def child(self, run: Run, attempt: int, pod: Pod, options: Options) -> dict[str, Any]:  # noqa: ARG002
        """See `Builder`."""
        what = run.translation.resource if run.translation else None
        if what is None:
            raise UnsupportedError("UnsupportedKind", f"no ClusterRuntime defines {run.kind}")
        return {
            "apiVersion": what.api_version,
            "kind": what.kind,
            "metadata": {
                "name": child_name(run.name),
                "namespace": run.namespace,
                "labels": child_labels(run),
                "annotations": {ANNOTATION_ATTEMPT: str(attempt)},
                "ownerReferences": owner(run),
            },
            "spec": dict(run.spec),
        }
