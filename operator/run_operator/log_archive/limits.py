"""Every bound of the archive in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from run_operator.log_archive.tail import SLACK

MEMORY: Final = 64 * 1024 * 1024
"""Bytes of text that may be in memory, of all containers together."""
MOST_FOLLOWED: Final = 64


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """Times in seconds, sizes in bytes."""

    tail: int = 262_144
    """Kept of one container, before compression."""
    of_run: int = 4_194_304
    """Compressed text of one Run."""
    of_namespace: int = 67_108_864
    of_cluster: int = 536_870_912
    """Of all namespaces: etcd's quota is 2 GiB unless it was raised."""
    objects: int = 200
    """RunLogs of one Run."""
    reads: int = 8
    """Logs of ended containers read at once."""
    queued: int = 20_000
    """Ended containers that wait to be read."""
    remembered: int = 50_000
    """Containers known to be dealt with."""
    read_seconds: float = 15.0
    most_read: int = 268_435_456
    """Of one container's log; what comes after is not read."""
    follow_slack: float = 60.0
    """How long a container is followed beyond its grace period."""
    settle: float = 5.0
    """How long the end of a container may be told after the end of its log."""
    linger: float = 2.0
    """How long the end of a log may come after its pod is gone."""
    tries: int = 3
    """Of one container."""
    first_pause: float = 2.0
    """Before a node that does not serve logs is asked again; doubled each time."""
    last_pause: float = 600.0
    patience: int = 3
    """Failures in a row after which a node's containers are given up without being asked for, until it answers again."""

    @property
    def follows(self) -> int:
        """Containers followed at once."""
        return max(1, min(MOST_FOLLOWED, MEMORY // (2 * (self.tail + SLACK)) - self.reads))

    @property
    def connections(self) -> int:
        """To the API server: each log is a request that stays open."""
        return self.follows + self.reads + 4
