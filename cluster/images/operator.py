"""The operator's own image: Debian's Python, the locked wheels, and the code of this tree."""

from __future__ import annotations

import compileall
import hashlib
import py_compile
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from cluster.errors import ClusterError
from cluster.images.archive import Layer
from cluster.paths import REPOSITORY, cache

LOCK: Final = REPOSITORY / "requirements" / "operator.lock"
CODE: Final = REPOSITORY / "operator" / "run_operator"
WHEELS_AT: Final = "opt/run-operator/lib"
CODE_AT: Final = "opt/run-operator/src"
ENVIRONMENT: Final = (
    f"PYTHONPATH=/{CODE_AT}:/{WHEELS_AT}",
    "PYTHONDONTWRITEBYTECODE=1",
    "PYTHONUNBUFFERED=1",
)
PYTHON: Final = "3.11"
"""The Python version of the image's Debian release; the wheels must match it."""


def inputs() -> Iterable[Path]:
    """What the image changes with."""
    files = (path for path in CODE.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return [LOCK, *sorted(files)]


def wheels() -> bytes:
    """A layer with the dependencies, as locked; kept in the cache until the lock changes."""
    recipe = f"{PYTHON}{Path(__file__).read_text()}".encode()
    digest = hashlib.sha256(LOCK.read_bytes() + recipe).hexdigest()[:16]
    kept = cache() / "images" / f"wheels-{digest}.tar"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as scratch:
            target = Path(scratch) / "lib"
            install(LOCK, target)
            kept.with_suffix(".partial").write_bytes(layer_of(target, WHEELS_AT))
            kept.with_suffix(".partial").rename(kept)
    return kept.read_bytes()


def code() -> bytes:
    """A layer with the operator itself."""
    with tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch) / "src"
        shutil.copytree(CODE, target / "run_operator", ignore=shutil.ignore_patterns("__pycache__"))
        return layer_of(target, CODE_AT)


def install(lock: Path, target: Path) -> None:
    """The wheels of a lock file, for the Python of the image. Raises ClusterError."""
    pip_install(
        lock, target, "--only-binary=:all:", "--python-version", PYTHON, "--implementation", "cp",
        *(flag for tag in ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
          for flag in ("--platform", tag)),
    )  # fmt: skip


def pip_install(lock: Path, target: Path, *flags: str) -> None:
    """`pip install` of a lock file into a folder. Raises ClusterError."""
    command = [
        sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--no-deps",
        "--no-compile", "--target", str(target), "-r", str(lock), *flags,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterError(f"installing the packages of {lock.name} failed: {done.stderr.strip()[-600:]}")


def layer_of(source: Path, at: str) -> bytes:
    """A folder as a layer. Compiled where the compiler is the image's own version: the file system of the pod is read-only."""
    if f"{sys.version_info.major}.{sys.version_info.minor}" == PYTHON:
        unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
        compileall.compile_dir(
            source, quiet=2, stripdir=str(source), prependdir=f"/{at}", invalidation_mode=unchecked
        )
    layer = Layer()
    layer.tree(source, at)
    return layer.tar()
