"""Fields of a document that the SDK's own models accept: a field that they refuse would break the whole list with it.

A document that kubectl applied may hold what the SDK cannot read. Such a field is left out of the answer, and the status
says so. Only what every line and runtime of the SDK refuses is left out; unknown fields stay.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from run_operator.api.exported import default_task
from run_operator.api.raw import JSON, mapping, text

ID: Final = re.compile(r"(?=.{1,255}\Z)[a-z0-9]+(-[a-z0-9]+)*")
"""An id of the SDK: a slug. The platform itself takes more."""
_DIGITS: Final = re.compile(r"[+-]?[0-9]+")
_SERVICE_TYPES: Final = frozenset({"ExternalName", "ClusterIP", "NodePort", "LoadBalancer"})
_VOLUME_TYPES: Final = frozenset({"persistent_volume_claim", "empty_dir", "ephemeral", "shared_volume"})

Check = Callable[[Any], bool]


def readable(document: JSON) -> dict[str, Any]:
    """The document without fields that the SDK refuses; `status.message` names them."""
    found, refused = dict(document), []
    for part, checks in _PARTS.items():
        fields = document.get(part, {})
        if not isinstance(fields, Mapping):
            refused.append(part)
            found[part] = {}
            continue
        bad = [key for key, value in fields.items() if value is not None and not checks.get(key, _any)(value)]
        if bad:
            refused += [f"{part}.{key}" for key in bad]
            found[part] = {key: value for key, value in fields.items() if key not in bad}
    if not _list_of(_map)(document.get("extensions") or []):
        refused.append("extensions")
        found["extensions"] = []
    if text(document.get("kind")).endswith(":run") and not mapping(found.get("spec")).get("task"):
        kind, project, run_id = (text(document.get(key)) for key in ("kind", "project", "id"))
        found["spec"] = {**mapping(found.get("spec")), "task": default_task(kind, project, run_id)}
    if refused:
        found["status"] = {**mapping(found.get("status")), "message": _message(document, refused)}
    return found


def _message(document: JSON, refused: list[str]) -> str:
    message = text(mapping(document.get("status")).get("message"))
    note = f"left out, because the SDK cannot read it: {', '.join(refused)[:500]} (kubectl shows it)"
    return f"{message}; {note}" if message else note


def _any(_: Any) -> bool:
    return True


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _map(value: Any) -> bool:
    return isinstance(value, Mapping)


def _list(value: Any) -> bool:
    return isinstance(value, list)


def _list_or_map(value: Any) -> bool:
    return _list(value) or _map(value)


def _number(value: Any) -> bool:
    if isinstance(value, str):
        return bool(_DIGITS.fullmatch(value))
    return isinstance(value, int) or (isinstance(value, float) and value.is_integer())


def _list_of(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _fields(needed: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    """Whether a value is a map with these fields; the optional ones may be missing or null."""

    def check(value: Any) -> bool:
        if not isinstance(value, Mapping) or not all(
            key in value and one(value[key]) for key, one in needed.items()
        ):
            return False
        return all(one(value[key]) for key, one in (optional or {}).items() if value.get(key) is not None)

    return check


def _amount(value: Any) -> bool:
    """An amount of CPU, memory and so on: the SDK asks for no more than a digit in it."""
    return (isinstance(value, str) and any(map(str.isdecimal, value))) or (
        isinstance(value, int | float) and _number(value)
    )


_AMOUNTS: Final = _fields({}, dict.fromkeys(("cpu", "mem", "gpu", "disk"), _amount))
_ENV: Final = _fields({"name": _text, "value": _text})
_PORT: Final = _fields({"port": _number, "target_port": _number})
_VOLUME: Final = _fields(
    {
        "volume_type": lambda value: _text(value) and value in _VOLUME_TYPES,
        "name": _text,
        "mount_path": _text,
    },
    {"spec": _fields({}, {"size": _text, "size_limit": _text, "medium": _text})},
)
_RELATION: Final = _fields({"type": _text, "dest": _text})

_SPEC: Final[Mapping[str, Check]] = {
    **dict.fromkeys(
        (
            "task", "function", "workflow", "image", "base_image", "command", "profile", "image_pull_policy",
            "service_name", "python_version", "model_name", "processing_mode",
        ),
        _text,
    ),
    **dict.fromkeys(("replicas", "run_as_user", "run_as_group", "fs_group"), _number),
    **dict.fromkeys(("args", "secrets", "instructions"), _list_of(_text)),
    "inputs": _list_or_map,
    **dict.fromkeys(("parameters", "init_parameters"), _map),
    "service_type": lambda value: _text(value) and value in _SERVICE_TYPES,
    "outputs": _list_or_map,
    "envs": _list_of(_ENV),
    "volumes": _list_of(_VOLUME),
    "service_ports": _list_of(_PORT),
    "resources": _AMOUNTS,
    "source": _fields({}, dict.fromkeys(("source", "handler", "code", "base64", "lang"), _text)),
}  # fmt: skip
_PARTS: Final[Mapping[str, Mapping[str, Check]]] = {
    "metadata": {"relationships": _list_of(_RELATION)},
    "spec": _SPEC,
    "status": {},
}
