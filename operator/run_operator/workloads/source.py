"""`spec.source`: the file that travels inside the document, put into the container's working files."""

from __future__ import annotations

import base64
import binascii
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from run_operator.document.known_fields import NOT_HELD
from run_operator.workloads import fields
from run_operator.workloads.fields import InvalidSpecError, UnsupportedError

FOLDER: Final = "/shared"
"""The folder of a run's working files, as on the platform."""
MAX_BYTES: Final = 700 * 1024
"""A ConfigMap holds 1 MiB, and base64 adds a third."""
KEY: Final = "source"
DEFAULT_NAMES: Final = {"python": "main.py", "sql": "main.sql", "dockerfile": "Dockerfile"}
PATH: Final = f"{fields.ROOT}.source"


@dataclass(frozen=True, slots=True)
class Source:
    """One file: its path below /shared and its bytes."""

    path: str
    data: bytes


def source(spec: Mapping[str, Any]) -> Source | None:
    """The document's file, if it carries one. Raises UnsupportedError for one that lies elsewhere."""
    given = fields.mapping(spec, "source")
    name = fields.text(given, "source", PATH) or ""
    if "://" in name:
        raise UnsupportedError(
            "UnsupportedSource",
            f"{PATH}.source: {_shown(name)} is an address, which this kind does not fetch; "
            f"put the code into an image or into {PATH}.base64",
        )
    data = content(given)
    if data is None:
        return None
    if len(data) > MAX_BYTES:
        raise InvalidSpecError(PATH, f"holds {len(data)} bytes; at most {MAX_BYTES} can be part of a Run")
    lang = fields.text(given, "lang", PATH) or ""
    return Source(_safe(name or DEFAULT_NAMES.get(lang, "source")), data)


def left_out(spec: Mapping[str, Any]) -> list[str]:
    """Sentences about a named file whose content the document does not hold."""
    given = fields.mapping(spec, "source")
    if not given.get("source") or content(given) is not None:
        return []
    name = str(given["source"])[:200]
    return [f"{PATH} names {name} {NOT_HELD}"]


def is_name_alone(given: Mapping[str, Any]) -> bool:
    """Whether it names a file and neither holds it nor says where it is."""
    return not given.get("base64") and not given.get("code") and "://" not in str(given.get("source") or "")


def content(given: Mapping[str, Any]) -> bytes | None:
    """The bytes in the source's `base64` or `code`. Raises InvalidSpecError."""
    encoded, code = fields.long_text(given, "base64", PATH), fields.long_text(given, "code", PATH)
    if encoded:
        try:
            return base64.b64decode(
                "".join(encoded.split()), validate=True
            )  # the command base64 breaks lines
        except (binascii.Error, ValueError) as error:
            raise InvalidSpecError(f"{PATH}.base64", f"is not base64: {error}") from error
    return code.encode("utf-8", "surrogatepass") if code else None


def _shown(address: str) -> str:
    """Without credentials: the scheme and the host."""
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{rest.partition('/')[0].rpartition('@')[2]}"[:200]


def _safe(name: str) -> str:
    clean = posixpath.normpath(name)
    bad = clean.startswith(("/", "..")) or clean == "." or "\0" in clean or ":" in clean or len(clean) > 255  # noqa: PLR2004
    if bad or not clean.isprintable():
        raise InvalidSpecError(
            f"{PATH}.source", f"{name[:80]!r} is not a file below {FOLDER}; use a relative path"
        )
    return clean
