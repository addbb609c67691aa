"""The CRDs of the repository, parsed once for a whole process: reading that of Runs is the dearest YAML of the unit tests."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, Final

import yaml

FOLDER: Final = Path(__file__).parents[2] / "crds"
LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@functools.cache
def version_of(name: str) -> dict[str, Any]:
    """The one version of a CRD: its columns and its schema. It is shared: do not change it."""
    (only,) = yaml.load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"), LOADER)["spec"]["versions"]  # noqa: S506 - a safe loader
    found: dict[str, Any] = only
    return found


def schema_of(name: str) -> dict[str, Any]:
    """The schema of a CRD."""
    found: dict[str, Any] = version_of(name)["schema"]["openAPIV3Schema"]
    return found
