"""Between the exported document, which people hold, and the object in the cluster, which carries it."""

from __future__ import annotations

import contextlib
import math
import os
import re
import secrets
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from run_operator.api.constants import API_VERSION
from run_operator.api.exported import KEPT, manifest, store_key
from run_operator.api.raw import JSON
from run_operator.api.unknown_keys import check_manifest
from run_operator.client.errors import EntityError
from run_operator.document.entity import Entity, load, parse
from run_operator.document.errors import DocumentError, NotAnExportError
from run_operator.document.kinds import EntityType
from run_operator.document.names import object_name
from run_operator.document.yaml_reader import MAX_BYTES, Parsed, read
from run_operator.document.yaml_writer import write

UNCHANGEABLE: Final = ("kind", "project", "id")
APPLIED: Final = frozenset(one.value for one in EntityType)
"""Kinds of manifests that are applied as they are."""
SLUG: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def new_document(
    project: str,
    kind: str,
    run_id: str | None,
    labels: list[str] | None,
    spec: JSON,
    name: str | None = None,
) -> dict[str, Any]:
    """The document that the SDK makes of the arguments of `new_run`. Raises ValueError for an id that is not a slug."""
    if run_id is not None and not SLUG.fullmatch(run_id):
        raise ValueError(f"Invalid ID: {run_id}. Must pass slugified ID.")
    chosen = run_id or uuid.uuid4().hex
    now = datetime.now(UTC).isoformat()
    metadata: dict[str, Any] = {"project": project, "name": name or chosen}
    metadata |= {"labels": list(labels)} if labels else {}
    metadata |= {"created": now, "updated": now}
    return {
        "kind": kind, "metadata": metadata, "spec": {k: v for k, v in spec.items() if v is not None},
        "status": {"state": "CREATED"}, "project": project, "id": chosen, "name": name or chosen,
        "key": store_key(project, kind, chosen), "extensions": [],
    }  # fmt: skip


def object_of(data: bytes, *, suspend: bool = False) -> dict[str, Any]:
    """The object to apply for a file: an export becomes a manifest, and a manifest of our kinds stays as it is. Raises DocumentError."""
    parsed = read(data)
    value = parsed.value
    _check_version(parsed)
    if (
        not isinstance(value, dict)
        or value.get("apiVersion") != API_VERSION
        or value.get("kind") not in APPLIED
    ):
        entity = parse(parsed)
        return manifest(entity, suspend=suspend and entity.type is EntityType.RUN)
    metadata, spec = value.get("metadata"), value.get("spec")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        raise NotAnExportError("the field 'metadata.name' is missing", parsed.line("metadata"))
    if not isinstance(spec, dict):
        raise NotAnExportError("the field 'spec' is missing, or is not a map", parsed.line("spec"))
    if value["kind"] == EntityType.RUN.value:
        check_manifest(value, KEPT)
    body = {"apiVersion": API_VERSION, "kind": value["kind"], "metadata": metadata, "spec": spec}
    if suspend and value["kind"] == EntityType.RUN.value:
        body["spec"] = {**spec, "suspend": True}
    return body


def _check_version(parsed: Parsed) -> None:
    """Raise NotAnExportError for a manifest of another version of our kinds."""
    value = parsed.value
    version = value.get("apiVersion") if isinstance(value, dict) else None
    group = API_VERSION.partition("/")[0]
    if isinstance(version, str) and version.startswith(f"{group}/") and version != API_VERSION:
        raise NotAnExportError(
            f"apiVersion {version[:80]} is not known; write {API_VERSION}", parsed.line("apiVersion")
        )


def checked(document: JSON) -> Entity:
    """The document of a Run. Raises EntityError."""
    _check_plain(document, "")
    try:
        entity = parse(Parsed(dict(document), {}))
    except DocumentError as error:
        raise EntityError(str(error)) from error
    if entity.type is not EntityType.RUN:
        raise EntityError(f"this is a {entity.type.value} ({entity.kind}), not a Run")
    return entity


def _check_plain(value: Any, where: str) -> None:
    """Check that a file can hold the document; the error names the field."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            if not isinstance(key, str):
                raise EntityError(
                    f"the key {key!r} in {where or 'the document'} is not a text; write {str(key)!r}"
                )
            _check_plain(one, f"{where}.{key}" if where else key)
    elif isinstance(value, list | tuple):
        for at, one in enumerate(value):
            _check_plain(one, f"{where}[{at}]")
    elif isinstance(value, float) and not math.isfinite(value):
        raise EntityError(f"{where} is {value}, which is not a number that Kubernetes can store")
    elif value is not None and not isinstance(value, str | int | float):
        raise EntityError(
            f"{where} is of the type {type(value).__name__}; a document can have texts, numbers, booleans, lists and maps"
        )


MAX_FILE_NAME: Final = 255


def export_path(folder: Path, run_id: str) -> Path:
    """`runs-<id>.yaml`; an id too long for a file name is shortened as an object's name is."""
    name = f"runs-{run_id}.yaml"
    return folder / (name if len(name) <= MAX_FILE_NAME else f"runs-{object_name(run_id)}.yaml")


def write_document(path: Path, document: Mapping[str, Any]) -> None:
    """Write the file atomically: a reader gets the old or the new one. Raises OSError.

    The SDK's layout, but every text that some YAML reader takes for a number or a date is quoted.
    """
    temporary = path.with_name(f".{secrets.token_hex(8)}.partial")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(write(dict(document)))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        # By the name that was asked for, not by that of a file nobody knows of.
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def read_run(path: str | Path) -> Entity:
    """The Run in an exported file. Raises EntityError, with the file and the line, and OSError."""
    # Not blocking: a pipe nobody writes to must not hang.
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        data = file.read(MAX_BYTES + 1) or b""
    try:
        entity = load(data)
    except DocumentError as error:
        where = f"{path}:{error.line}" if error.line else str(path)
        raise EntityError(f"{where}: {error}") from error
    if entity.type is not EntityType.RUN:
        raise EntityError(f"{path}: this is a {entity.type.value}, not a Run; apply it with runctl apply")
    return entity
