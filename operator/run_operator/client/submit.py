"""Runs that are described in a few words: the objects of `runctl run` and `rerun`, and of `new_run` and `Run.rerun`."""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from run_operator.api.constants import API_VERSION
from run_operator.api.raw import JSON, mapping
from run_operator.client.errors import EntityError

KIND: Final = "container+job:run"
SUFFIX: Final = 5
"""Characters that make a name that was not chosen unlike others."""
MAX_STEM: Final = 40
MAX_FILE: Final = 700 * 1024
_SUFFIXED: Final = re.compile(rf"(.+)-[0-9a-f]{{{SUFFIX}}}")
_VOLUME: Final = re.compile(r"(?P<name>[^:/]+):(?P<path>/[^:]+)(?::(?P<size>[^:]+))?")
_PORT: Final = re.compile(r"(?P<port>\d{1,5})(?::(?P<target>\d{1,5}))?")


def run_object(
    name: str,
    spec: JSON,
    *,
    kind: str = KIND,
    project: str | None = None,
    labels: Mapping[str, str] | None = None,
    policy: JSON | None = None,
    suspend: bool = False,
    managed_by: str | None = None,
) -> dict[str, Any]:
    """The object of a new Run; what is left out is left to the cluster's defaults."""
    metadata: dict[str, Any] = {"name": name} | ({"labels": dict(labels)} if labels else {})
    document: dict[str, Any] = {"kind": kind}
    document |= {"project": project} if project else {}
    document |= {"spec": {key: value for key, value in spec.items() if value not in (None, "", [], {})}}
    document |= {"runPolicy": dict(policy)} if policy else {}
    document |= {"suspend": True} if suspend else {}
    document |= {"managedBy": managed_by} if managed_by else {}
    return {"apiVersion": API_VERSION, "kind": "Run", "metadata": metadata, "spec": document}


def rerun_object(
    raw: JSON,
    name: str | None = None,
    *,
    env: Mapping[str, str] | None = None,
    spec: JSON | None = None,
    suspend: bool = False,
) -> dict[str, Any]:
    """The object of a new Run of the same document: with other variables, and other fields of the inner spec."""
    metadata, document = mapping(raw.get("metadata")), mapping(raw.get("spec"))
    old = str(metadata.get("name"))
    match = _SUFFIXED.fullmatch(old)
    inner = {**mapping(document.get("spec")), **(spec or {})}
    inner["envs"] = with_variables(inner.get("envs"), env or {})
    return run_object(
        name or fresh_name(match[1] if match else old),
        inner,
        kind=str(document.get("kind")),
        project=document.get("project"),
        labels=mapping(metadata.get("labels")),
        policy=mapping(document.get("runPolicy")),
        suspend=suspend,
        managed_by=document.get("managedBy"),
    )


def fresh_name(stem: str) -> str:
    """A name for an object, readable and unlike others."""
    plain = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")[:MAX_STEM].strip("-")
    return f"{plain or 'run'}-{secrets.token_hex(SUFFIX)[:SUFFIX]}"


def with_variables(envs: Any, changes: Mapping[str, str]) -> list[Any]:
    """The list `envs` with these variables: an existing one is replaced in its place, a new one is added at the end."""
    rest = dict(changes)
    found: list[Any] = []
    for entry in envs if isinstance(envs, list) else ():
        name = str(mapping(entry).get("name"))
        found.append({"name": name, "value": changes[name]} if name in changes else entry)
        rest.pop(name, None)
    return found + [{"name": name, "value": value} for name, value in rest.items()]


def source_of(path: str | Path) -> dict[str, str]:
    """A file as the document carries it: in the pod it is below /shared, the working folder. Raises EntityError, OSError."""
    path = Path(path)
    data = path.read_bytes()
    if len(data) > MAX_FILE:
        raise EntityError(
            f"{path} has {len(data)} bytes, and a Run can hold at most {MAX_FILE}: put the file into an image or a volume"
        )
    return {"source": path.name, "base64": base64.b64encode(data).decode("ascii")}


def volume_of(text: str) -> dict[str, Any]:
    """Read `NAME:/PATH` or `NAME:/PATH:SIZE`: a claim of the Run's own. Raises ValueError."""
    match = _VOLUME.fullmatch(text)
    if match is None:
        raise ValueError(
            f"{text!r} is not a volume: write NAME:/PATH or NAME:/PATH:SIZE, for example data:/data:5Gi"
        )
    size = {"spec": {"size": match["size"]}} if match["size"] else {}
    return {
        "volume_type": "persistent_volume_claim",
        "name": match["name"],
        "mount_path": match["path"],
        **size,
    }


def claim_of(text: str) -> dict[str, Any]:
    """Read `CLAIM:/PATH`: a claim that is there already. Raises ValueError."""
    match = _VOLUME.fullmatch(text)
    if match is None or match["size"]:
        raise ValueError(f"{text!r} is not a claim: write CLAIM:/PATH, for example datasets:/datasets")
    name = re.sub(r"[^a-z0-9-]+", "-", match["name"].lower()).strip("-")
    given = {"spec": {"claimName": match["name"]}} if name != match["name"] else {}
    return {"volume_type": "shared_volume", "name": name, "mount_path": match["path"], **given}


def port_of(text: str) -> dict[str, int]:
    """Read `PORT` or `PORT:TARGET`. Raises ValueError."""
    match = _PORT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a port: write PORT or PORT:TARGET, for example 80:8080")
    return {"port": int(match["port"]), "target_port": int(match["target"] or match["port"])}


def pairs_of(texts: Sequence[str], what: str) -> dict[str, str]:
    """Read `NAME=VALUE`, several times. Raises ValueError."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise ValueError(f"{text!r} is not a {what}: write NAME=VALUE")
        found[name] = value
    return found
