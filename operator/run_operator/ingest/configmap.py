"""What pods need, in each namespace that has Runs: one ConfigMap with the module and the authority's certificate.

Written once a namespace, before its first pod, and looked at again from time to time by its metadata alone: so the
start of a Run costs nothing, and a ConfigMap that somebody deleted or that is out of date comes back.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from run_operator.api.constants import GROUP, LABEL_MANAGED_BY, MANAGED_BY
from run_operator.api.pod_contract import AUTHORITY_KEY, CONFIG_MAP
from run_operator.http.rate_limit import Clock
from run_operator.kube.client import Api
from run_operator.kube.errors import AlreadyExistsError, KubeError, NotFoundError
from run_operator.kube.resource import CONFIG_MAPS

ANNOTATION: Final = f"{GROUP}/content"
"""A digest of what is in it."""
CHECKED_EVERY: Final = 120.0
"""Seconds between two looks at the ConfigMap of one namespace."""
PAUSE: Final = 5.0

log = logging.getLogger(__name__)


class NotOursError(Exception):
    """There is a ConfigMap of this name that somebody else made."""


class ModuleConfigMap:
    """`modules`: name to content, of what pods run. `bundle`: the certificates, as they are now. `clock`: monotonic seconds."""

    def __init__(
        self, api: Api, modules: Mapping[str, bytes], bundle: Callable[[], str], clock: Clock
    ) -> None:
        self._api = api
        self._modules = dict(modules)
        self._bundle = bundle
        self._clock = clock
        self._checked: dict[str, tuple[float, str]] = {}
        self._failed: dict[str, float] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._digested = "", ""

    async def ensure(self, namespace: str) -> None:
        """The ConfigMap is there and right. Raises NotOursError or the errors of `kube.errors`."""
        async with self._locks.setdefault(namespace, asyncio.Lock()):
            at, digest = self._checked.get(namespace, (float("-inf"), ""))
            if digest == self._digest() and self._clock() - at < CHECKED_EVERY:
                return
            await self._repair(namespace)
            self._checked[namespace] = self._clock(), self._digest()

    async def keep(self, namespaces: Callable[[], Iterable[str]]) -> None:
        """Look after the namespaces with live Runs, for ever."""
        while True:
            await asyncio.sleep(PAUSE)
            wanted = set(namespaces())
            for gone in (self._checked.keys() | self._failed.keys()) - wanted:
                for known in (self._checked, self._failed, self._locks):
                    known.pop(gone, None)
            for namespace in wanted:
                if self._clock() - self._failed.get(namespace, float("-inf")) < CHECKED_EVERY:
                    continue
                try:
                    await self.ensure(namespace)
                except (KubeError, NotOursError) as error:
                    log.warning(
                        "the ConfigMap %s of %s was not looked after: %s", CONFIG_MAP, namespace, error
                    )

    def _digest(self) -> str:
        bundle, digest = self._digested
        if bundle != self._bundle():
            bundle = self._bundle()
            content = b"\0".join((*self._modules.values(), bundle.encode()))
            digest = hashlib.sha256(content).hexdigest()[:32]
            self._digested = bundle, digest
        return digest

    async def _repair(self, namespace: str) -> None:
        there = await self._there(namespace)
        if there is None:
            with contextlib.suppress(AlreadyExistsError):  # another replica's, and so the same
                await self._api.create(CONFIG_MAPS, namespace, self._body(namespace))
            return
        if (there.get("labels") or {}).get(LABEL_MANAGED_BY) != MANAGED_BY:
            raise NotOursError(
                f"ConfigMap {CONFIG_MAP} exists already and is not the operator's: pods need it to report metrics; "
                f"delete it or give it another name"
            )
        if (there.get("annotations") or {}).get(ANNOTATION) != self._digest():
            body = self._body(namespace)
            body["metadata"] |= {"uid": there.get("uid")}
            await self._api.patch(CONFIG_MAPS, namespace, CONFIG_MAP, body)

    async def _there(self, namespace: str) -> Mapping[str, Any] | None:
        try:
            return await self._api.get_metadata(CONFIG_MAPS, namespace, CONFIG_MAP)
        except NotFoundError:
            return None

    def _body(self, namespace: str) -> dict[str, Any]:
        metadata: Mapping[str, Any] = {
            "name": CONFIG_MAP,
            "namespace": namespace,
            "labels": {LABEL_MANAGED_BY: MANAGED_BY, "app.kubernetes.io/name": CONFIG_MAP},
            "annotations": {ANNOTATION: self._digest()},
        }
        texts = {key: value.decode() for key, value in self._modules.items() if key.endswith(".py")}
        packed = {key: value for key, value in self._modules.items() if key not in texts}
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": dict(metadata),
            "data": {**texts, AUTHORITY_KEY: self._bundle()},
            "binaryData": {key: base64.b64encode(value).decode("ascii") for key, value in packed.items()},
        }
