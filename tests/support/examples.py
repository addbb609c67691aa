"""How many random examples and stories a test plays: all of them in `make stories`, a tenth with the other unit tests."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final, TypeVar

ALL: Final = "ALL_STORIES" in os.environ
FEWEST: Final = 10
Case = TypeVar("Case")


def examples(many: int) -> int:
    """`many` in `make stories`; else a tenth, and FEWEST at least."""
    return many if ALL else max(min(many, FEWEST), many // 10)


def some(cases: Iterable[Case], step: int) -> list[Case]:
    """All cases in `make stories`; else every `step`-th, beginning with the first. Mark such a test `stories`."""
    return list(cases)[:: 1 if ALL else step]
