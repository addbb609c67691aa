"""Limits that the administrator sets to Runs: types of Services, PriorityClasses, registries. The built objects are checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from run_operator.workloads import fields
from run_operator.workloads.fields import WorkloadError
from run_operator.workloads.types import Options, Pod

REASON: Final = "NotAllowed"
DEFAULT_REGISTRY: Final = "docker.io"
MAX_TEXT: Final = 200
"""Characters of a name that a message repeats."""


def check_allowed(made: Pod, service: Mapping[str, Any] | None, options: Options) -> None:
    """Raise WorkloadError with reason NotAllowed for the first thing that is not in its list. An empty list allows everything."""
    if service is not None:
        _check(
            "service_type",
            _service_type(service),
            options.allowed_service_types,
            "--allowed-service-type",
        )
    pod = made.template["spec"]
    priority = pod.get("priorityClassName")
    if priority:
        _check("priority_class", priority, options.allowed_priority_classes, "--allowed-priority-class")
    for container in pod["containers"]:
        check_image("image", container["image"], options.allowed_registries)


def qualified(image: str) -> str:
    """The image with its registry, as container engines read it: `busybox:1` is `docker.io/library/busybox:1`.

    A first part with a capital is a registry too, since names of images have none.
    """
    first, slash, _ = image.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost" or first != first.lower()):
        return image
    return f"{DEFAULT_REGISTRY}/{image if slash else f'library/{image}'}"


def _service_type(service: Mapping[str, Any]) -> str:
    return str(service["spec"].get("type") or "ClusterIP")


def _check(field: str, value: str, allowed: Sequence[str], flag: str) -> None:
    if allowed and value not in allowed:
        raise _not_allowed(field, value, allowed, flag)


def check_image(field: str, image: str, allowed: Sequence[str]) -> None:
    """Raise WorkloadError with reason NotAllowed for an image that is below none of them."""
    name = qualified(image)
    if allowed and not any(name.startswith(f"{prefix.rstrip('/')}/") for prefix in allowed):
        raise _not_allowed(field, name, allowed, "--allowed-registry")


def _not_allowed(field: str, value: str, allowed: Sequence[str], flag: str) -> WorkloadError:
    return WorkloadError(
        REASON,
        f"{fields.ROOT}.{field}: {value[:MAX_TEXT]} is not allowed in this cluster; allowed: {', '.join(allowed)[:MAX_TEXT]} "
        f"(the operator's {flag})",
    )
