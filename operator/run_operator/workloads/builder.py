"""From a Run to its workload: the kind decides which builder does it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from run_operator.api.run import Run
from run_operator.document.errors import DocumentError
from run_operator.document.kinds import of_run
from run_operator.workloads import fields
from run_operator.workloads.allowed import check_allowed
from run_operator.workloads.containerfile import is_dockerfile
from run_operator.workloads.custom import CustomResource
from run_operator.workloads.deployment import Replicated
from run_operator.workloads.fields import InvalidSpecError, UnresolvedError, UnsupportedError, WorkloadError
from run_operator.workloads.image_build import ImageBuild, missing_setting
from run_operator.workloads.job import ContainerJob
from run_operator.workloads.mistakes import all_mistakes
from run_operator.workloads.pipeline_kinds import Pipeline, WorkflowBuild
from run_operator.workloads.python import PythonJob, PythonServe
from run_operator.workloads.service import service
from run_operator.workloads.types import Builder, Options, Pod, Workload

BUILDERS: Final[tuple[Builder, ...]] = (
    ContainerJob(),
    Replicated(("container+serve",), needs_ports=True),
    Replicated(("container+deploy",), needs_ports=False),
    PythonJob(),
    PythonServe(),
    ImageBuild(("container+build",), "base_image"),
    ImageBuild(("python+build", "openinference+build", "guardrail+build"), "source"),
    WorkflowBuild(),
    Pipeline(),
)
OF_DOCKERFILE: Final = ImageBuild(("container+build",), "source")
"""Builder of documents that hold their Dockerfile."""
MAX_SPEC: Final = 1024 * 1024
"""Bytes of the spec as JSON, as of an exported file: etcd holds 1.5 MiB, and the Run's status and metrics come on top."""
CUSTOM: Final = CustomResource()
SUPPORTED: Final = {kind: builder for builder in BUILDERS for kind in builder.kinds}


def build(run: Run, attempt: int, options: Options) -> Workload:
    """The workload of one attempt.

    The Run's spec is merged already (`resolution/resolve.py`). Raises
    InvalidSpecError (the document is wrong), UnsupportedError (this operator cannot do it) or WorkloadError (an
    administrator does not allow it).
    """
    pod, address = _checked(run, attempt, options)
    child = builder(run).child(run, attempt, pod, options)
    custom = run.translation.resource if run.translation else None
    return Workload(child=child, service=address, needs=pod.needs, warnings=pod.warnings, custom=custom)


def validate(run: Run, options: Options) -> None:
    """Raise what `build` would raise for this document, without building a Job or Deployment."""
    _checked(run, 1, options)


def setting_lacks(run: Run, options: Options) -> UnresolvedError | None:
    """The error of a Run that waits until an administrator sets up what its kind needs; None: it can be built."""
    if options.building is not None and options.ingest_url is not None:
        return None
    try:
        is_build = isinstance(builder(run), ImageBuild)
    except WorkloadError:
        return None
    return missing_setting(run, options) if is_build else None


def _checked(run: Run, attempt: int, options: Options) -> tuple[Pod, dict[str, Any] | None]:
    """The pod and the Service that the document asks for. Raises WorkloadError."""
    try:
        pod, address = _read(run, attempt, options)
    except InvalidSpecError as error:
        raise with_others(run, error, options) from error
    check_allowed(pod, address, options)
    _check_size(run.spec)
    return pod, address


def with_others(run: Run, error: InvalidSpecError, options: Options) -> InvalidSpecError:
    """A mistake of the document together with those that building it finds after this one."""
    return all_mistakes(error, run.spec, lambda spec: _read(replace(run, spec=spec), 1, options))


def _read(run: Run, attempt: int, options: Options) -> tuple[Pod, dict[str, Any] | None]:
    chosen = builder(run)
    pod = chosen.pod(run, attempt, options)
    named = chosen.ports(run)
    return pod, service(run, named) if named else None


def child_kind(run: Run) -> str:
    """The kind of object that runs this Run: Job, Deployment or Resource; Job for a kind that cannot be built."""
    try:
        return builder(run).child_kind
    except WorkloadError:
        return "Job"


def is_built_in(run: Run) -> bool:
    """Whether the operator builds the Run's kind without a Runtime."""
    try:
        return of_run(run.kind, fields.text(run.spec, "task")).label in SUPPORTED
    except (DocumentError, WorkloadError):
        return True  # of no kind at all; building says so


def builder(run: Run) -> Builder:
    """The builder of the Run's kind, or of the kind that its Runtime makes. Raises InvalidSpecError or UnsupportedError."""
    if run.translation is not None:
        return CUSTOM if run.translation.resource else SUPPORTED[run.translation.kind]
    try:
        kind = of_run(run.kind, fields.text(run.spec, "task"))
    except DocumentError as error:
        raise InvalidSpecError("spec.kind", str(error)) from error
    found = SUPPORTED.get(kind.label)
    if found is None:
        known = ", ".join(sorted(SUPPORTED))
        raise UnsupportedError(
            "UnsupportedKind",
            f"{kind.label} is not built in, and no Runtime defines it; built-in kinds are {known}",
        )
    return OF_DOCKERFILE if kind.label == "container+build" and is_dockerfile(run.spec) else found


def _check_size(spec: Mapping[str, Any]) -> None:
    try:
        text = json.dumps(spec, ensure_ascii=False, separators=(",", ":"))
    except RecursionError as error:
        raise InvalidSpecError(fields.ROOT, "is nested too deeply") from error
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_SPEC:
        raise WorkloadError(
            "TooLarge",
            f"{fields.ROOT} holds {size} bytes; at most {MAX_SPEC} are allowed, to leave room for the Run's status and metrics: "
            "put its source into an image, large values into a ConfigMap or a volume",
        )
