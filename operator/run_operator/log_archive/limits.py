"""Every bound of the archive in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from run_operator.log_archive.tail import SLACK

MEMORY: Final = 64 * 1024 * 1024
"""Bytes of text in memory, over all containers."""
MOST_FOLLOWED: Final = 64


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """Times in seconds, sizes in bytes."""

    tail: int = 262_144
    """Text kept for one container, before compression."""
    of_run: int = 4_194_304
    """Compressed text kept for one Run."""
    of_namespace: int = 67_108_864
    of_cluster: int = 536_870_912
    """Compressed text kept for all namespaces; etcd's default quota is 2 GiB."""
    objects: int = 200
    """RunLogs kept for one Run."""
    reads: int = 8
    """Logs read at once."""
    queued: int = 20_000
    """Ended containers whose logs wait to be read."""
    remembered: int = 50_000
    """Containers remembered as done."""
    read_seconds: float = 15.0
    most_read: int = 268_435_456
    """Read from one container's log; the rest is skipped."""
    follow_slack: float = 60.0
    """How long a container is followed after its grace period."""
    settle: float = 5.0
    """How long the API may take to show a container's end after the end of its log."""
    linger: float = 2.0
    """How long the end of a log may arrive after its pod is gone."""
    tries: int = 3
    """Tries for one container."""
    first_pause: float = 2.0
    """Pause before a failing node is asked again; doubled after each failure."""
    last_pause: float = 600.0
    max_node_failures: int = 3
    """Consecutive failures after which logs of a node are given up without a request, until it answers again."""

    @property
    def follows(self) -> int:
        """Containers followed at once."""
        return max(1, min(MOST_FOLLOWED, MEMORY // (2 * (self.tail + SLACK)) - self.reads))

    @property
    def connections(self) -> int:
        """Connections to the API server: each log is a request that stays open."""
        return self.follows + self.reads + 4
