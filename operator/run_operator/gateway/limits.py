"""Every bound of the gateway in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from run_operator.http.server import Bounds

SPARE_CONNECTIONS: Final = 64
"""For reviews of tokens, which come before all places."""


@dataclass(frozen=True, slots=True)
class GatewayLimits(Bounds):
    """Times in seconds, sizes in bytes."""

    body: int = 1_048_576
    """etcd refuses objects above 1.5 MiB."""
    form: int = 65_536
    """A token exchange."""
    request: float = 55.0
    """For a whole request: the SDK gives up after 60 s."""
    retry_timeout: float = 40.0
    """Time that a request waits for an API server that does not answer, as during its restart."""
    rate: float = 200.0
    """Requests a second of one token or one address. Faster callers are slowed down, not refused."""
    burst: float = 600.0
    slowest: float = 15.0
    """A request that would have to wait longer is refused."""
    remembered: int = 4096
    """Numbers of tokens, addresses, projects and runs that are remembered."""
    page: int = 500
    """Entities on a page, by default."""
    largest_page: int = 1000
    listed: int = 50_000
    """Objects looked at for one list."""
    read_through: int = 16_777_216
    """Bytes of documents that one list reads through; of larger ones it asks for the metadata first."""
    held: int = 4_194_304
    """Bytes of documents that one list holds while it is made."""
    answer: int = 8_388_608
    """Bytes of documents on one page."""
    answers: int = 134_217_728
    """Bytes of answers being sent at once."""
    answers_each: int = 33_554_432
    """The same, to one caller."""
    lists: int = 3
    """Lists under way at once."""
    lists_each: int = 2
    """Most lists of one tenant among them: of a person, or of all ServiceAccounts of a namespace."""
    lists_waiting: int = 32
    """Lists of one tenant that may wait for their turn; also logs."""
    requests: int = 64
    """Other requests under way at once: each may hold an object of 1.5 MB as text and as values."""
    requests_each: int = 24
    requests_waiting: int = 512
    logs_at_once: int = 4
    """Requests for logs at once; each may hold 50 MB for a moment."""
    logs_each: int = 1
    logs: int = 2_097_152
    """Bytes at the end of one container's log, as on the platform."""
    all_logs: int = 8_388_608
    """Most bytes of one answer."""

    @property
    def api_connections(self) -> int:
        """Connections to the API server: two for each request under way (metrics have places of their own), some for reviews."""
        return 4 * self.requests + 2 * (self.lists + self.logs_at_once) + SPARE_CONNECTIONS
