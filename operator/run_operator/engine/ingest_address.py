"""Whether pods can find the ingest: the host of its address is looked up when the operator starts."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Final
from urllib.parse import urlsplit

TRIES: Final = 5
PAUSE: Final = 5.0
"""Seconds between two look-ups: DNS may start after the operator."""

log = logging.getLogger(__name__)


async def check_ingest_address(url: str, pod_namespace: str, *, pause: float = PAUSE) -> bool:
    """Log a warning that says what to change, if DNS does not know the host, as after a renaming by kustomize."""
    host = urlsplit(url).hostname or ""
    problem: OSError = OSError("no host")
    for number in range(TRIES):
        if number:
            await asyncio.sleep(pause)
        try:
            await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except OSError as error:
            problem = error
        else:
            return True
    log.warning(
        "pods cannot send metrics: the host of --ingest-url %s is not known (%s); the Service of the ingest is expected in namespace %s, "
        "where the operator is: set RUN_OPERATOR_INGEST_URL to its address",
        url,
        problem,
        pod_namespace,
    )
    return False
