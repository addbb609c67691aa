"""Every line of the threat model names a test that is there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
MODEL = (ROOT / "docs" / "threat-model.md").read_text()
PROOFS = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", MODEL)


@cache
def functions_of(file: str) -> set[str]:
    return {
        node.name
        for node in ast.walk(ast.parse((ROOT / file).read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


@pytest.mark.parametrize(("file", "name"), PROOFS)
def test_what_proves_a_line_exists(file, name):
    assert name in functions_of(file)


def test_no_line_is_without_one():
    rows = [line for line in MODEL.splitlines() if line.startswith("| ")]
    claims = [
        line
        for line in rows
        if line.count("|") == 4 and not line.startswith(("| attempt", "| finding", "| actor"))
    ]
    assert len(claims) > 20
    assert [line for line in claims if "`tests/" not in line] == []
