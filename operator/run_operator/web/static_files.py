"""The built page. All files are in memory, so that no other file can be requested."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "static"
TYPES: Final[Mapping[str, str]] = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".json": "application/json",
    ".txt": "text/plain",
}
PACKED: Final = frozenset({".html", ".js", ".css", ".svg", ".json", ".txt"})
_HASHED: Final = re.compile(r".+-[0-9A-Za-z_]{8,}\.[a-z0-9]+")
FOREVER: Final = "public, max-age=31536000, immutable"
ASK: Final = "no-cache"
INDEX: Final = "index.html"


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file as it is sent."""

    content_type: str
    body: bytes
    packed: bytes
    """The content as gzip; empty if that is not smaller."""
    tag: str
    cache: str


def load(folder: Path = FOLDER) -> dict[str, StaticFile]:
    """Name to file, for the files directly in this folder. A file of an unknown type is left out."""
    return {
        path.name: _file(path)
        for path in sorted(folder.iterdir())
        if path.suffix in TYPES and path.is_file() and not path.is_symlink()
    }


def _file(path: Path) -> StaticFile:
    body = path.read_bytes()
    packed = gzip.compress(body, 9, mtime=0) if path.suffix in PACKED else b""
    return StaticFile(
        TYPES[path.suffix],
        body,
        packed if len(packed) < len(body) else b"",
        f'"{hashlib.sha256(body).hexdigest()[:24]}"',
        FOREVER if _HASHED.fullmatch(path.name) else ASK,
    )
