"""`spec.volumes`: the four types of the platform, as pod volumes, mounts and claims."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from run_operator.api.raw import mapping, text
from run_operator.api.run import Run
from run_operator.document.known_fields import VOLUME_SPEC
from run_operator.workloads import fields
from run_operator.workloads.fields import InvalidSpecError
from run_operator.workloads.metadata import claim_name, labels, owner
from run_operator.workloads.resources import parse, quantity

CLAIM_SIZE: Final = "2Gi"
"""Size of a claim where the document names none, as on the platform."""
SCRATCH_SIZE: Final = "128Mi"
"""Size limit of an empty_dir where the document names none, as on the platform."""
TYPES: Final = tuple(VOLUME_SPEC)


@dataclass(slots=True)
class Volumes:
    """Volumes and mounts of a pod, and the claims that must exist before."""

    volumes: list[dict[str, Any]] = field(default_factory=list)
    mounts: list[dict[str, Any]] = field(default_factory=list)
    claims: list[dict[str, Any]] = field(default_factory=list)

    @property
    def have_claims(self) -> bool:
        """Whether the pod mounts a claim of any kind, so that its files may be many."""
        return any("persistentVolumeClaim" in volume or "ephemeral" in volume for volume in self.volumes)

    def add(self, name: str, source: Mapping[str, Any], path: str, **mount: Any) -> None:
        """One volume and its mount."""
        self.volumes.append({"name": name, **source})
        self.mounts.append({"name": name, "mountPath": path, **mount})


def volumes(run: Run) -> Volumes:
    """All volumes of the document. Raises InvalidSpecError."""
    found = Volumes()
    names: set[str] = set()
    paths: set[str] = set()
    for i, item in enumerate(fields.items(run.spec, "volumes")):
        path = f"{fields.ROOT}.volumes[{i}]"
        entry = fields.checked_mapping(item, path)
        name, mount_path = _name(entry, path, names), _mount_path(entry, path, paths)
        given = fields.mapping(entry, "spec", path)
        sub_path = fields.text(given, "subPath", f"{path}.spec")
        extra = {"subPath": _inside(sub_path, f"{path}.spec.subPath")} if sub_path else {}
        found.add(name, _source(run, entry, given, name, path, found.claims), mount_path, **extra)
    return found


def shortcomings(wanted: Mapping[str, Any], there: Mapping[str, Any]) -> list[str]:
    """Differences between an existing claim and the document, a sentence each, with what to do."""
    name, namespace = wanted["metadata"]["name"], wanted["metadata"]["namespace"]
    spec, found = wanted["spec"], mapping(there.get("spec"))
    another = "for a new, empty claim use another name for the volume"
    notes = []
    wants = spec["resources"]["requests"]["storage"]
    has = text(mapping(mapping(found.get("resources")).get("requests")).get("storage"))
    asked, given = parse(wants), parse(has)
    if asked is not None and given is not None and asked > given:
        patch = json.dumps({"spec": {"resources": {"requests": {"storage": wants}}}}, separators=(",", ":"))
        notes.append(
            f"claim {name} has {has}, the document requests {wants}: if its storage class allows it, enlarge it by "
            f"kubectl patch pvc {name} -n {namespace} -p '{patch}'; {another}"
        )
    elif asked is not None and given is not None and asked < given:
        notes.append(
            f"claim {name} has {has}, the document requests {wants}: a claim cannot shrink; {another}"
        )
    kept, storage_class = text(found.get("storageClassName")), spec.get("storageClassName")
    if storage_class and storage_class != kept:
        notes.append(
            f"claim {name} stays in the storage class {kept or 'without a name'}, the document requests "
            f"{storage_class}: a claim cannot change its storage class; {another}"
        )
    return notes


def ephemeral(size: str, storage_class: str | None) -> dict[str, Any]:
    """A claim that lives and dies with the pod."""
    return {"ephemeral": {"volumeClaimTemplate": {"spec": _claim_spec(size, storage_class)}}}


def _source(
    run: Run,
    entry: Mapping[str, Any],
    given: Mapping[str, Any],
    name: str,
    path: str,
    claims: list[dict[str, Any]],
) -> dict[str, Any]:
    kind = fields.required_text(entry, "volume_type", path)
    where = f"{path}.spec"
    storage_class = _object_name(given, ("storage_class", "storageClass"), where)
    if kind == "persistent_volume_claim":
        claim = _claim(run, name, _size(given, ("size",), CLAIM_SIZE, where), storage_class)
        claims.append(claim)
        return {"persistentVolumeClaim": {"claimName": claim["metadata"]["name"]}}
    if kind == "empty_dir":
        limit = _size(given, ("size_limit", "sizeLimit"), SCRATCH_SIZE, where)
        medium = {"medium": "Memory"} if _in_memory(given, where) else {}
        return {"emptyDir": {"sizeLimit": limit, **medium}}
    if kind == "ephemeral":
        return ephemeral(_size(given, ("size",), CLAIM_SIZE, where), storage_class)
    if kind == "shared_volume":
        return {"persistentVolumeClaim": {"claimName": _object_name(given, ("claimName",), where) or name}}
    raise InvalidSpecError(f"{path}.volume_type", f"{kind[:80]!r} is unknown; use one of {', '.join(TYPES)}")


def _claim(run: Run, volume: str, size: str, storage_class: str | None) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": claim_name(run.name, volume),
            "namespace": run.namespace,
            "labels": labels(run),
            "ownerReferences": owner(run),
        },
        "spec": _claim_spec(size, storage_class),
    }


def _claim_spec(size: str, storage_class: str | None) -> dict[str, Any]:
    spec: dict[str, Any] = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    return spec | ({"storageClassName": storage_class} if storage_class else {})


def _name(entry: Mapping[str, Any], path: str, taken: set[str]) -> str:
    name = fields.required_text(entry, "name", path)
    if not fields.LABEL.fullmatch(name):
        raise InvalidSpecError(f"{path}.name", f"{name[:80]!r} cannot name a volume; use a-z, 0-9 and -")
    if name in taken or name in ("shared", "source"):
        raise InvalidSpecError(f"{path}.name", f"{name!r} is already used")
    taken.add(name)
    return name


def _mount_path(entry: Mapping[str, Any], path: str, taken: set[str]) -> str:
    wanted = fields.required_text(entry, "mount_path", path)
    clean = posixpath.normpath(wanted)
    if not wanted.startswith("/") or clean in ("/", "//") or ":" in clean or ".." in wanted.split("/"):
        raise InvalidSpecError(f"{path}.mount_path", f"{wanted[:80]!r} is not an absolute path below /")
    if clean in taken:
        raise InvalidSpecError(f"{path}.mount_path", f"{clean[:80]!r} is already used")
    taken.add(clean)
    return clean


def _inside(sub_path: str, path: str) -> str:
    if sub_path.startswith("/") or ".." in sub_path.split("/"):
        raise InvalidSpecError(path, f"{sub_path[:80]!r} is outside the volume")
    return sub_path


def _size(given: Mapping[str, Any], keys: tuple[str, ...], default: str, path: str) -> str:
    for key in keys:
        if given.get(key) is not None:
            return quantity(given[key], f"{path}.{key}")
    return default


def _in_memory(given: Mapping[str, Any], path: str) -> bool:
    medium = fields.text(given, "medium", path)
    if medium not in (None, "", "Memory"):
        raise InvalidSpecError(f"{path}.medium", f"{medium[:80]!r} is not known; use Memory or leave it out")
    return medium == "Memory"


def _object_name(given: Mapping[str, Any], keys: tuple[str, ...], path: str) -> str | None:
    for key in keys:
        name = fields.text(given, key, path)
        if name:
            if not fields.SUBDOMAIN.fullmatch(name):
                raise InvalidSpecError(f"{path}.{key}", f"{name[:80]!r} cannot be the name of an object")
            return name
    return None


def mount_of(folder: str, mounts: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The mount that a folder lies on."""
    holding = [mount for mount in mounts if below(folder, mount["mountPath"]) is not None]
    return max(holding, key=lambda mount: len(_plain(mount["mountPath"])), default=None)


def below(path: str, folder: str) -> str | None:
    """The path relative to the folder, empty for the folder itself; None for a path outside of it."""
    path, folder = _plain(path), _plain(folder)
    if path == folder:
        return ""
    return path[len(folder) + 1 :] if path.startswith(f"{folder}/") else None


def _plain(path: str) -> str:
    """The path without /var before /run, since images have /var/run as a link to /run."""
    clean = posixpath.normpath(path)
    return clean.removeprefix("/var") if f"{clean}/".startswith("/var/run/") else clean
