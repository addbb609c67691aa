"""Who may write: the place where a replica that is not (any more) the leader is kept from writing."""

from __future__ import annotations

from typing import Protocol


class Fence(Protocol):
    """Asked before every write."""

    def allowance(self) -> float:
        """Seconds this replica may still be busy writing; 0 or less: it must not begin a write."""


class Unfenced:
    """The only replica, as the Deployment's `Recreate` strategy guarantees: always allowed."""

    def allowance(self) -> float:
        """No limit."""
        return float("inf")
