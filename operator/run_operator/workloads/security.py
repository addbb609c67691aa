"""Security contexts: every pod satisfies the `restricted` Pod Security Standard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from run_operator.workloads import fields
from run_operator.workloads.errors import InvalidSpecError

LARGEST_ID: Final = 2**31 - 1


def pod_context(spec: Mapping[str, Any], default_user: int, *, claims: bool) -> dict[str, Any]:
    """uid, gid and fsGroup of the document, else `default_user`: most images' own user is root.

    Of `claims`, which may hold millions of files, the kubelet changes the group once and not at every start.
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
    """No way up."""
    return {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def _id(spec: Mapping[str, Any], key: str, default: int) -> int:
    value = fields.number(spec, key)
    if value is None:
        return default
    if value == 0:
        raise InvalidSpecError(
            f"{fields.ROOT}.{key}", "is 0, and root is never allowed; leave it out or name a user"
        )
    if not 0 < value <= LARGEST_ID:
        raise InvalidSpecError(f"{fields.ROOT}.{key}", f"{value} is no id; use 1 to {LARGEST_ID}")
    return value
