"""ConfigMaps that pods mount, in each namespace with Runs: immutable code, and the authority that pods trust.

The code is in an immutable ConfigMap that is named after its content: who may write ConfigMaps can remove it and make
another one of the name, which is never believed, because its content is read and compared. The authority's certificate
changes when it is renewed, so its ConfigMap can be changed; it is compared and restored, and a change is reported.

Both are looked at before a pod is made, at most once in FRESH seconds, and from time to time while Runs are live. Most
looks read metadata alone: the same uid and version have the same content.
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
from run_operator.api.pod_contract import AUTHORITY_KEY, CONFIG_MAP, MODULE_CONFIG_MAP
from run_operator.http.rate_limit import Clock
from run_operator.kube.client import Api
from run_operator.kube.errors import AlreadyExistsError, KubeError, NotFoundError
from run_operator.kube.resource import CONFIG_MAPS

ANNOTATION: Final = f"{GROUP}/content"
"""On the ConfigMap: a digest of the certificates that the operator wrote last."""
FRESH: Final = 10.0
"""Seconds for which a check counts before a pod is created."""
CHECKED_EVERY: Final = 120.0
"""Seconds between two checks of a namespace in which nothing starts."""
PAUSE: Final = 5.0

log = logging.getLogger(__name__)


class NotOursError(Exception):
    """A ConfigMap of this name exists that the operator did not write."""


class PodFiles:
    """`modules`: name to content, of runmetrics.py and the others. `bundle`: the certificates, as they are now.

    `changed` is called with a namespace and a sentence when somebody changed what pods there mount. `clock`: monotonic
    seconds.
    """

    def __init__(
        self,
        api: Api,
        modules: Mapping[str, bytes],
        bundle: Callable[[], str],
        changed: Callable[[str, str], None],
        clock: Clock,
    ) -> None:
        self._api = api
        self._bundle = bundle
        self._changed = changed
        self._clock = clock
        self._content = _content(modules)
        self._checked: dict[str, tuple[float, str]] = {}
        self._verified: dict[str, tuple[str, str]] = {}
        self._failed: dict[str, float] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self.module: Final = f"{MODULE_CONFIG_MAP}-{_digest(*modules.values())[:10]}"
        """The name of the ConfigMap with the code."""

    async def ensure(self, namespace: str, fresh: float = FRESH) -> None:
        """Create or check both ConfigMaps, unless they were checked in the last `fresh` seconds.

        Raises NotOursError or the errors of `kube.errors`.
        """
        async with self._locks.setdefault(namespace, asyncio.Lock()):
            bundle = self._bundle()
            at, seen = self._checked.get(namespace, (float("-inf"), ""))
            if seen == bundle and self._clock() - at < fresh:
                return
            await self._ensure_module(namespace)
            await self._ensure_authority(namespace, bundle)
            self._checked[namespace] = self._clock(), bundle

    async def keep(self, namespaces: Callable[[], Iterable[str]]) -> None:
        """Keep the ConfigMap in namespaces with live Runs, until cancelled."""
        while True:
            await asyncio.sleep(PAUSE)
            wanted = set(namespaces())
            for gone in (self._checked.keys() | self._failed.keys()) - wanted:
                for known in (self._checked, self._verified, self._failed, self._locks):
                    known.pop(gone, None)
            for namespace in wanted:
                if self._clock() - self._failed.get(namespace, float("-inf")) < CHECKED_EVERY:
                    continue
                await self._look(namespace)

    async def _look(self, namespace: str) -> None:
        try:
            await self.ensure(namespace, CHECKED_EVERY)
        except NotOursError as error:
            self._failed[namespace] = self._clock()
            self._changed(namespace, str(error))
        except KubeError as error:
            self._failed[namespace] = self._clock()
            log.warning(
                "the ConfigMaps that pods of namespace %s mount could not be checked: %s", namespace, error
            )

    async def _ensure_module(self, namespace: str) -> None:
        if await self._there(namespace) is None:
            with contextlib.suppress(
                AlreadyExistsError
            ):  # another replica's, or somebody else's: it is compared
                await self._api.create(CONFIG_MAPS, namespace, self._module_body(namespace))
        metadata = await self._there(namespace) or {}
        seen = str(metadata.get("uid")), str(metadata.get("resourceVersion"))
        if self._verified.get(namespace) == seen:
            return
        found = await self._api.get(CONFIG_MAPS, namespace, self.module)
        if not is_same(found, self._content):
            raise NotOursError(
                f"ConfigMap {self.module} is not what the operator wrote: its code would run in the pods of all Runs of "
                "this namespace; delete it, and the operator writes it again"
            )
        self._verified[namespace] = seen

    async def _there(self, namespace: str) -> Mapping[str, Any] | None:
        try:
            return await self._api.get_metadata(CONFIG_MAPS, namespace, self.module)
        except NotFoundError:
            return None

    async def _ensure_authority(self, namespace: str, bundle: str) -> None:
        body = _authority_body(namespace, bundle)
        try:
            there = await self._api.get(CONFIG_MAPS, namespace, CONFIG_MAP)
        except NotFoundError:
            with contextlib.suppress(AlreadyExistsError):  # another replica's: the next look compares it
                await self._api.create(CONFIG_MAPS, namespace, body)
            return
        if not bundle:
            return  # what is there is better than none; one that is made without lets pods start, and is renewed later
        metadata = there["metadata"]
        if (metadata.get("labels") or {}).get(LABEL_MANAGED_BY) != MANAGED_BY:
            raise NotOursError(
                f"ConfigMap {CONFIG_MAP} already exists, but the operator did not create it: pods need it to send metrics; "
                f"delete it or give it another name"
            )
        if (there.get("data") or {}).get(AUTHORITY_KEY) == bundle:
            return
        if (metadata.get("annotations") or {}).get(ANNOTATION) == _digest(bundle.encode()):
            text = f"another client changed {AUTHORITY_KEY}, which pods trust, in the ConfigMap {CONFIG_MAP}: the operator restored it"
            self._changed(namespace, text)
        body["metadata"] |= {"uid": metadata.get("uid")}
        await self._api.patch(CONFIG_MAPS, namespace, CONFIG_MAP, body)

    def _module_body(self, namespace: str) -> dict[str, Any]:
        return {**_head(namespace, self.module), **self._content, "immutable": True}


def is_same(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a ConfigMap has exactly this content, and cannot get any other."""
    if found.get("immutable") is not True:
        return False
    return all((found.get(field) or {}) == (wanted.get(field) or {}) for field in ("data", "binaryData"))


def _content(modules: Mapping[str, bytes]) -> dict[str, Any]:
    texts = {key: value.decode() for key, value in modules.items() if key.endswith(".py")}
    packed = {
        key: base64.b64encode(value).decode("ascii") for key, value in modules.items() if key not in texts
    }
    return {"data": texts, "binaryData": packed}


def _authority_body(namespace: str, bundle: str) -> dict[str, Any]:
    body = _head(namespace, CONFIG_MAP)
    body["metadata"]["annotations"] = {ANNOTATION: _digest(bundle.encode())}
    return {**body, "data": {AUTHORITY_KEY: bundle}}


def _head(namespace: str, name: str) -> dict[str, Any]:
    labels = {LABEL_MANAGED_BY: MANAGED_BY, "app.kubernetes.io/name": CONFIG_MAP}
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()
