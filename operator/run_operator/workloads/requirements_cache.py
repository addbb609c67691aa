"""The cache of uv and pip: a claim of the project, if the administrator named one (`--requirements-cache-claim`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from run_operator.workloads.volumes import Volumes, mount_of

CACHE_FOLDER: Final = "/var/cache/run-operator"
VOLUME: Final = "requirements-cache"
VARIABLES: Final = {
    "UV_CACHE_DIR": f"{CACHE_FOLDER}/uv",
    "UV_LINK_MODE": "copy",  # a claim is another file system than the pod's
    "PIP_CACHE_DIR": f"{CACHE_FOLDER}/pip",
}


def add_cache(claim: str, given: Mapping[str, str], env: list[dict[str, Any]], mounted: Volumes) -> None:
    """Mount the claim and add the variables, unless the document (`given`: its variables) names a cache of its own."""
    taken = mount_of(CACHE_FOLDER, mounted.mounts) or any(one["name"] == VOLUME for one in mounted.volumes)
    if taken or "UV_CACHE_DIR" in given or "PIP_CACHE_DIR" in given:
        return
    mounted.add(VOLUME, {"persistentVolumeClaim": {"claimName": claim}}, CACHE_FOLDER)
    env.extend({"name": name, "value": value} for name, value in VARIABLES.items() if name not in given)
