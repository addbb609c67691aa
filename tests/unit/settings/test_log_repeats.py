"""The same warning is written at most every ten minutes."""

from __future__ import annotations

import logging

from run_operator.observability.logging import EVERY, Repeats


def record(message: str, *, level: int = logging.WARNING, run: str = "") -> logging.LogRecord:
    made = logging.LogRecord("x", level, "x.py", 1, message, (), None)
    made.run = run
    return made


def test_a_warning_that_differs_in_numbers_only_is_left_out_for_ten_minutes():
    now = [0.0]
    repeats = Repeats(lambda: now[0])
    assert repeats.filter(record("quota used=19"))
    assert not repeats.filter(record("quota used=20"))
    assert not repeats.filter(record("quota used=7"))
    now[0] = EVERY
    again = record("quota used=8")
    assert repeats.filter(again)
    assert again.getMessage() == "quota used=8 (2 more like it since)"


def test_what_is_about_something_else_is_written():
    repeats = Repeats(lambda: 0.0)
    assert repeats.filter(record("namespace ml-1 is full"))
    assert repeats.filter(record("namespace ml-2 is full"))
    assert repeats.filter(record("namespace ml-1 is full", run="ml/a"))
    assert repeats.filter(record("a line", level=logging.INFO))
    assert repeats.filter(record("a line", level=logging.INFO))
