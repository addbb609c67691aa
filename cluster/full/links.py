"""The network link between the host and a cluster, and the addresses of its two ends."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import Final

from cluster.errors import ClusterError
from cluster.prerequisites import search_path

NETWORKS: Final = Path("/sys/class/net")
LINKS: Final = 64
"""Point-to-point networks 10.245.255.0/30 and following, one a cluster."""


def free() -> int:
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


def name_of(cluster: str) -> str:
    """The host's end of the cluster's link: at most 15 characters, and never another cluster's."""
    return f"runop-{hashlib.sha256(cluster.encode()).hexdigest()[:8]}"


def join(cluster: str, number: int, pid: int) -> None:
    """Join the host and the network namespace of `pid`."""
    name = name_of(cluster)
    remove(cluster)
    _ip("link", "add", name, "type", "veth", "peer", "name", "host0", "netns", str(pid))
    _ip("addr", "add", f"{host_address(number)}/30", "dev", name)
    _ip("link", "set", name, "up")
    inside = ["nsenter", "-t", str(pid), "-n", _program()]
    for command in (
        ["addr", "add", f"{cluster_address(number)}/30", "dev", "host0"],
        ["link", "set", "host0", "up"],
    ):
        subprocess.run([*inside, *command], check=True)


def remove(cluster: str) -> None:
    """Both ends, if they are there."""
    name = name_of(cluster)
    if (NETWORKS / name).exists():
        subprocess.run([_program(), "link", "del", name], stderr=subprocess.DEVNULL, check=False)


def _ip(*arguments: str) -> str:
    done = subprocess.run([_program(), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def _program() -> str:
    return shutil.which("ip", path=search_path()) or "ip"
