"""A chart of braille dots, two by four to a character: small enough for a terminal, fine enough for a loss curve."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from typing import Final

ROWS: Final = 8
LABEL: Final = 11
DOTS: Final = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
BLANK: Final = 0x2800

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
        label = f"{high:.4g}" if number == 0 else f"{low:.4g}" if number == ROWS - 1 else ""
        yield f"{label:>{LABEL}} ┤{''.join(chr(BLANK + cell) for cell in row)}".rstrip("\u2800")


def _grid(values: Values, low: float, high: float, columns: int) -> list[list[int]]:
    grid = [[0] * columns for _ in range(ROWS)]
    wide, tall = columns * 2, ROWS * 4
    for at, value in enumerate(values):
        if value is None:
            continue
        x = at * (wide - 1) // max(1, len(values) - 1)
        share = 0.5 if high == low else (value / 2 - low / 2) / (high / 2 - low / 2)  # halves: no overflow
        y = round((1 - share) * (tall - 1))
        grid[y // 4][x // 2] |= DOTS[y % 4][x % 2]
    return grid
