"""Text from strangers, on a terminal."""

from __future__ import annotations


def visible(text: object) -> str:
    """One line without control characters: names, messages and values come from strangers."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text))
