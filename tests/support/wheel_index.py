"""A wheel index of static files (PEP 503), and small wheels to put into it."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from cluster.images.operator import PYTHON
from cluster.paths import cache

PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")


def wheel(name: str, version: str, text: str, scripts: Mapping[str, str] | None = None) -> bytes:
    """A wheel with one module, and commands that call functions of it."""
    out = io.BytesIO()
    info = f"{name}-{version}.dist-info"
    entry_points = "".join(f"{command} = {function}\n" for command, function in (scripts or {}).items())
    files = {
        f"{name}.py": text,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        **({f"{info}/entry_points.txt": f"[console_scripts]\n{entry_points}"} if scripts else {}),
    }
    record = "".join(f"{path},sha256={_digest(data)},{len(data)}\n" for path, data in files.items())
    with zipfile.ZipFile(out, "w") as archive:
        for path, data in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            archive.writestr(path, data)
    return out.getvalue()


def index(wheels: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files of an index, by path; `wheels`: file names to content."""
    files = {f"files/{name}": data for name, data in wheels.items()}
    pages: dict[str, str] = {}
    for name in wheels:
        project = re.sub(r"[-_.]+", "-", name.partition("-")[0]).lower()
        link = f'<a href="../../files/{name}">{name}</a>\n'
        pages[f"simple/{project}/index.html"] = pages.get(f"simple/{project}/index.html", "") + link
    return files | {path: page.encode() for path, page in pages.items()}


def downloaded(*requirements: str) -> dict[str, bytes]:
    """Wheels for the Python of the cluster's images, by pip, as this machine gets its packages; kept in the cache."""
    folder = cache() / "wheels" / hashlib.sha256(repr((PYTHON, requirements)).encode()).hexdigest()[:12]
    if not folder.exists():
        partial = folder.with_suffix(".partial")
        command = [
            sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--implementation", "cp",
            "--python-version", PYTHON, "--dest", str(partial), *requirements,
            *(part for platform in PLATFORMS for part in ("--platform", platform)),
        ]  # fmt: skip
        subprocess.run(command, check=True, timeout=300)
        partial.rename(folder)
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.whl"))}


def packed(files: Mapping[str, bytes]) -> bytes:
    """The files as a tar archive."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for path, data in files.items():
            info = tarfile.TarInfo(path)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def written(files: Mapping[str, bytes], folder: Path) -> Path:
    """The files below a folder."""
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
