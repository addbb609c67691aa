"""What is large is not held, and finding that out costs as much as what would be held."""

from __future__ import annotations

from typing import Any

import pytest

from run_operator.api.raw import KEPT, is_large


class Counted(list[Any]):
    """A list that counts how often it is gone through."""

    looked = 0

    def __iter__(self) -> Any:
        Counted.looked += 1
        return super().__iter__()

    def __repr__(self) -> str:
        raise AssertionError("it is written out")


@pytest.mark.parametrize(
    "document",
    [
        {"a": "x" * (KEPT + 1)},
        {"x" * (KEPT + 1): 1},
        {f"k{number}": 1 for number in range(KEPT)},
        {"a": {"b": [["x" * 100] * 10] * 100}},
        [1] * KEPT,
    ],
    ids=["text", "key", "keys", "nested", "numbers"],
)
def test_what_is_large(document):
    assert is_large(document)
    assert is_large({"deep": [document]})


@pytest.mark.parametrize(
    "document", [{}, None, "x", {"image": "x", "args": ["x" * 1000] * 10, "n": [1, 2.5, None, True]}]
)
def test_what_is_not(document):
    assert not is_large(document)


def test_of_a_document_of_any_size_no_more_is_looked_at_than_would_be_held():
    assert is_large({"a": [Counted([1] * 10) for _ in range(100_000)]})
    assert is_large([[Counted([1] * 100) for _ in range(100)] for _ in range(100)])
    assert Counted.looked < KEPT / 10
