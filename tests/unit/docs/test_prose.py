"""The rules of the prose check find what they are for, and leave plain sentences alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import prose


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('"""What a service answered."""', "What"),
        ('"""Of each request."""', "Of"),
        ('"""Whose share it is; empty for none."""', "Whose"),
        ("# Who was away has forgotten: list again.", "Who"),
        ('"""Reads a list. What is more stays."""', "What"),
        ("Which calls it may hold.", "Which"),
        ('"""The answer of a service; what it means is in docs."""', None),
        ('"""The name of a Run."""', None),
        ("# What is left? The rest of the line.", None),
    ],
)
def test_a_sentence_of_code_begins_with_its_subject(text: str, found: str | None):
    match = prose.RIDDLE.search(text)
    assert (match and match[1]) == found


def test_only_docstrings_and_comments_are_explanations(tmp_path: Path):
    program = tmp_path / "program.py"
    program.write_text('"""One.\n\nTwo.\n"""\nname = "three"  # four\n')
    lines = list(prose.explanations(program))
    assert lines == [(1, '"""One.'), (2, ""), (3, "Two."), (4, '"""'), (5, "# four")]


def test_comments_of_the_page_are_explanations(tmp_path: Path):
    program = tmp_path / "program.tsx"
    program.write_text('/** One. */\nconst url = "https://two"; // three\n/**\n * Four.\n */\nreturn 5;\n')
    assert [text for _, text in prose.explanations(program) if text] == ["One.", "three", "Four."]


@pytest.mark.parametrize(
    ("text", "found"),
    [("It is told so.", "told"), ("Begin anew", "anew"), ("The list is new.", None), ("A wish", "wish")],
)
def test_words_of_the_list_are_found(text: str, found: str | None):
    match = prose.BANNED.search(text)
    assert (match and match[1]) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("'x' is no volume: write NAME", "is no volume"),
        ("They are no proof.", "are no proof"),
        ("There is no field x", None),
        ("it is no longer the leader", None),
    ],
)
def test_a_noun_is_denied_with_not(text: str, found: str | None):
    match = prose.NEGATED.search(text)
    assert (match and match[1]) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [('"Of the verb."', "Of the"), ("f'Of {x}'", None), ('"The port."', None), ('"Off"', None)],
)
def test_a_help_text_names_what_it_is_about(text: str, found: str | None):
    match = prose.ELIDED.search(text)
    assert (match and match[2]) == found


def test_a_document_does_not_begin_a_sentence_with_of():
    assert prose.OPENING.search("It is read. Of a Run only the name is kept.")
    assert not prose.OPENING.search("The name of a Run is kept.")
