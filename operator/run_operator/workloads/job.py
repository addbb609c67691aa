"""container+job: a `batch/v1` Job with one pod that runs to its end."""

from __future__ import annotations

from typing import Any, Final

from run_operator.api.constants import ANNOTATION_ATTEMPT, ANNOTATION_LATE
from run_operator.api.run import Run, remaining
from run_operator.workloads.metadata import child_labels, child_name, owner
from run_operator.workloads.pod import pod
from run_operator.workloads.retries import retries_left
from run_operator.workloads.service import Port
from run_operator.workloads.types import Options, Pod

UNTIDIED: Final = {
    "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
    "karpenter.sh/do-not-disrupt": "true",
}
"""Annotations by which autoscalers do not move the pod: a program that runs for days would begin again and again."""


class ContainerJob:
    """Builds the Job of one attempt."""

    kinds = ("container+job",)
    child_kind = "Job"
    essential = "image"

    def pod(self, run: Run, attempt: int, options: Options) -> Pod:
        """See `Builder`."""
        return pod(run, attempt, options)

    def ports(self, run: Run) -> list[Port]:  # noqa: ARG002
        """A Job has no Service."""
        return []

    def child(self, run: Run, attempt: int, pod: Pod, options: Options) -> dict[str, Any]:
        """See `Builder`."""
        return job(run, attempt, pod, options)


def job(run: Run, attempt: int, made: Pod, options: Options) -> dict[str, Any]:
    """The Job of one attempt with this pod."""
    if options.protect_jobs:
        metadata = made.template["metadata"]
        metadata["annotations"] = UNTIDIED | metadata.get("annotations", {})
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": child_name(run.name),
            "namespace": run.namespace,
            "labels": child_labels(run),
            "annotations": {ANNOTATION_ATTEMPT: str(attempt)},
            "ownerReferences": owner(run),
        },
        "spec": {
            "parallelism": 1,
            "completions": 1,
            # A queue decides when it begins; without one it begins at once.
            "suspend": bool(run.queue),
            "backoffLimit": retries_left(run),
            "activeDeadlineSeconds": max(1, remaining(run)),
            # Never two pods of one Run writing at once: a new one only when the old one has ended.
            "podReplacementPolicy": "Failed",
            # Evictions and preemption are not the program's fault and use up no retry: the operator begins the next
            # attempt, so that a program can tell the pods apart. A Job would begin again under the same number. Kueue knows one
            # Job of a Run that MultiKueue sent, so that one has to.
            "podFailurePolicy": {
                "rules": [
                    {
                        "action": "Ignore" if run.is_dispatched else "FailJob",
                        "onPodConditions": [{"type": "DisruptionTarget"}],
                    }
                ]
            },
            "template": made.template,
        },
    }


def made_again(child: dict[str, Any], late: int) -> None:
    """Change the Job of an attempt whose earlier Job is gone: its deadline began `late` seconds ago."""
    child["metadata"]["annotations"][ANNOTATION_LATE] = str(late)
    child["spec"]["activeDeadlineSeconds"] = max(1, child["spec"]["activeDeadlineSeconds"] - late)
