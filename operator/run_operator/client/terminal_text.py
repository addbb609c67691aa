"""Text from strangers, on a terminal."""

from __future__ import annotations

from decimal import Decimal


def visible(text: object) -> str:
    """One line without control characters: names, messages and values come from strangers."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text))


def short(number: float, digits: int = 4) -> str:
    """So many digits of it; also of a whole number that no float can hold."""
    try:
        return f"{number:.{digits}g}"
    except OverflowError:
        return f"{Decimal(number):.{digits}g}"
