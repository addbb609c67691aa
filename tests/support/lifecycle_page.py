"""The tables of docs/lifecycle.md, as tests read them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "lifecycle.md"


def table(heading: str) -> list[list[str]]:
    """The rows of the first table below a heading, without its head."""
    lines = PAGE.read_text().split(f"\n## {heading}\n")[1].splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("|---"))
    rows: list[list[str]] = []
    for line in lines[first + 1 :]:
        if not line.startswith("|"):
            return rows
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


@cache
def transitions() -> dict[tuple[str, str], str]:
    """From a state to another one: the letter of the arrow."""
    return {
        (before, after): letter
        for letter, sources, after, _ in table("States")
        for before in sources.split(", ")
    }
