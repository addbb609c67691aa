"""What the machine must have, each thing that is missing in one line, before anything starts."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cluster import current
from cluster.build import go
from cluster.errors import ClusterError
from cluster.paths import cache

OLDEST_PYTHON: Final = (3, 11)
GIB: Final = 2**30
DISK: Final = {"full": 12 * GIB, "control-plane": 8 * GIB}
"""Free space for the Go build cache, the binaries and the images, measured and rounded up."""
PACKAGES: Final = {
    "runc": "runc",
    "iptables": "iptables",
    "mmdebstrap": "mmdebstrap",
    "busybox-static": "busybox",
    "iproute2": "ip",
    "util-linux": "unshare",
}
"""Debian package to the program that shows it is there."""
PAGE_PACKAGES: Final = {
    "chromium": "chromium",
    "chromium-driver": "chromedriver",
    "nodejs": "node",
    "npm": "npm",
}
"""The same, of the tests of the page of Runs: a browser, and what runs the page's unit tests."""
CONTROLLERS: Final = ("cpu", "cpuset", "memory", "pids")
CGROUPS: Final = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Problem:
    """One thing that is missing; `line` says what, and what helps."""

    line: str


def check(shape: str) -> list[Problem]:
    """All problems at once, so that a person meets each of them only once."""
    found = [*_python(), *_disk(shape), *_go()]
    return [*found, *_root(), *_packages(), *_cgroups()] if shape == "full" else found


def missing_packages(packages: Mapping[str, str] = PACKAGES) -> list[str]:
    """Debian packages whose program is not there."""
    return [package for package, program in packages.items() if not shutil.which(program, path=search_path())]


def search_path() -> str:
    """Where programs are looked for: Debian's `su` leaves a root whose PATH has no sbin."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def install(say: Callable[[str], None], packages: Mapping[str, str] = PACKAGES) -> None:
    """Install the missing Debian packages, as root with apt-get. Raises ClusterError."""
    missing = missing_packages(packages)
    if not missing:
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise ClusterError(f"missing Debian packages: {' '.join(missing)}; install them as root")
    say(f"installing Debian packages: {' '.join(missing)}")
    for command in (
        ["apt-get", "update", "-q"],
        ["apt-get", "install", "-yq", "--no-install-recommends", *missing],
    ):
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ClusterError(f"{' '.join(command)} failed: {(done.stderr or done.stdout).strip()[-600:]}")


def _python() -> list[Problem]:
    if sys.version_info >= OLDEST_PYTHON:
        return []
    return [
        Problem(
            f"Python {'.'.join(map(str, OLDEST_PYTHON))} or newer is needed; this is {sys.version.split()[0]}"
        )
    ]


def _disk(shape: str) -> list[Problem]:
    place = cache()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    need = DISK[shape] if not (cache() / "bin").exists() else 2 * GIB
    if free >= need:
        return []
    return [
        Problem(
            f"{need // GIB} GiB of free disk are needed at {place}, there are {free / GIB:.1f}; set RUN_OPERATOR_CACHE"
        )
    ]


def _go() -> list[Problem]:
    try:
        go()
    except ClusterError as error:
        return [Problem(str(error))]
    return []


def _root() -> list[Problem]:
    if os.geteuid() == 0:
        return []
    return [Problem("the shape full needs root; run it with sudo, or use --shape control-plane")]


def _packages() -> list[Problem]:
    packages = missing_packages()
    if not packages:
        return []
    return [Problem(f"Debian packages are missing; run: apt-get install {' '.join(packages)}")]


def _cgroups() -> list[Problem]:
    """Version 1 has a folder a controller, version 2 one file that names them."""
    unified = CGROUPS / "cgroup.controllers"
    there = (
        unified.read_text().split()
        if unified.exists()
        else [c for c in CONTROLLERS if (CGROUPS / c).is_dir()]
    )
    lacking = [controller for controller in CONTROLLERS if controller not in there]
    return [Problem(f"the cgroup controller {name} is not available under {CGROUPS}") for name in lacking]


def _install_for_page() -> None:
    try:
        install(print, PAGE_PACKAGES)
    except ClusterError as error:
        sys.exit(f"the page's tests: {error}")


def main() -> None:
    """`python -m cluster.prerequisites [--install] --shape S`: say what is missing, or install it. `--page`: for its tests."""
    parser = argparse.ArgumentParser(prog="python -m cluster.prerequisites")
    parser.add_argument("--shape", choices=sorted(DISK), default="full")
    parser.add_argument("--install", action="store_true", help="install missing Debian packages (root)")
    parser.add_argument("--page", action="store_true", help="install what the tests of the page need (root)")
    chosen = parser.parse_args()
    if chosen.page:
        _install_for_page()
        return
    if current.chosen():
        return  # nothing is built or started here
    try:
        if chosen.install and chosen.shape == "full":
            install(print)
    except ClusterError as error:
        sys.exit(f"cluster: {error}")
    problems = check(chosen.shape)
    for problem in problems:
        print(f"cluster: {problem.line}", file=sys.stderr)
    sys.exit(2 if problems else 0)


if __name__ == "__main__":
    main()
