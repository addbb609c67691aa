"""A builder of OCI images with a store of its own, and a base image from the launcher's Debian."""

from __future__ import annotations

import ensurepip
import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cluster.images import rootfs
from tests.support.harness import REPOSITORY

BASE = "localhost/python:test"
SETTINGS = (Path("/etc/ssl/certs"), Path("/etc/pip.conf"))
"""Of this machine: where its pip finds packages."""
LOCKED_BY_DEBIAN = "/usr/lib/python3.11/EXTERNALLY-MANAGED"
"""Debian's pip installs nothing beside its packages; the images of Docker's library have no such file."""


class Buildah:
    """A store of its own below `folder`; no root daemon, no registry."""

    def __init__(self, folder: Path) -> None:
        store = ["--root", str(folder / "store"), "--runroot", str(folder / "run"), "--storage-driver", "vfs"]
        self._command = ["buildah", *store]

    def __call__(self, *arguments: str | Path, seconds: float = 600) -> str:
        command = [*self._command, *map(str, arguments)]
        done = subprocess.run(
            command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=seconds
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout[-1000:]}{done.stderr[-1000:]}"
        return done.stdout.strip()

    def build(self, image: str, *arguments: str) -> None:
        """An image of a Containerfile, with BASE as its Python."""
        volumes = [part for one in SETTINGS if one.exists() for part in ("--volume", f"{one}:{one}:ro")]
        self(
            "bud", "--isolation", "chroot", "--network", "host", "--pull-never", *volumes, "--layers=false",
            "--build-arg", f"PYTHON={BASE}", "-t", image, *arguments, ".",
        )  # fmt: skip

    def config(self, image: str) -> dict[str, Any]:
        """How the image runs."""
        found: dict[str, Any] = json.loads(self("inspect", "--type", "image", image))["OCIv1"]["config"]
        return found


@contextmanager
def builder(folder: Path, packages: str = "", absent: Iterable[str] = ()) -> Iterator[Buildah]:
    """With the base image: Debian's Python, a shell, and the pip that comes with Python.

    `packages`: more of Debian. `absent`: programs of Docker's images that are made to do nothing.
    """
    one = Buildah(folder)
    (folder / "rootfs.tar").write_bytes(rootfs.python(packages))
    (wheel,) = (Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "pip")
    (folder / "nothing").write_text("#!/bin/sh\n")
    (folder / "nothing").chmod(0o755)
    busybox = shutil.which("busybox") or "/bin/busybox"
    base = one("from", "scratch")
    one("add", "-q", base, folder / "rootfs.tar", "/")
    one("add", "-q", base, folder / "pip", "/usr/lib/python3/dist-packages")
    one("copy", "-q", base, busybox, "/bin/sh")
    one("copy", "-q", base, busybox, "/bin/rm")
    for name in absent:
        one("copy", "-q", base, folder / "nothing", f"/usr/bin/{name}")
    one("run", "--isolation", "chroot", base, "--", "/bin/rm", "-f", LOCKED_BY_DEBIAN)
    one("commit", "-q", base, BASE)
    try:
        yield one
    finally:
        one("rm", "--all")
        one("rmi", "--all", "--force")


def missing() -> str:
    """Why no image can be built here; empty: nothing is missing."""
    if shutil.which("buildah") is None:
        return "apt-get install buildah"
    return "" if os.geteuid() == 0 else "needs root"
