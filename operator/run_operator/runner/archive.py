"""Unpacking a zip file: within its folder, within bounds."""

from __future__ import annotations

import os
import stat
import zipfile
import zlib
from typing import IO

from .errors import INVALID_SOURCE, RunnerError

MAX_FILES = 20_000
MAX_BYTES = 2 << 30
"""Bytes of all files, unpacked: counted as they are written, since a header may lie."""
CHUNK = 1 << 20
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, RuntimeError, ValueError)
"""OSError: a name that is too long, a file where a folder should be, a disk that is full."""


def unpack(path: str, folder: str, max_bytes: int = MAX_BYTES, max_files: int = MAX_FILES) -> None:
    """Unpack the zip file into the folder. Raises RunnerError for one that is broken, too large or leaves the folder."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > max_files:
                raise _refused(f"it holds {len(members)} files; at most {max_files} are unpacked")
            for member in members:
                inside(folder, member.filename)
            left = max_bytes
            for member in members:
                left -= _write(archive, member, folder, left, max_bytes)
    except BROKEN as error:
        raise _refused(f"it is not a zip file that can be read: {error}") from error


def inside(folder: str, name: str) -> str:
    """The path of a file below the folder. Raises RunnerError for one that is not."""
    root = os.path.realpath(folder)
    clean = name.replace("\\", "/")
    target = os.path.realpath(os.path.join(root, clean))
    parts = clean.split("/")
    if clean.startswith("/") or ".." in parts or "\0" in clean or not target.startswith(root + os.sep):
        raise RunnerError(INVALID_SOURCE, f"the file name {name[:120]!r} leaves the folder of the source")
    return target


def _write(archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: str, left: int, most: int) -> int:
    target = inside(folder, member.filename)
    mode = member.external_attr >> 16
    if member.is_dir():
        os.makedirs(target, exist_ok=True)
        return 0
    if stat.S_ISLNK(mode):
        raise _refused(f"it holds the symbolic link {member.filename[:120]!r}")
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with archive.open(member) as source, open(target, "wb") as file:
        written, complete = _copy(source, file, left)
    if not complete:
        raise _refused(f"it holds more than {most} bytes unpacked")
    if mode & 0o111:
        os.chmod(target, 0o755)  # noqa: S103 - a program of the source stays one
    return written


def _copy(source: IO[bytes], target: IO[bytes], most: int) -> tuple[int, bool]:
    """Bytes written, and whether that was all of it."""
    written = 0
    while True:
        data = source.read(CHUNK)
        if not data:
            return written, True
        written += len(data)
        if written > most:
            return written, False
        target.write(data)


def _refused(why: str) -> RunnerError:
    return RunnerError(INVALID_SOURCE, f"the archive of the source is not unpacked: {why}")
