"""What programs write, without what a browser or a terminal would obey; colours stay, as the codes that they are."""

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
    """UTF-8 with line feeds, carriage returns, tabs and colours, and no other control characters."""
    text = written.decode("utf-8", "replace")
    return _ESCAPES.sub(_kept, text).encode() if _ESCAPES.search(text) else text.encode()


def _kept(found: re.Match[str]) -> str:
    return found[0] if _COLOUR.fullmatch(found[0]) else ""


class SafeLines:
    """The same of a stream: an escape sequence or a letter that is cut between two pieces is put together again."""

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
        """What no line feed ended."""
        rest, self._rest = self._rest, b""
        return safe(rest)
