"""Every reason that the operator gives, and every type of a volume, is explained in the documents."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from run_operator.workloads.volumes import TYPES

ROOT: Final = Path(__file__).parents[3]
PACKAGE: Final = ROOT / "operator" / "run_operator"
ROOMS: Final = ("lifecycle", "children", "workloads", "resolution", "engine")
REASON: Final = re.compile(r"[A-Z][A-Za-z]+")
PLACE: Final = {
    "event": 0, "RunEvent": 1, "Refusal": 0, "WorkloadError": 0, "UnsupportedError": 0, "UnresolvedError": 0,
    "impossible": 1, "end_attempt": 0, "Verdict": 0, "PendingReason": 0,
}  # fmt: skip
"""By the name that is called: which of its arguments is a reason."""


def reasons() -> Iterator[str]:
    """Every literal that is given as a reason."""
    for room in ROOMS:
        for path in (PACKAGE / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call):
                    yield from _given(node)


def _given(call: ast.Call) -> Iterator[str]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    values = [keyword.value for keyword in call.keywords if keyword.arg == "reason"]
    if name in PLACE and len(call.args) > PLACE[name]:
        values.append(call.args[PLACE[name]])
    for value in values:
        if isinstance(value, ast.Constant) and isinstance(value.value, str) and REASON.fullmatch(value.value):
            yield value.value


def test_every_reason_is_explained():
    text = "".join(path.read_text() for path in (ROOT / "docs").glob("*.md"))
    found = set(reasons())
    assert len(found) > 20
    assert found - set(re.findall(r"\w+", text)) == set()


def test_every_type_of_a_volume_is_explained():
    page = (ROOT / "docs" / "fields.md").read_text().replace("\\", "")
    assert all(one in page for one in TYPES)
