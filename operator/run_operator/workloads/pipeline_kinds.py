"""Builders of pipelines. hera+build: a pod calls the function that writes the workflow. hera+pipeline: no pod, but one Run a step."""

from __future__ import annotations

from typing import Any, Final

from run_operator.api.run import Run
from run_operator.workloads import fields
from run_operator.workloads.default_images import WORKFLOW_PYTHON
from run_operator.workloads.fields import UnsupportedError
from run_operator.workloads.job import job
from run_operator.workloads.pod import pod
from run_operator.workloads.python import program
from run_operator.workloads.service import Port
from run_operator.workloads.types import Options, Pod

STEPS: Final = "Steps"
"""The value of `child_kind` of a pipeline."""


class WorkflowBuild:
    """Builds the Job that makes a workflow of the author's function."""

    kinds = ("hera+build",)
    child_kind = "Job"
    essential = "source"

    def pod(self, run: Run, attempt: int, options: Options) -> Pod:
        """See `Builder`."""
        return pod(run, attempt, options, program(run, options, "workflow", default_python=WORKFLOW_PYTHON))

    def ports(self, run: Run) -> list[Port]:  # noqa: ARG002
        """A Job has no Service."""
        return []

    def child(self, run: Run, attempt: int, pod: Pod, options: Options) -> dict[str, Any]:
        """See `Builder`."""
        return job(run, attempt, pod, options)


class Pipeline:
    """Makes nothing itself: `lifecycle/pipeline.py` creates the Runs of its steps."""

    kinds = ("hera+pipeline",)
    child_kind = STEPS
    essential = "source"

    def pod(self, run: Run, attempt: int, options: Options) -> Pod:  # noqa: ARG002
        """None. Raises InvalidSpecError for a document that is not a pipeline's."""
        for name in ("source", "build", "parameters"):
            fields.mapping(run.spec, name)
        return Pod({"spec": {"containers": []}}, (), ())

    def ports(self, run: Run) -> list[Port]:  # noqa: ARG002
        """The address of a service among its steps is that step's."""
        return []

    def child(self, run: Run, attempt: int, pod: Pod, options: Options) -> dict[str, Any]:  # noqa: ARG002
        """Nothing can ask for it."""
        raise UnsupportedError("UnsupportedKind", f"{run.kind} is made of Runs")
