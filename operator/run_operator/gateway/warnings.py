"""Header `Warning` of an answer: keys of a Run's document that its kind does not use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from run_operator.api.raw import mapping
from run_operator.document.known_fields import not_used

AGENT: Final = "run-operator-gateway"
MISCELLANEOUS: Final = 299
"""The code of RFC 7234 for warnings of other kinds, as the API server sends it."""


def not_used_of(method: str, parts: Sequence[str], body: Any) -> list[str]:
    """Sentences about the Run's document that a request creates or changes; empty for other requests."""
    return not_used(mapping(body)) if method in ("POST", "PUT") and "runs" in parts[-2:] else []


def warning_header(sentences: Sequence[str]) -> dict[str, str]:
    """The header, with a value for each sentence; characters that a header cannot hold become `?`."""
    values = [f'{MISCELLANEOUS} {AGENT} "{_quoted(sentence)}"' for sentence in sentences]
    return {"Warning": ", ".join(values)} if values else {}


def _quoted(sentence: str) -> str:
    plain = "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in sentence)
    return plain.replace("\\", "\\\\").replace('"', '\\"')
