"""The leadership of this replica: a single replica leads at once; one of several waits for the Lease, and ends when it loses it."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
import uuid
from collections.abc import Callable

from kubernetes.aio.client import Configuration

from run_operator.kube.fence import Fence, Unfenced
from run_operator.kube.lease import Election, Elector
from run_operator.kube.lease_api import LeaseApi
from run_operator.settings import Settings

log = logging.getLogger(__name__)


class LeadershipLostError(Exception):
    """Another replica leads: this process must end, and start again as a standby."""


class Leadership:
    """The leadership, in one event loop. `ended` is called when another replica has taken the Lease."""

    def __init__(self, settings: Settings, configuration: Configuration, ended: Callable[[], None]) -> None:
        self._led = asyncio.Event()
        self._ended = ended
        self._elector: Elector | None = None
        self.lost = False
        """Whether another replica has taken the Lease."""
        if settings.leader_elect:
            loop = asyncio.get_running_loop()
            store = LeaseApi(configuration, settings.pod_namespace, settings.lease_name)
            identity = f"{settings.pod_name or socket.gethostname()}_{uuid.uuid4().hex[:8]}"
            self._elector = Elector(
                Election(store, settings.lease_name, identity, time.monotonic, time.time),
                lambda: _call(loop, self._led.set),
                lambda: _call(loop, self._lose),
            )

    @property
    def fence(self) -> Fence:
        """The fence of writes that only the leader may do."""
        return self._elector or Unfenced()

    @property
    def standby(self) -> bool:
        """Whether another replica may be leading."""
        return self._elector is not None and not self._led.is_set()

    async def wait(self) -> None:
        """Wait until this replica leads."""
        if self._elector is None:
            return
        self._elector.start()
        log.info("waiting for the Lease")
        await self._led.wait()

    async def release(self) -> None:
        """Give the Lease back; nothing may be written after it."""
        if self._elector is not None:
            await asyncio.to_thread(self._elector.close)

    def _lose(self) -> None:
        self.lost = True
        self._ended()


def _call(loop: asyncio.AbstractEventLoop, function: Callable[[], None]) -> None:
    """Call it in the loop, from the elector's thread."""
    loop.call_soon_threadsafe(function)
