"""Timestamps as the API server reads and writes them. Seconds since the epoch inside, RFC 3339 outside."""

from __future__ import annotations

from datetime import UTC, datetime


def stamp(epoch: float) -> str:
    """`2026-11-23T10:00:00Z`: whole seconds, as `metav1.Time`."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def precise_stamp(epoch: float) -> str:
    """`2026-11-23T10:00:00.123456Z`: microseconds, as the platform writes transitions."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse(text: object) -> float | None:
    """Seconds since the epoch of an RFC 3339 text; None for anything else."""
    if not isinstance(text, str) or not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
