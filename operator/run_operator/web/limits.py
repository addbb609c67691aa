"""Every bound of the page's server in one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WebLimits:
    """Times in seconds, sizes in bytes."""

    requests: int = 16
    """Requests at once that are not streams: each may hold a page of 8 MiB."""
    requests_each: int = 4
    requests_waiting: int = 128
    streams: int = 200
    """Streams (lists, Runs, logs) at once."""
    streams_each: int = 32
    """The same, of one viewer. One with less than others finds a place."""
    held: int = 67_108_864
    """Bytes that all streams hold: rows and details."""
    lists: int = 4
    """Lists that are read from the API server at once, for live lists; each may hold some pages of 8 MiB for a moment."""
    lingering: int = 8
    """Watches that stay open without a viewer."""
    feed: int = 33_554_432
    """Bytes of rows in one list: about 30,000 Runs."""
    stream: float = 600.0
    """Longest duration of a stream; then the page opens it again."""
    ping: float = 15.0
    batch: float = 0.25
    """Least time between two frames of changes."""
    frame: int = 65_536
    """Bytes of rows in one frame."""
    write: float = 20.0
    """Time after which a viewer that does not read is dropped."""
    linger: float = 5.0
    """Time for which a watch stays open after its last viewer."""
    recheck: float = 30.0
    """Time between two checks of the rights of a watch's viewers."""
    known: float = 30.0
    """Time for which the answer about a right counts."""
    remembered: int = 4096
    """Number of rights that are remembered."""
    page: int = 500
    """Most Runs of a page."""
    compared: int = 100
    """Most Runs of a comparison."""
    answer: int = 16_777_216
    """Most bytes of an answer."""
    answers: int = 134_217_728
    """Bytes of answers being sent at once."""
    answers_each: int = 67_108_864
    """The same, to one viewer."""
    answer_time: float = 30.0
    """Time for the viewer to read an answer."""
    request: float = 55.0
    """For a whole request that is not a stream."""
    retry_timeout: float = 10.0
    """Time that a request waits for an API server that does not answer."""
    query: int = 16_000
    """Bytes of a path with its query."""
    logs: int = 2_097_152
    """Last bytes of one container."""
    all_logs: int = 8_388_608
    """Last bytes of an answer with logs."""
    followed: int = 8
    """Containers that one stream follows; each takes a connection to the API server."""
    logs_at_once: int = 8
    logs_each: int = 2
    logs_waiting: int = 16

    @property
    def api_connections(self) -> int:
        """Connections to the API server: those of all streams, so that no request waits for a stream to end."""
        return max(2, self.followed) * (self.streams + self.lingering) + 2 * self.requests + self.logs_at_once
