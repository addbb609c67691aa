"""Defaults for a Run's policy: from annotations of its namespace, else from the operator's flags."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from run_operator.api.constants import DEFAULT_DEADLINE, DEFAULT_TTL
from run_operator.api.policy import PolicyDefaults
from run_operator.api.raw import JSON, mapping, text
from run_operator.kube.client import Api
from run_operator.kube.errors import KubeError
from run_operator.kube.resource import NAMESPACES

GOOD_FOR: Final = 60.0
"""Seconds after which the annotations of a namespace are read again, when a new Run asks for them."""
MOST: Final = 1_000
"""Namespaces remembered."""
MAX_SECONDS: Final = 2**31 - 1

log = logging.getLogger(__name__)


class NamespaceDefaults:
    """`wide`: the defaults of the operator's flags. `clock` is monotonic seconds."""

    def __init__(self, api: Api, wide: PolicyDefaults, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._wide = wide
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, PolicyDefaults]] = OrderedDict()

    async def of(self, namespace: str) -> PolicyDefaults:
        """The defaults of a namespace. If it cannot be read, the last known ones; without those, the flags'."""
        at, found = self._known.get(namespace, (float("-inf"), self._wide))
        if self._clock() < at + GOOD_FOR:
            return found
        try:
            raw = await self._api.get(NAMESPACES, "", namespace)
            found = with_annotations(self._wide, namespace, raw)
        except KubeError as error:
            log.debug("the annotations of namespace %s are not known: %s", namespace, error)
        self._known[namespace] = self._clock(), found
        self._known.move_to_end(namespace)
        if len(self._known) > MOST:
            self._known.popitem(last=False)
        return found


def with_annotations(wide: PolicyDefaults, namespace: str, raw: JSON) -> PolicyDefaults:
    """The defaults with the annotations of a namespace, which win; `0`: the namespace has no such default."""
    annotations = mapping(mapping(raw.get("metadata")).get("annotations"))
    found = wide
    for name, field in ((DEFAULT_TTL, "ttl_after_finished"), (DEFAULT_DEADLINE, "active_deadline")):
        value = text(annotations.get(name)).strip()
        if value.isdecimal() and int(value) <= MAX_SECONDS:
            found = replace(found, **{field: int(value) or None})
        elif value:
            log.warning(
                "namespace %s: annotation %s: %s is not a number of seconds", namespace, name, value[:40]
            )
    return found
