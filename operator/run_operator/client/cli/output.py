"""How things are shown: columns, colours, JSON and YAML."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

import click

from run_operator.client.terminal_text import visible

COLOURS: Final = {
    "RUNNING": "cyan", "COMPLETED": "green", "ERROR": "red", "STOPPED": "yellow", "STOP": "yellow",
    "PENDING": "blue", "CREATED": "blue",
}  # fmt: skip
GAP: Final = "   "
LEAST_REST: Final = 24
"""Characters in which a message still says something."""
LEAST_ELASTIC: Final = 9
"""The same of the last values of metrics: `loss 0.12`."""
Rest = tuple[str, Sequence[str]]
CLEAR: Final = "\r\x1b[2K"
"""To the beginning of the line, and empty it: for terminals that are `clever`."""


def clever(stream: Any) -> bool:
    """Whether it is a terminal that can do more than show letters."""
    return stream is not None and bool(stream.isatty()) and os.environ.get("TERM") != "dumb"


def coloured(stream: Any) -> bool:
    """On a terminal, unless NO_COLOR or a dumb terminal says otherwise."""
    return clever(stream) and not os.environ.get("NO_COLOR")


def echo(text: str) -> None:
    """Print, with colours where they are wanted."""
    click.echo(text, color=coloured(sys.stdout))


def state(name: str) -> str:
    """A state in its colour."""
    return click.style(name, fg=COLOURS.get(name))


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[Any]],
    rest: Rest | None = None,
    elastic: Sequence[str] = (),
) -> None:
    """Print columns as wide as their cells, with states in their colours.

    `elastic`: the columns that are cut, or left out, where a terminal is too narrow for all of them, the first one
    first. `rest`: one more column, cut to the width that the terminal has left, and left out where that is too little.
    """
    cells = [[visible(cell) for cell in row] for row in rows]
    for title in elastic if clever(sys.stdout) else ():
        if title in header:
            header, cells = _fitted(header, cells, header.index(title))
    if rest is not None and any(rest[1]):
        header, cells = _with_rest(header, cells, rest)
    widths = [max(len(row[at]) for row in [list(header), *cells]) for at in range(len(header))]
    for row in [list(header), *cells]:
        echo(_line(row, widths))


def _fitted(header: Sequence[str], cells: list[list[str]], at: int) -> tuple[Sequence[str], list[list[str]]]:
    """Column `at` gets the width that the others leave; it is left out where that is too little."""
    widths = [max(len(row[i]) for row in [list(header), *cells]) for i in range(len(header))]
    left = shutil.get_terminal_size().columns - sum(widths) + widths[at] - len(GAP) * (len(widths) - 1)
    if left >= widths[at]:
        return header, cells
    if left < LEAST_ELASTIC:
        return [*header[:at], *header[at + 1 :]], [[*row[:at], *row[at + 1 :]] for row in cells]
    return header, [[*row[:at], _cut(row[at], left), *row[at + 1 :]] for row in cells]


def _with_rest(
    header: Sequence[str], cells: list[list[str]], rest: Rest
) -> tuple[Sequence[str], list[list[str]]]:
    widths = [max(len(row[at]) for row in [list(header), *cells]) for at in range(len(header))]
    left = shutil.get_terminal_size().columns - sum(widths) - len(GAP) * len(widths)
    if not clever(sys.stdout) or left < LEAST_REST:
        return header, cells
    title, texts = rest
    return [*header, title], [
        [*row, _cut(visible(text), left)] for row, text in zip(cells, texts, strict=True)
    ]


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 3]}..."


def structured(found: Any, how: str) -> None:
    """As `json` or as `yaml`."""
    if how == "json":
        data(json.dumps(found, indent=2) + "\n")
        return
    from run_operator.document.yaml_writer import write

    data(write(found))


def data(text: str) -> None:
    """For programs: as UTF-8, whatever the locale."""
    click.echo(text.encode(), nl=False)


def as_list(items: Sequence[Mapping[str, Any]], alone: bool) -> Any:
    """The one object that was asked for as it is, else a `v1` List."""
    return items[0] if alone else {"apiVersion": "v1", "kind": "List", "items": list(items)}


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
    padded[-1] = row[-1]
    return GAP.join(
        state(cell.strip()) + cell[len(cell.rstrip()) :] if cell.strip() in COLOURS else cell
        for cell in padded
    ).rstrip()


FROM: Final = 5
"""Things from which on a bar is worth its line."""
WIDTH: Final = 30


class Bar:
    """On standard error, if that is a terminal; else only `say` does something."""

    def __init__(self, doing: str, total: int) -> None:
        self._doing = doing
        self._total = total
        self._done = 0
        self._on = total >= FROM and clever(sys.stderr)

    def __enter__(self) -> Self:
        self._draw()
        return self

    def __exit__(self, *_: object) -> None:
        self._erase()

    def step(self) -> None:
        """One more is done."""
        self._done += 1
        self._draw()

    def say(self, line: str, *, err: bool = False) -> None:
        """A line above the bar."""
        self._erase()
        click.echo(visible(line), err=err)
        self._draw()

    def _draw(self) -> None:
        if self._on:
            full = WIDTH * self._done // self._total
            said = f"{self._doing} [{'#' * full}{'-' * (WIDTH - full)}] {self._done}/{self._total}"
            self._write(CLEAR + said[: shutil.get_terminal_size().columns - 1])

    def _erase(self) -> None:
        if self._on:
            self._write(CLEAR)

    def _write(self, what: str) -> None:
        sys.stderr.write(what)
        sys.stderr.flush()
