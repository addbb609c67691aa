"""The cgroups of a cluster's pods, on the host."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cluster.processes import wait_until

CGROUPS: Final = Path("/sys/fs/cgroup")


def make(name: str) -> None:
    """An own root for the cluster's pods. Version 1: one a hierarchy, cpuset filled in by hand."""
    if (CGROUPS / "cgroup.controllers").exists():  # version 2; not tried on a machine that has it
        (CGROUPS / name).mkdir(exist_ok=True)
        return
    for hierarchy in _hierarchies():
        (hierarchy / name).mkdir(exist_ok=True)
    for setting in ("cpuset.cpus", "cpuset.mems"):
        (CGROUPS / "cpuset" / name / setting).write_text((CGROUPS / "cpuset" / setting).read_text())


def remove(name: str) -> bool:
    """Remove the cluster's groups, deepest first; False when something still lives in one."""
    roots = [CGROUPS / name, *(hierarchy / name for hierarchy in _hierarchies())]
    return wait_until(lambda: not [root for root in roots if not _removed(root)], 10.0)


def _removed(root: Path) -> bool:
    if not root.is_dir():
        return True
    for folder in sorted(
        (p for p in root.rglob("*") if p.is_dir()), key=lambda p: len(p.parts), reverse=True
    ):
        _rmdir(folder)
    return _rmdir(root)


def _rmdir(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _hierarchies() -> list[Path]:
    return [path for path in CGROUPS.iterdir() if path.is_dir() and (path / "cgroup.procs").exists()]
