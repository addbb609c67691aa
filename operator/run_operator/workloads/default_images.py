"""The images that pods use where neither the document nor a setting names one, and the versions of Python that have one."""

from __future__ import annotations

from typing import Final

PYTHON_VERSIONS: Final = tuple(f"PYTHON3_{minor}" for minor in range(9, 14))
"""As Functions name them."""
WORKFLOW_PYTHON: Final = "PYTHON3_12"
"""The version that builds a workflow: newer than any workflow needs."""
PYTHON_IMAGE: Final = "run-operator.local/python-runtime"
BUILDER_IMAGE: Final = "run-operator.local/builder:1"
"""The image of the builder: buildah, skopeo, git and Python."""


def python_images() -> dict[str, str]:
    """The images that this repository builds, by Python version."""
    return {
        version: f"{PYTHON_IMAGE}:{version.removeprefix('PYTHON').replace('_', '.')}"
        for version in PYTHON_VERSIONS
    }
