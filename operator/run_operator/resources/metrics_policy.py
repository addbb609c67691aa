"""`spec.runPolicy.metrics`: how much room a Run's metrics may take up in its status, and what happens then."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

DEFAULT_BUDGET: Final = 65_536
LEAST_BUDGET: Final = 1024
MOST_BUDGET: Final = 524_288
"""Bytes: so that the rest of the status still fits into what the API server stores, whatever the metrics are."""
FAIL: Final = "Fail"

_BYTES: Final = re.compile(r"([0-9]{1,9})(Ki|Mi|k|M)?")
_UNITS: Final = {None: 1, "k": 1000, "M": 1_000_000, "Ki": 1024, "Mi": 1_048_576}


@dataclass(frozen=True, slots=True)
class MetricsPolicy:
    """Of one Run."""

    budget: int = DEFAULT_BUDGET
    """Bytes of `status.metrics` as JSON."""
    fail: bool = False
    """`onLimit: Fail`: refuse further values, instead of keeping every 2nd, 4th, 8th... only."""

    @classmethod
    def from_object(cls, raw: Any) -> MetricsPolicy:
        """Read it; a budget out of bounds is brought within them, though the CRD would not let it pass."""
        given = raw if isinstance(raw, Mapping) else {}
        budget = max(LEAST_BUDGET, min(MOST_BUDGET, _bytes(given.get("statusBudget"))))
        return cls(budget, given.get("onLimit") == FAIL)


DEFAULT: Final = MetricsPolicy()


def _bytes(value: Any) -> int:
    """`65536`, `64Ki`, `512Ki`; the default for anything else."""
    match = _BYTES.fullmatch(str(value))
    return int(match[1]) * _UNITS[match[2]] if match else DEFAULT_BUDGET
