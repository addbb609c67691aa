"""The memory that a namespace allows a container, from its LimitRanges."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from run_operator.kube.client import Api
from run_operator.kube.errors import KubeError
from run_operator.kube.resource import LIMIT_RANGES
from run_operator.workloads.memory_limit import NO_CEILING, MemoryCeiling

GOOD_FOR: Final = 60.0
"""Seconds."""
MOST: Final = 4096
"""Namespaces that are remembered."""

log = logging.getLogger(__name__)


class MemoryCeilings:
    """`clock` is monotonic seconds."""

    def __init__(self, api: Api, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, MemoryCeiling]] = OrderedDict()

    async def of(self, namespace: str) -> MemoryCeiling:
        """The ceiling of a namespace. If its LimitRanges cannot be read, the last known one; without that, none."""
        at, found = self._known.get(namespace, (float("-inf"), NO_CEILING))
        if self._clock() < at + GOOD_FOR:
            return found
        try:
            listed = [raw async for raw in self._api.list_objects(LIMIT_RANGES, namespace=namespace)]
            found = MemoryCeiling.of(listed)
        except KubeError as error:
            log.debug("the LimitRanges of namespace %s are not known: %s", namespace, error)
        self._known[namespace] = self._clock(), found
        self._known.move_to_end(namespace)
        if len(self._known) > MOST:
            self._known.popitem(last=False)
        return found
