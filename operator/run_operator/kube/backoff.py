"""Delays between attempts to reach the API server."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoffs:
    """Endless growing, jittered delays in seconds; each iteration restarts."""

    first: float = 0.5
    last: float = 30.0

    def __iter__(self) -> Iterator[float]:
        delay = self.first
        while True:
            yield delay * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, no secret
            delay = min(self.last, delay * 2)
