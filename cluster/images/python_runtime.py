"""The image that Python functions run in: Debian's Python and the packages of requirements/runtime.lock.

What images/python-runtime/Containerfile makes of the same lock for a registry, made here without a container engine. Debian has
one Python, so the tags of all versions are this one.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from cluster.images.operator import PYTHON, install, layer_of, pip_install
from cluster.paths import REPOSITORY, cache

LOCK: Final = REPOSITORY / "requirements" / "runtime.lock"
PACKAGES_AT: Final = "usr/local/lib/python3.11/dist-packages"
"""On Debian's sys.path whatever PYTHONPATH says."""
LIBRARIES: Final = "libstdc++6"
"""Of Debian: what wheels of compiled packages are linked with."""
SOURCES: Final = ("jsonpath-rw",)
"""Packages that are published without a wheel; pure Python, so that any Python can build them."""
DROPPED: Final = ("pandas/tests", "numpy/tests", "numpy/*/tests", "scipy/tests", "scipy/*/tests", "pyarrow/tests", "pyarrow/include",
                  "networkx/*/tests", "pandas-stubs", "polars/tests")  # fmt: skip
"""Files that a function does not need: a quarter of all."""


def inputs() -> Iterable[Path]:
    """What the image changes with."""
    return [LOCK]


def split(lock: str) -> tuple[str, str]:
    """The lock of what has wheels, and that of what has none."""
    blocks = re.split(r"^(?=[a-z])", lock, flags=re.MULTILINE)
    sources = [block for block in blocks if block.startswith(tuple(f"{name}==" for name in SOURCES))]
    return "".join(block for block in blocks if block not in sources), "".join(sources)


def packages() -> bytes:
    """A layer with the packages, as locked; kept in the cache until the lock changes, since it takes a minute."""
    recipe = repr((PYTHON, PACKAGES_AT, SOURCES, DROPPED)).encode()
    digest = hashlib.sha256(recipe + LOCK.read_bytes()).hexdigest()[:16]
    kept = cache() / "images" / f"python-runtime-packages-{digest}.layer"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as scratch:
            target = Path(scratch) / "lib"
            wheels, sources = Path(scratch) / "wheels.lock", Path(scratch) / "sources.lock"
            for path, lines in zip((wheels, sources), split(LOCK.read_text()), strict=True):
                path.write_text(lines)
            install(wheels, target)
            pip_install(sources, target)
            for pattern in DROPPED:
                for folder in target.glob(pattern):
                    shutil.rmtree(folder)
            partial = kept.with_suffix(".partial")
            partial.write_bytes(layer_of(target, PACKAGES_AT))
            partial.rename(kept)
    return kept.read_bytes()
