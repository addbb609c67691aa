"""The level of the platform's API that an answer names in the header X-Api-Level.

Every line of the SDK refuses an answer of a level that it does not know, and warns of one above its own: 0.15 takes 15
to 20 and warns above 15, 0.16 takes 16 to 20. Neither says which line it is, and both take an answer without a level.
So each caller gets the answer that suits it: who names a level gets that one, the SDK gets none, and anybody else 16.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from run_operator.gateway.errors import bad

HEADER: Final = "X-Api-Level"
LEVEL: Final = 16
"""The newest level of the gateway; its answers are the same in level 15."""
OLDEST: Final = 15
NEWEST: Final = 20
"""The highest level that the SDK of level 16 accepts."""
SDK_AGENT: Final = "python-requests/"
"""The beginning of the User-Agent of both lines of the SDK."""


def level_for(headers: Mapping[str, str]) -> int | None:
    """The level for the answer; None: no header. Raises Problem 400 for a level that is too old or too new."""
    asked = headers.get(HEADER)
    if asked is None:
        return None if headers.get("User-Agent", "").startswith(SDK_AGENT) else LEVEL
    if not asked.isdecimal() or len(asked) > 4:  # noqa: PLR2004 - digits
        raise bad(f"the header {HEADER} must be a number from {OLDEST} to {NEWEST}, not {asked[:20]!r}")
    level = int(asked)
    if level < OLDEST:
        raise bad(
            f"API level {level} is too old: this gateway supports {OLDEST} and {LEVEL}. Install digitalhub 0.15 or newer: "
            "pip install --upgrade digitalhub"
        )
    if level > NEWEST:
        raise bad(
            f"API level {level} is too new: this gateway supports {OLDEST} and {LEVEL}. Install digitalhub 0.16: "
            "pip install 'digitalhub<0.17', or a newer run-operator"
        )
    return min(level, LEVEL)
