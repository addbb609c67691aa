"""A chart of braille dots, two by four to a character: small enough for a terminal, fine enough for a loss curve."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Final

from run_operator.client.terminal_text import short

ROWS: Final = 8
LABEL: Final = 11
DOTS: Final = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
BLANK: Final = 0x2800
TALL: Final = 16
LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

Values = Sequence[float | None]


def chart(values: Values, width: int | None = None) -> Iterator[str]:
    """Lines of at most `width` characters (default: the terminal's). Missing values leave gaps."""
    numbers = [value for value in values if value is not None]
    if not numbers:
        yield "  (no number)"
        return
    low, high = min(numbers), max(numbers)
    columns = max(10, min((width or shutil.get_terminal_size().columns) - LABEL - 2, 100))
    grid = _grid(values, low, high, columns)
    for number, row in enumerate(grid):
        label = short(high) if number == 0 else short(low) if number == ROWS - 1 else ""
        yield f"{label:>{LABEL}} ┤{''.join(chr(BLANK + cell) for cell in row)}".rstrip("\u2800")


def overlay(title: str, series: Mapping[str, Values], width: int | None = None) -> Iterator[str]:
    """Several lists in one chart, each drawn with its letter; `*` where they meet. A legend is below the chart."""
    numbers = [value for values in series.values() for value in values if value is not None]
    yield title
    if not numbers:
        yield "  (no number)"
        return
    low, high = min(numbers), max(numbers)
    columns = max(10, min((width or shutil.get_terminal_size().columns) - LABEL - 2, 100))
    longest = max(len(values) for values in series.values())
    grid = [[" "] * columns for _ in range(TALL)]
    for letter, values in zip(LETTERS, series.values(), strict=False):
        for at, value in enumerate(values):
            if value is None:
                continue
            row = round((1 - _share(value, low, high)) * (TALL - 1))
            column = at * (columns - 1) // max(1, longest - 1)
            grid[row][column] = letter if grid[row][column] in (" ", letter) else "*"
    for number, line in enumerate(grid):
        label = short(high) if number == 0 else short(low) if number == TALL - 1 else ""
        yield f"{label:>{LABEL}} |{''.join(line)}".rstrip()
    for letter, (name, values) in zip(LETTERS, series.items(), strict=False):
        yield f"{letter:>{LABEL}}  {name} ({len(values)} value{'' if len(values) == 1 else 's'})"
    if len(series) > len(LETTERS):
        yield f"{'':>{LABEL}}  and {len(series) - len(LETTERS)} more, not drawn"


def _share(value: float, low: float, high: float) -> float:
    """Exactly: as floats, the difference of large numbers may be nothing, and that of very large ones infinite."""
    if high == low:
        return 0.5
    return float((Fraction(value) - Fraction(low)) / (Fraction(high) - Fraction(low)))


def _grid(values: Values, low: float, high: float, columns: int) -> list[list[int]]:
    grid = [[0] * columns for _ in range(ROWS)]
    wide, tall = columns * 2, ROWS * 4
    for at, value in enumerate(values):
        if value is None:
            continue
        x = at * (wide - 1) // max(1, len(values) - 1)
        y = round((1 - _share(value, low, high)) * (tall - 1))
        grid[y // 4][x // 2] |= DOTS[y % 4][x % 2]
    return grid
