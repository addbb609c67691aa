"""The pages of docs/decisions: the index names each, and their figures about the code are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "operator" / "run_operator"
DECISIONS = ROOT / "docs" / "decisions"
PARTS = re.findall(
    r"^\| [^|]*`([\w/.]+)` \| ([\d,]+) \|", (DECISIONS / "hand-written.md").read_text(), re.MULTILINE
)


def test_the_index_names_every_page():
    named = set(re.findall(r"\]\(([\w-]+\.md)\)", (DECISIONS / "index.md").read_text()))
    assert named == {path.name for path in DECISIONS.glob("*.md")} - {"index.md"}


@pytest.mark.parametrize(("part", "lines"), PARTS)
def test_a_hand_written_part_is_as_long_as_the_page_says(part: str, lines: str):
    path = PACKAGE / part
    files = sorted(path.glob("*.py")) if path.is_dir() else [path]
    there = sum(file.read_text().count("\n") for file in files)
    assert there == pytest.approx(int(lines.replace(",", "")), rel=0.1)


def test_there_are_parts():
    assert len(PARTS) >= 9
