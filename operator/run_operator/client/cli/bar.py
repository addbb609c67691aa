"""How far a verb has come with many things: one line on the terminal, below what it says of each of them."""

from __future__ import annotations

import shutil
import sys
from typing import Final, Self

import click

from run_operator.client.cli.output import CLEAR, clever
from run_operator.client.text import visible

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
