"""Names of parametrised tests that are the same in every process, as workers that share a run need them."""

from __future__ import annotations

import re
from typing import Any


def stable(value: Any) -> str:
    """What `repr` shows of a value, without addresses of memory."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))
