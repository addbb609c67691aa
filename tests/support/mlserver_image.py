"""MLServer's image for scikit-learn as the tests' cluster has it: Debian's Python, a shell, and the wheels of requirements/mlserver.lock."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path

from cluster.images import archive, python_runtime, rootfs
from cluster.images.archive import Config, Layer
from cluster.images.operator import install, layer_of
from cluster.paths import REPOSITORY, cache

LOCK = REPOSITORY / "requirements" / "mlserver.lock"
REFERENCE = "docker.io/seldonio/mlserver:1.6.0-sklearn"
"""The image that manifests/runtimes/sklearnserve.yaml names."""
PROGRAM = b"#!/usr/bin/python3\nfrom mlserver.cli import main\nmain()\n"


def mlserver_image() -> Path:
    """The archive; kept in the cache until the lock changes."""
    digest = hashlib.sha256(LOCK.read_bytes() + Path(__file__).read_bytes()).hexdigest()[:16]
    kept = cache() / "images" / f"mlserver-{digest}.tar"
    if not kept.exists():
        with tempfile.TemporaryDirectory() as scratch:
            target = Path(scratch) / "lib"
            install(LOCK, target)
            for folder in (found for pattern in python_runtime.DROPPED for found in target.glob(pattern)):
                shutil.rmtree(folder)
            packages = layer_of(target, python_runtime.PACKAGES_AT)
        program = Layer()
        program.file("usr/local/bin/mlserver", PROGRAM, 0o755)
        program.file("bin/sh", Path(shutil.which("busybox") or "/bin/busybox").read_bytes(), 0o755)
        config = Config(command=("mlserver", "start"), user="1000", env=("HOME=/tmp",))
        layers = [rootfs.python(python_runtime.LIBRARIES), packages, program.tar()]
        archive.write(kept, [REFERENCE], config, layers)
    return kept
