"""The pod template of a container Run."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from run_operator.api.run import Run
from run_operator.workloads import fields
from run_operator.workloads.environment import (
    document_variables,
    environment,
    optional_source,
    secret_sources,
)
from run_operator.workloads.fetching import fetching
from run_operator.workloads.fields import InvalidSpecError
from run_operator.workloads.metadata import files_name, labels, owner, pod_labels
from run_operator.workloads.metrics_injection import add_reporting
from run_operator.workloads.requirements_cache import add_cache
from run_operator.workloads.resources import compute, disk
from run_operator.workloads.scheduling import placement
from run_operator.workloads.source import FOLDER, KEY, Source, source
from run_operator.workloads.types import Options, Pod
from run_operator.workloads.volumes import Volumes, ephemeral, volumes

LARGEST_ID: Final = 2**31 - 1


def pod_context(spec: Mapping[str, Any], default_user: int, *, claims: bool) -> dict[str, Any]:
    """uid, gid and fsGroup of the document, else `default_user`: most images' own user is root.

    `claims`: the kubelet changes the group of their files only once, since they may be millions.
    """
    return {
        "runAsNonRoot": True,
        "runAsUser": _id(spec, "run_as_user", default_user),
        "runAsGroup": _id(spec, "run_as_group", default_user),
        "fsGroup": _id(spec, "fs_group", default_user),
        **({"fsGroupChangePolicy": "OnRootMismatch"} if claims else {}),
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container_context() -> dict[str, Any]:
    """The container's security context: no capability, no way to more privileges."""
    return {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def _id(spec: Mapping[str, Any], key: str, default: int) -> int:
    value = fields.number(spec, key)
    if value is None:
        return default
    if value == 0:
        raise InvalidSpecError(
            f"{fields.ROOT}.{key}", "is 0, and root is not allowed; leave it out or set another user"
        )
    if not 0 < value <= LARGEST_ID:
        raise InvalidSpecError(f"{fields.ROOT}.{key}", f"{value} is not a valid id; use 1 to {LARGEST_ID}")
    return value


CONTAINER: Final = "main"
SHELL: Final = frozenset("|&;<>$`*")
"""Characters of a command that mean something to a shell only."""
PULL_POLICIES: Final = ("Always", "IfNotPresent", "Never")


@dataclass(frozen=True, slots=True)
class Program:
    """The operator's own program in the container (for Python functions), and its document."""

    image: str
    command: tuple[str, ...]
    document: bytes
    """Mounted as DOCUMENT_FILE."""
    installs: bool = False
    """Whether it installs requirements."""


def pod(run: Run, attempt: int, options: Options, program: Program | None = None) -> Pod:
    """The pod of one attempt; `program` in place of the document's command and source. Raises WorkloadError."""
    file = source(run.spec) if program is None else None
    mounted = volumes(run)
    files = run.translation.files if run.translation else ()
    _shared(run, file, mounted, needed=program is not None or bool(files))
    env, warnings = environment(run, attempt)
    document = "" if program is None else files_name(run.name, program.document)
    warnings += add_reporting(run, options, env, mounted, document, with_runner=bool(files))
    if program and program.installs and options.requirements_cache_claim:
        add_cache(options.requirements_cache_claim, document_variables(run.spec), env, mounted)
    container = _container(run, env, mounted, file, options, program)
    spec = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": run.policy.termination_grace_period,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": pod_context(run.spec, options.default_user, claims=mounted.have_claims),
        **placement(run.spec),
        **({"initContainers": [fetching(run, container, options)]} if files else {}),
        "containers": [container],
        **({"volumes": mounted.volumes} if mounted.volumes else {}),
    }
    metadata: dict[str, Any] = {"labels": pod_labels(run, attempt)}
    if run.profile_annotations:
        metadata["annotations"] = dict(run.profile_annotations)
    template = {"metadata": metadata, "spec": spec}
    content = program.document if program else file.data if file else None
    held = (_config_map(run, content),) if content is not None else ()
    return Pod(template, (*mounted.claims, *held), tuple(warnings))


def _container(
    run: Run,
    env: list[dict[str, Any]],
    mounted: Volumes,
    file: Source | None,
    options: Options,
    program: Program | None,
) -> dict[str, Any]:
    spec = run.spec
    command, arguments = _command(spec) if program is None else (list(program.command), [])
    optional: dict[str, Any] = {
        "command": command,
        "args": arguments,
        "envFrom": _sources(spec, options, program),
        "workingDir": FOLDER if file or program else None,
        "resources": compute(spec, options.gpu_resource),
        "volumeMounts": mounted.mounts,
    }
    return {
        "name": CONTAINER,
        "image": program.image if program else image(fields.text(spec, "image"), "image"),
        "imagePullPolicy": _pull_policy(spec),
        "env": env,
        "securityContext": container_context(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        **{key: value for key, value in optional.items() if value},
    }


def _sources(spec: Mapping[str, Any], options: Options, program: Program | None) -> list[dict[str, Any]]:
    """`envFrom`: Secrets whose keys become variables; a later one wins."""
    installers = optional_source(options.requirements_secret) if program else []
    return installers + optional_source(options.store_secret) + secret_sources(spec)


def _command(spec: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The command: one program name, as on the platform; no shell splits it. Raises InvalidSpecError."""
    command = fields.text(spec, "command")
    first, _, rest = (command or "").strip().partition(" ")
    if command and rest and "/" not in first:
        is_shell = not SHELL.isdisjoint(command)
        advice = (
            "sh as command, and -c and the line" if is_shell else f"{first[:40]} as command, and the rest"
        )
        problem = f"{command[:80]!r} is not the name of a program: write {advice} as a list in args"
        raise InvalidSpecError(f"{fields.ROOT}.command", problem)
    return [command] if command else [], fields.texts(spec, "args")


def image(name: str | None, field: str) -> str:
    """The name of an image as the document gives it. Raises InvalidSpecError."""
    if name and name.strip() == name and name.isprintable() and " " not in name:
        return name
    problem = f"{name[:80]!r} is not the name of an image" if name else "is missing"
    raise InvalidSpecError(f"{fields.ROOT}.{field}", problem)


def _pull_policy(spec: Mapping[str, Any]) -> str:
    policy = fields.text(spec, "image_pull_policy") or "IfNotPresent"
    if policy not in PULL_POLICIES:
        raise InvalidSpecError(
            f"{fields.ROOT}.image_pull_policy",
            f"{policy[:40]!r} is unknown; use one of {', '.join(PULL_POLICIES)}",
        )
    return policy


def _shared(run: Run, file: Source | None, mounted: Volumes, *, needed: bool) -> None:
    """Mount /shared: the requested disk, or scratch space where it is needed, with the source in it, read-only."""
    size = disk(run.spec)
    taken = any(mount["mountPath"] == FOLDER for mount in mounted.mounts)
    if size and taken:
        raise InvalidSpecError(f"{fields.ROOT}.resources.disk", f"a volume is mounted at {FOLDER} already")
    if size:
        mounted.add("shared", ephemeral(size, None), FOLDER)
    elif (file or needed) and not taken:
        mounted.add("shared", {"emptyDir": {}}, FOLDER)
    if file:
        name = files_name(run.name, file.data)
        origin = {"configMap": {"name": name, "items": [{"key": KEY, "path": KEY}]}}
        mounted.add("source", origin, f"{FOLDER}/{file.path}", subPath=KEY, readOnly=True)


def _config_map(run: Run, content: bytes) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": files_name(run.name, content),
            "namespace": run.namespace,
            "labels": labels(run),
            "ownerReferences": owner(run),
        },
        "immutable": True,
        "binaryData": {KEY: base64.b64encode(content).decode("ascii")},
    }
