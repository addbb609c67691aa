"""What the full shape changes on the host, and how each change is taken back: cgroups, sysctls, one network link."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from cluster.errors import ClusterError
from cluster.locks import alone
from cluster.paths import cache
from cluster.prerequisites import search_path
from cluster.processes import wait_until

CGROUPS: Final = Path("/sys/fs/cgroup")
SYSCTLS: Final = ("kernel/panic", "kernel/panic_on_oops", "vm/overcommit_memory", "vm/panic_on_oom")
"""The kubelet sets these for the whole machine."""
NETWORKS: Final = Path("/sys/class/net")
LINKS: Final = 64
"""Point-to-point networks 10.245.255.0/30 and following, one a cluster."""


def make_cgroup(name: str) -> None:
    """An own root for the cluster's pods. Version 1: one a hierarchy, cpuset filled in by hand."""
    if (CGROUPS / "cgroup.controllers").exists():  # version 2; not tried on a machine that has it
        (CGROUPS / name).mkdir(exist_ok=True)
        return
    for hierarchy in _hierarchies():
        (hierarchy / name).mkdir(exist_ok=True)
    for setting in ("cpuset.cpus", "cpuset.mems"):
        (CGROUPS / "cpuset" / name / setting).write_text((CGROUPS / "cpuset" / setting).read_text())


def remove_cgroup(name: str) -> bool:
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


def _saved() -> Path:
    return cache() / "sysctls.json"


def _with_saved(change: Callable[[dict[str, Any]], None]) -> None:
    """Change what is saved about the host, one cluster at a time."""
    path = _saved()
    with alone(path.with_suffix(".lock")):
        held: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"users": [], "values": {}}
        change(held)
        path.write_text(json.dumps(held))


def save_sysctls(name: str) -> None:
    """Remember the values from before the first cluster."""

    def change(held: dict[str, Any]) -> None:
        if not held["users"]:
            held["values"] = {key: (Path("/proc/sys") / key).read_text().strip() for key in SYSCTLS}
        held["users"] = sorted({*held["users"], name})

    _with_saved(change)


def restore_sysctls(name: str) -> None:
    """Put them back when the last cluster is gone."""

    def change(held: dict[str, Any]) -> None:
        held["users"] = [user for user in held["users"] if user != name]
        if not held["users"]:
            for key, value in held["values"].items():
                (Path("/proc/sys") / key).write_text(value)
            held["values"] = {}

    if _saved().exists():
        _with_saved(change)


def free_link() -> int:
    """The number of a point-to-point network nobody uses."""
    used = _ip("-o", "-4", "addr", "show")
    for number in range(LINKS):
        if f" {host_address(number)}/" not in used:
            return number
    raise ClusterError(f"all {LINKS} networks between host and clusters are in use; take some clusters down")


def host_address(number: int) -> str:
    """The host's end."""
    return f"10.245.255.{4 * number + 1}"


def cluster_address(number: int) -> str:
    """The cluster's end."""
    return f"10.245.255.{4 * number + 2}"


def link_name(cluster: str) -> str:
    """The host's end of the cluster's link: at most 15 characters, and never another cluster's."""
    return f"runop-{hashlib.sha256(cluster.encode()).hexdigest()[:8]}"


def link(cluster: str, number: int, pid: int) -> None:
    """Join the host and the network namespace of `pid`."""
    name = link_name(cluster)
    remove_link(cluster)
    _ip("link", "add", name, "type", "veth", "peer", "name", "host0", "netns", str(pid))
    _ip("addr", "add", f"{host_address(number)}/30", "dev", name)
    _ip("link", "set", name, "up")
    inside = ["nsenter", "-t", str(pid), "-n", _program()]
    for command in (
        ["addr", "add", f"{cluster_address(number)}/30", "dev", "host0"],
        ["link", "set", "host0", "up"],
    ):
        subprocess.run([*inside, *command], check=True)


def remove_link(cluster: str) -> None:
    """Both ends, if they are there."""
    name = link_name(cluster)
    if (NETWORKS / name).exists():
        subprocess.run([_program(), "link", "del", name], stderr=subprocess.DEVNULL, check=False)


def _ip(*arguments: str) -> str:
    done = subprocess.run([_program(), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def _program() -> str:
    return shutil.which("ip", path=search_path()) or "ip"
