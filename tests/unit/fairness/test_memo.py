"""Results that are kept, such as compiled Runtimes: for those who use them, whatever others apply."""

from __future__ import annotations

from typing import Any

from run_operator.fairness import Memo
from run_operator.runtimes.definition import InvalidRuntimeError


def test_a_namespace_with_many_runtimes_displaces_its_own_and_none_of_others():
    compiled: list[str] = []

    def compile_(text: str) -> Any:
        compiled.append(text)
        return InvalidRuntimeError([text])

    memo = Memo(compile_, most=10)
    memo.get("quiet", "theirs")
    for number in range(1000):
        memo.get("flood", str(number))
        assert len(memo) <= 10
    compiled.clear()
    memo.get("quiet", "theirs")
    memo.get("flood", "999")
    assert compiled == []
    memo.get("flood", "0")
    assert compiled == ["0"]
