"""How many random examples and stories a test plays: all of them in `make stories`, a fifth with the other unit tests."""

from __future__ import annotations

import os
from typing import Final

ALL: Final = "ALL_STORIES" in os.environ
FEWEST: Final = 20


def examples(many: int) -> int:
    """`many` in `make stories`; else a fifth, and FEWEST at least."""
    return many if ALL else max(min(many, FEWEST), many // 5)
