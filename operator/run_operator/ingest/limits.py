"""Every bound of the ingest in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from run_operator.http.server import Bounds

SPARE_CONNECTIONS: Final = 12
"""For commits, Runs and pods that are read, and certificates."""


@dataclass(frozen=True, slots=True)
class IngestLimits(Bounds):
    """Times in seconds, sizes in bytes."""

    connections: int = 4096
    pod_rate: float = 10.0
    """Requests a second of one pod; also the size of a burst."""
    pod_burst: float = 30.0
    run_rate: float = 100.0
    run_burst: float = 300.0
    sdk_rate: float = 20.0
    """Requests a second of the SDK in one pod; further ones have to wait."""
    sdk_timeout: float = 30.0
    """Seconds that a request of the SDK may wait; the SDK gives up after 60 s."""
    sdk_body: int = 1_000_000
    """Body of a request of the SDK, which sends whole lists, and the whole run."""
    reviews: int = 16
    """Token reviews under way at once."""
    review_rate: float = 50.0
    """Token reviews a second."""
    remembered: int = 20_000
    """Tokens, pods and buckets remembered."""
    trusted_for: float = 120.0
    """Seconds for which a reviewed token counts. Whether its pod lives is checked every time."""
    distrusted_for: float = 10.0
    last_words: float = 5.0
    """Seconds after the end of a known pod in which its last batch is taken."""
    sdk_requests: int = 32
    """Requests of the SDK at once, but for metrics: each may hold an object of 1.5 MB as text and as values."""
    sdk_requests_each: int = 12
    """The share of these for requests of the pods of one namespace."""
    sdk_requests_waiting: int = 256
    answers: int = 67_108_864
    """Bytes of answers that are being sent."""
    answers_each: int = 16_777_216
    """The share of these for answers to the pods of one namespace."""
    versions: int = 4_194_304
    """Bytes of all versions of an entity in one answer."""
    outside_workers: int = 16
    """MetricBatches handled at once."""
    held_values: int = 4_000_000
    """Values in memory, of all Runs together: about 128 MiB."""
    forgotten_after: float = 300.0
    """Seconds that a Run whose metrics are all committed is held in memory after its last batch."""

    @property
    def api_connections(self) -> int:
        """Connections to the API server: one for each request that may be under way, so that commits wait for nobody."""
        return self.reviews + self.outside_workers + self.sdk_requests + SPARE_CONNECTIONS


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast commits go to the API server; etcd keeps what is written for five to ten minutes."""

    bytes_per_second: float = 1_048_576.0
    """Bytes of whole objects a second: every commit rewrites its Run."""
    commits_per_second: float = 20.0
    interval: float = 4.0
    """Seconds between two commits of one Run."""
    last_interval: float = 0.5
    """Seconds between two commits of a Run that is about to end."""
    urgent_interval: float = 0.1
    """Seconds between two commits of a Run for which somebody waits."""
    at_once: int = 4
    """Commits under way at once."""
    first_backoff: float = 1.0
    last_backoff: float = 30.0
