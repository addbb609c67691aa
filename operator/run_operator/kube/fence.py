"""The fence of writes: a replica that is not the leader must not write."""

from __future__ import annotations

from typing import Protocol


class Fence(Protocol):
    """Checked before every write."""

    def allowance(self) -> float:
        """Seconds that a write may still take; 0 or less: no write may begin."""


class Unfenced:
    """For the only replica, as the Deployment's `Recreate` strategy guarantees: always allowed."""

    def allowance(self) -> float:
        """No limit."""
        return float("inf")
