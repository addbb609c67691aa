"""Root file systems: Debian's static busybox, and Debian's Python, from the host's own package sources."""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Final

from cluster.errors import ClusterError
from cluster.images.archive import Layer
from cluster.paths import cache

USERS: Final = b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\nuser:x:1000:1000:user:/tmp:/bin/sh\n"
GROUPS: Final = b"root:x:0:\nnogroup:x:65534:\nuser:x:1000:\n"
DROPPED: Final = re.compile(
    r"\./(usr/share/(doc|man|locale|info|lintian|bash-completion|python-wheels)/.|var/(cache|lib/apt|lib/dpkg|log)/.|dev/.)"
)
PYTHON_PACKAGES: Final = "python3,ca-certificates"
TIMEOUT: Final = 300
"""Seconds for Debian's packages to be fetched and unpacked."""


def busybox() -> bytes:
    """A layer with every applet of the host's static busybox."""
    program = shutil.which("busybox")
    if program is None:
        raise ClusterError("busybox is missing; run: apt-get install busybox-static")
    layer = _base()
    layer.file("bin/busybox", Path(program).read_bytes(), 0o755)
    listed = subprocess.run([program, "--list"], capture_output=True, text=True, check=True)
    for applet in listed.stdout.split():
        if applet != "busybox":
            layer.link(f"bin/{applet}", "/bin/busybox")
    return layer.tar()


def python(more: str = "") -> bytes:
    """A layer with Debian's Python and its standard library, and `more` packages; kept in the cache, as it takes a while."""
    packages = f"{PYTHON_PACKAGES},{more}" if more else PYTHON_PACKAGES
    kept = cache() / "images" / f"rootfs-{_release(packages)}.tar"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as scratch:
            whole = Path(scratch) / "whole.tar"
            _bootstrap(whole, packages)
            trimmed = Path(scratch) / "trimmed.tar"
            trimmed.write_bytes(_trimmed(whole))
            trimmed.rename(kept)
    return kept.read_bytes()


def _base() -> Layer:
    layer = Layer()
    layer.folder("tmp", 0o1777)
    layer.folder("root", 0o700)
    layer.file("etc/passwd", USERS)
    layer.file("etc/group", GROUPS)
    return layer


def _bootstrap(target: Path, packages: str) -> None:
    command = [
        "mmdebstrap",
        "--variant=extract",
        f"--include={packages}",
        "--quiet",
        _codename(),
        str(target),
    ]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,  # nothing there: mmdebstrap takes the host's own package sources
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT,
    )
    if done.returncode:
        raise ClusterError(f"mmdebstrap failed: {done.stderr.strip()[-600:]}")


def _trimmed(whole: Path) -> bytes:
    """Without documentation, caches and devices; users and /usr/local/bin/python added; the same bytes each time."""
    extra = _base()
    for name in ("python", "python3"):
        extra.link(f"usr/local/bin/{name}", "/usr/bin/python3")
    out = io.BytesIO()
    with (
        tarfile.open(whole) as source,
        tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as target,
    ):
        kept = [info for info in source if not DROPPED.match(info.name) and not info.isdev()]
        for info in sorted(kept, key=lambda info: info.name):
            data = source.extractfile(info) if info.isreg() else None
            info.mtime, info.uname, info.gname, info.pax_headers = 0, "", "", {}
            target.addfile(info, data)
        for path, (info, content) in sorted(extra.entries.items()):
            info.name = f"./{path}"
            target.addfile(info, io.BytesIO(content))
    return out.getvalue()


def _codename() -> str:
    for line in Path("/etc/os-release").read_text().splitlines():
        if line.startswith("VERSION_CODENAME="):
            return line.partition("=")[2].strip('"')
    raise ClusterError("/etc/os-release names no VERSION_CODENAME; the images need a Debian-like system")


def _release(packages: str) -> str:
    recipe = f"{packages} {DROPPED.pattern} {USERS!r}"
    return f"{_codename()}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}-{os.uname().machine}"
