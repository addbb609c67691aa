"""Texts of programs without control characters that a browser or terminal would obey; codes of colours stay."""

from __future__ import annotations

import re
from typing import Final

_ESCAPES: Final = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, and moves of the cursor
    r"|\x1b[\]P^_X][^\x07\x1b]*(?:\x07|\x1b\\)?"  # titles, links and other texts for the terminal
    r"|\x1b[ -/]*[0-~]?"
    r"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)
_COLOUR: Final = re.compile(r"\x1b\[[0-9;:]{0,40}m")


def safe(written: bytes) -> bytes:
    """The text with line feeds, carriage returns, tabs and colours, and without other control characters."""
    text = written.decode("utf-8", "replace")
    return _ESCAPES.sub(_kept, text).encode() if _ESCAPES.search(text) else text.encode()


def _kept(found: re.Match[str]) -> str:
    return found[0] if _COLOUR.fullmatch(found[0]) else ""


class SafeLines:
    """The same for a stream: an escape sequence or a letter may be divided between two pieces."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._rest = b""

    def take(self, piece: bytes) -> bytes:
        """All whole lines so far."""
        whole, end, rest = (self._rest + piece).rpartition(b"\n")
        if len(rest) > self._longest:
            whole, end, rest = whole + end + rest, b"", b""
        self._rest = rest
        return safe(whole + end)

    def end(self) -> bytes:
        """The last line, without a line feed."""
        rest, self._rest = self._rest, b""
        return safe(rest)
