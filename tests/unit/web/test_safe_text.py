"""What programs print cannot command the browser of who reads it; colours stay."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from run_operator.web.view.safe_text import SafeLines, safe


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (b"plain \xe2\x82\xac\n", "plain €\n"),
        (b"\x1b[1;31mred\x1b[0m", "\x1b[1;31mred\x1b[0m"),
        (b"10%\r20%\r\n", "10%\r20%\r\n"),
        (b"\x1b[2J\x1b[Hcleared\x1b[?25l", "cleared"),
        (b"\x1b]0;title\x07a\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "alink"),
        (b"a\x00b\x08c\x7f\xc2\x9b31m", "abc31m"),
        ("a\u202egnp.exe".encode(), "agnp.exe"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"\x1b", ""),
    ],
)
def test_what_stays(written, shown):
    assert safe(written).decode() == shown


@given(st.binary(max_size=200))
def test_nothing_is_left_but_text_and_colours(written):
    rest = re.sub(r"\x1b\[[0-9;:]*m", "", safe(written).decode())
    assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", rest)


@given(st.lists(st.binary(max_size=20), max_size=10))
def test_pieces_of_lines_are_as_the_whole(pieces):
    lines = SafeLines(longest=10_000)
    assert b"".join(map(lines.take, pieces)) + lines.end() == b"".join(
        safe(line) for line in b"".join(pieces).splitlines(keepends=True) if line
    ) or b"\r" in b"".join(pieces)


def test_a_line_without_an_end_is_not_held_without_end():
    lines = SafeLines(longest=10)
    assert lines.take(b"x" * 11) == b"x" * 11
    assert lines.end() == b""
