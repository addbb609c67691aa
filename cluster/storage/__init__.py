"""The default StorageClass of the full shape: folders on the node, really provisioned and really deleted."""

from __future__ import annotations

from pathlib import Path


def manifest() -> str:
    """What to apply."""
    return (Path(__file__).parent / "local-path.yaml").read_text()
