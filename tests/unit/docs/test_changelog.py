"""The changelog can be scanned: known sections, and one line a change."""

from __future__ import annotations

from pathlib import Path

CHANGELOG = Path(__file__).parents[3] / "CHANGELOG.md"
SECTIONS = ["### Added", "### Changed", "### Deprecated", "### Removed", "### Fixed", "### Security"]
LONGEST = 300


def lines() -> list[str]:
    return CHANGELOG.read_text(encoding="utf-8").partition("\n## ")[2].splitlines()[1:]


def test_the_sections_are_those_of_keep_a_changelog_each_once():
    sections = [line for line in lines() if line.startswith("#")]
    assert set(sections) <= set(SECTIONS)
    assert len(set(sections)) == len(sections)


def test_a_change_is_one_line_of_a_section():
    before = ""
    for line in lines():
        if line.startswith("* "):
            assert before, f"in no section: {line}"
            assert len(line) <= LONGEST, line
        assert not line.startswith("  ") or line.startswith("  |"), f"a second line of a change: {line}"
        before = line if line.startswith("#") else before
