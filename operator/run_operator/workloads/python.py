"""python+job and python+serve: the runner in the function's image, with the Run as its document."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from run_operator.api import pod_contract as names
from run_operator.api.run import Run
from run_operator.workloads import fields
from run_operator.workloads.deployment import deployment, replicas
from run_operator.workloads.fields import InvalidSpecError, UnsupportedError, WorkloadError
from run_operator.workloads.job import job
from run_operator.workloads.pod import Program, image, pod
from run_operator.workloads.service import LAST_PORT, Port
from run_operator.workloads.source import PATH, content
from run_operator.workloads.types import Options, Pod

PORT: Final = 8080
"""Port of a served function, as on the platform."""
MAX_DOCUMENT: Final = 900 * 1024
"""Most bytes of the JSON that the runner reads; a ConfigMap holds 1 MiB."""
SCHEMES: Final = ("git+https", "git+http", "zip+https", "zip+http", "zip+s3", "https", "http", "s3")
"""Schemes of the sources that the runner fetches."""
HANDED: Final = (
    "task", "function", "workflow", "source", "requirements", "inputs", "parameters", "init_parameters", "python_version",
)  # fmt: skip
"""Fields of the spec that the runner gets; the other fields concern the pod."""
GRACE_LEFT: Final = 3
"""Seconds of the grace period that a server leaves to the end of its process."""


class PythonJob:
    """Builds the Job that calls the handler once."""

    kinds = ("python+job",)
    child_kind = "Job"
    essential = "source"

    def pod(self, run: Run, attempt: int, options: Options) -> Pod:
        """See `Builder`."""
        return pod(run, attempt, options, program(run, options, "job"))

    def ports(self, run: Run) -> list[Port]:  # noqa: ARG002
        """A Job has no Service."""
        return []

    def child(self, run: Run, attempt: int, pod: Pod, options: Options) -> dict[str, Any]:
        """See `Builder`."""
        return job(run, attempt, pod, options)


class PythonServe:
    """Builds the Deployment that answers requests with the handler."""

    kinds = ("python+serve",)
    child_kind = "Deployment"
    essential = "source"

    def pod(self, run: Run, attempt: int, options: Options) -> Pod:
        """See `Builder`."""
        made = pod(run, attempt, options, program(run, options, "serve"))
        replicas(run.spec)
        return made

    def ports(self, run: Run) -> list[Port]:
        """See `Builder`."""
        return [Port(_port(run.spec), PORT)]

    def child(self, run: Run, attempt: int, pod: Pod, options: Options) -> dict[str, Any]:  # noqa: ARG002
        """See `Builder`."""
        return deployment(run, attempt, pod, self.ports(run))


def program(run: Run, options: Options, action: str, default_python: str = "") -> Program:
    """The runner for this Run. `default_python`: of a kind whose documents name no version. Raises WorkloadError."""
    if options.ingest_url is None:
        raise UnsupportedError(
            "UnsupportedKind",
            f"{run.kind} needs the operator's ingest, which is off: set the operator's flag --ingest-url",
        )
    _check_source(fields.mapping(run.spec, "source"))
    if not isinstance(run.spec.get("requirements"), str):  # a text with lines is taken as well
        fields.texts(run.spec, "requirements")
    command = ("python3", "-u", names.RUNNER_FILE, action)
    content = document(run, options.ingest_url)
    return Program(
        _image(run.spec, options, default_python),
        command,
        content,
        installs=bool(run.spec.get("requirements")),
    )


def _image(spec: Mapping[str, Any], options: Options, default_python: str) -> str:
    """The image: the Run's own, else the function's base image, else the operator's for this version of Python."""
    for field in ("image", "base_image"):
        if name := fields.text(spec, field):
            return image(name, field)
    version = fields.text(spec, "python_version") or default_python
    if found := options.python_images.get(version):
        return found
    problem = (
        f"{version[:40]!r} has no image in this cluster"
        if version
        else "is missing, and so are image and base_image"
    )
    known = ", ".join(sorted(options.python_images, key=lambda name: (len(name), name))) or "none"
    raise InvalidSpecError(f"{fields.ROOT}.python_version", f"{problem}; use one of {known}")


def _check_source(given: Mapping[str, Any]) -> None:
    """Check the source as far as that is possible without a pod. Raises WorkloadError."""
    name = fields.text(given, "source", PATH) or ""
    held = content(given)
    if "://" in name:
        scheme = name.partition("://")[0].lower()
        if held is None and scheme not in SCHEMES:
            known = ", ".join(f"{one}://" for one in SCHEMES)
            raise WorkloadError(
                "InvalidSource", f"{PATH}.source: {scheme[:40]}:// cannot be fetched; use one of {known}"
            )
    elif held is None:
        problem = f"names {name[:120]} but does not hold it" if name else "has no code"
        raise WorkloadError("InvalidSource", f"{PATH} {problem}: set base64, code, or an address in source")
    handler = fields.text(given, "handler", PATH)
    if not handler:
        raise InvalidSpecError(f"{PATH}.handler", "is missing: name the function, or module:function")
    if handler.endswith(".py"):
        raise InvalidSpecError(f"{PATH}.handler", f"{handler[:80]!r} is a file: name a function in it")
    fields.text(given, "init_function", PATH)


def document(run: Run, ingest_url: str, more: Mapping[str, Any] | None = None) -> bytes:
    """The JSON that the runner reads, with `more` beside the Run's spec; the same bytes for the same Run."""
    for field in ("inputs", "parameters", "init_parameters"):
        fields.mapping(run.spec, field)
    key = run.key_of_document or f"store://{run.project}/run/{run.kind}/{run.id}"
    found = {
        "run": {
            "kind": run.kind, "project": run.project, "id": run.id, "name": run.id, "key": key,
            "metadata": {"project": run.project, "name": run.id},
            "spec": {name: run.spec[name] for name in HANDED if run.spec.get(name) is not None},
            **(more or {}),
        },
        "report": {
            "url": ingest_url.rstrip("/") + names.result_path(run.namespace, run.name),
            "token_file": names.TOKEN_FILE,
            "authority_file": names.AUTHORITY_FILE,
        },
        "grace": max(1, run.policy.termination_grace_period - GRACE_LEFT),
    }  # fmt: skip
    text = json.dumps(found, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    data = text.encode("utf-8", "surrogatepass")
    if len(data) > MAX_DOCUMENT:
        raise WorkloadError(
            "TooLarge",
            f"{fields.ROOT} holds {len(data)} bytes for the function; at most {MAX_DOCUMENT}: put its source into "
            "a repository, an archive or an image",
        )
    return data


def _port(spec: Mapping[str, Any]) -> int:
    """The port of the Service: 8080, or the first one that the document names."""
    for i, item in enumerate(fields.items(spec, "service_ports")):
        path = f"{fields.ROOT}.service_ports[{i}]"
        port = fields.number(fields.checked_mapping(item, path), "port", path)
        if port is None or not 0 < port <= LAST_PORT:
            raise InvalidSpecError(f"{path}.port", f"{port} is not 1 to {LAST_PORT}")
        return port
    return PORT
