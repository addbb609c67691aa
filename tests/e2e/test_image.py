"""The Containerfile, built by a real builder of OCI images, on the launcher's Debian as its base."""

from __future__ import annotations

import ensurepip
import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.images import rootfs
from run_operator import __version__
from tests.support.harness import REPOSITORY

pytestmark = pytest.mark.skipif(shutil.which("buildah") is None, reason="apt-get install buildah")
BASE = "localhost/python:test"
IMAGE = "localhost/run-operator:test"
PIP = Path("/etc/pip.conf")


class Buildah:
    """A store of its own below `folder`; no root daemon, no registry."""

    def __init__(self, folder: Path) -> None:
        store = ["--root", str(folder / "store"), "--runroot", str(folder / "run"), "--storage-driver", "vfs"]
        self._command = ["buildah", *store]

    def __call__(self, *arguments: str | Path) -> str:
        command = [*self._command, *map(str, arguments)]
        done = subprocess.run(
            command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=600
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout[-1000:]}{done.stderr[-1000:]}"
        return done.stdout.strip()


@pytest.fixture
def buildah(tmp_path: Path) -> Iterator[Buildah]:
    """With a base image: Debian's Python, a shell, and the pip that comes with Python."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    one = Buildah(tmp_path)
    (tmp_path / "rootfs.tar").write_bytes(rootfs.python())
    (wheel,) = (Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "pip")
    base = one("from", "scratch")
    one("add", "-q", base, tmp_path / "rootfs.tar", "/")
    one("add", "-q", base, tmp_path / "pip", "/usr/lib/python3/dist-packages")
    one("copy", "-q", base, shutil.which("busybox") or "/bin/busybox", "/bin/sh")
    one("commit", "-q", base, BASE)
    yield one
    one("rm", "--all")
    one("rmi", "--all", "--force")


@pytest.mark.timeout(900)
def test_the_containerfile_makes_an_image_that_runs_as_nobody(buildah):
    settings = [file for file in (Path("/etc/ssl/certs"), PIP) if file.exists()]
    volumes = [part for file in settings for part in ("--volume", f"{file}:{file}:ro")]
    buildah(
        "bud", "--isolation", "chroot", "--network", "host", "--pull-never", *volumes,
        "--build-arg", f"PYTHON={BASE}", "-t", IMAGE, ".",
    )  # fmt: skip
    config = json.loads(buildah("inspect", "--type", "image", IMAGE))["OCIv1"]["config"]
    assert config["User"] == "65532:65532"
    container = buildah("from", "--pull-never", IMAGE)
    for module in ("run_operator", "run_operator.gateway"):
        said = buildah("run", "--isolation", "chroot", container, "--", "python3", "-m", module, "--version")
        assert said.endswith(f"version {__version__}")
    user = buildah(
        "run", "--isolation", "chroot", container, "--", "python3", "-c", "import os; print(os.getuid())"
    )
    assert user == "65532"
