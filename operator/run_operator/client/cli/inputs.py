"""From what a person names (files, folders, `-`) to bytes, within bounds."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from run_operator.document.yaml_reader import MAX_BYTES

SUFFIXES: Final = (".yaml", ".yml")
STDIN: Final = "-"


class InputError(Exception):
    """`name` cannot be read; the text says why."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(problem)
        self.name = name


@dataclass(frozen=True, slots=True)
class Input:
    """One thing to read; `name` is how errors call it."""

    name: str
    path: Path | None

    def read(self) -> bytes:
        """At most one byte more than a document may have. Raises InputError."""
        if self.path is None:
            return _standard_input()
        try:
            # Without O_NONBLOCK, opening a pipe without a writer would block.
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise InputError(self.name, _said(error)) from error
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise InputError(self.name, "this is not a regular file")
            return file.read(MAX_BYTES + 1)


def inputs(names: tuple[str, ...]) -> Iterator[Input | InputError]:
    """Every file named, and every *.yaml and *.yml directly inside every folder named, in order."""
    for position, name in enumerate(names):
        if name == STDIN and STDIN in names[:position]:
            yield InputError("standard input", "it can be named only once")
        elif name == STDIN:
            yield Input("standard input", None)
        elif not name:
            yield InputError("''", "the file name is empty; is a shell variable unset?")
        elif os.path.isdir(name):  # noqa: PTH112 - Path.is_dir raises for a name that is too long
            yield from _folder(Path(name))
        else:
            yield Input(name, Path(name))


def _folder(folder: Path) -> Iterator[Input | InputError]:
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES and not path.is_dir())
    except OSError as error:
        yield InputError(str(folder), _said(error))
        return
    if not found:
        yield InputError(
            str(folder), f"no {' or '.join('*' + suffix for suffix in SUFFIXES)} file is in this folder"
        )
    yield from (Input(str(path), path) for path in found)


def _standard_input() -> bytes:
    if sys.stdin is None:
        raise InputError("standard input", "it is closed")
    try:
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError("standard input", _said(error)) from error


def _said(error: OSError) -> str:
    return error.strerror or str(error)
