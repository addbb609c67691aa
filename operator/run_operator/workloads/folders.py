"""Where a folder of a pod is: below another one, or on which mount."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from typing import Any


def mount_of(folder: str, mounts: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The mount that a folder lies on."""
    holding = [mount for mount in mounts if below(folder, mount["mountPath"]) is not None]
    return max(holding, key=lambda mount: len(_plain(mount["mountPath"])), default=None)


def below(path: str, folder: str) -> str | None:
    """The path as seen from the folder, empty for the folder itself; None for one elsewhere."""
    path, folder = _plain(path), _plain(folder)
    if path == folder:
        return ""
    return path[len(folder) + 1 :] if path.startswith(f"{folder}/") else None


def _plain(path: str) -> str:
    """In images /var/run is a link to /run."""
    clean = posixpath.normpath(path)
    return clean.removeprefix("/var") if f"{clean}/".startswith("/var/run/") else clean
