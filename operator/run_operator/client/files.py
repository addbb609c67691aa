"""Exported files: written whole or not at all, read within bounds."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from run_operator.client.errors import EntityError
from run_operator.document.entity import Entity, load
from run_operator.document.errors import DocumentError
from run_operator.document.kinds import EntityType
from run_operator.document.names import object_name
from run_operator.document.yaml_reader import MAX_BYTES
from run_operator.document.yaml_writer import write

MAX_FILE_NAME: Final = 255


def export_path(folder: Path, run_id: str) -> Path:
    """`runs-<id>.yaml`; an id too long for a file name is shortened as an object's name is."""
    name = f"runs-{run_id}.yaml"
    return folder / (name if len(name) <= MAX_FILE_NAME else f"runs-{object_name(run_id)}.yaml")


def write_document(path: Path, document: Mapping[str, Any]) -> None:
    """Whoever reads the file, and whenever, gets a whole one: the old or the new. Raises OSError.

    The SDK's layout, but every text that some YAML reader takes for a number or a date is quoted.
    """
    temporary = path.with_name(f".{secrets.token_hex(8)}.partial")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(write(dict(document)))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        # By the name that was asked for, not by that of a file nobody knows of.
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def read_run(path: str | Path) -> Entity:
    """The Run in an exported file. Raises EntityError, with the file and the line, and OSError."""
    # Not blocking: a pipe nobody writes to must not hang.
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        data = file.read(MAX_BYTES + 1) or b""
    try:
        entity = load(data)
    except DocumentError as error:
        where = f"{path}:{error.line}" if error.line else str(path)
        raise EntityError(f"{where}: {error}") from error
    if entity.type is not EntityType.RUN:
        raise EntityError(f"{path}: this is a {entity.type.value}, not a Run; apply it with runctl apply")
    return entity
