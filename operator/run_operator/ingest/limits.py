"""Every bound of the ingest in one place."""

from __future__ import annotations

from dataclasses import dataclass

from run_operator.http.server import Bounds


@dataclass(frozen=True, slots=True)
class IngestLimits(Bounds):
    """Times in seconds, sizes in bytes."""

    connections: int = 4096
    pod_rate: float = 10.0
    """Requests a second of one pod, and how many at once."""
    pod_burst: float = 30.0
    run_rate: float = 100.0
    run_burst: float = 300.0
    sdk_rate: float = 20.0
    """Requests a second of the SDK in one pod; those beyond are made to wait."""
    sdk_timeout: float = 30.0
    """How long a request of the SDK is made to wait; it gives up after 60 s."""
    sdk_body: int = 1_000_000
    """It sends whole lists, and the whole run."""
    reviews: int = 16
    """Token reviews under way at once."""
    review_rate: float = 50.0
    """Token reviews a second."""
    remembered: int = 20_000
    """Tokens, pods and buckets remembered."""
    trusted_for: float = 120.0
    """How long a good token need not be asked about again. Whether its pod lives is looked at every time."""
    distrusted_for: float = 10.0
    last_words: float = 5.0
    """How long after its pod is gone a batch may still come in, if the pod was known."""
    outside_workers: int = 16
    """MetricBatches that are handled at once."""
    held_values: int = 4_000_000
    """Values in memory, of all Runs together: about 128 MiB."""
    forgotten_after: float = 300.0
    """A Run whose metrics are all in the cluster is held in memory for this long after its last batch."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast commits go to the API server; etcd keeps what is written for five to ten minutes."""

    bytes_per_second: float = 1_048_576.0
    """Bytes of whole objects: every commit rewrites its Run."""
    commits_per_second: float = 20.0
    interval: float = 4.0
    """Seconds between two commits of one Run."""
    last_interval: float = 0.5
    """The same for a Run that is about to end."""
    urgent_interval: float = 0.1
    """The same for a Run of which somebody waits for an answer."""
    at_once: int = 4
    """Commits under way."""
    first_backoff: float = 1.0
    last_backoff: float = 30.0
