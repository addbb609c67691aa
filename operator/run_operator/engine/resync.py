"""The resync: compare the store with lists of the API server, to find changes that the streams have missed.

A watch stream can lose deletions (an object removed while the stream was down is never mentioned again) and can
silently stand still. The sweep lists metadata only, 500 objects a page, and writes nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from run_operator.engine.store import Store
from run_operator.engine.watched_kinds import OPTIONAL, SELECTORS, WATCHED, WITHOUT_RIGHTS
from run_operator.kube.client import Api
from run_operator.kube.errors import ForbiddenError, NotFoundError
from run_operator.kube.resource import Resource

SWEPT: Final = tuple((resource, SELECTORS.get(resource, "")) for resource in WATCHED)
GRACE: Final = 15.0
"""Seconds a listed object may be missing in the store before the stream counts as standing still."""
LOOK: Final = 0.1
AGAIN: Final = 1.0
"""Seconds until what is missing in the store is listed again; twice as long each time."""

log = logging.getLogger(__name__)


class One(NamedTuple):
    """An object as it was listed."""

    resource: Resource
    version: str


Listed = dict[str, One]
"""By uid."""


@dataclass(frozen=True, slots=True)
class Findings:
    """The result of a resync: dropped ghosts, and objects that the streams should have reported."""

    ghosts: int
    unseen: int


class Resync:
    """`clock` is monotonic seconds."""

    def __init__(self, api: Api, store: Store, namespaces: Sequence[str], clock: Callable[[], float]) -> None:
        self._api = api
        self._store = store
        self._namespaces: tuple[str | None, ...] = tuple(namespaces) or (None,)
        self._clock = clock

    async def sweep(self) -> Findings:
        """One sweep. Raises the errors of `kube.errors`."""
        ghosts = 0
        listed: Listed = {}
        for resource, selector in SWEPT:
            before = self._store.uids(resource.plural)
            there = await self._list(resource, selector)
            gone = before - there.keys()
            for uid in gone & self._store.uids(resource.plural):
                self._store.drop(uid)
            ghosts += len(gone)
            listed |= there
        return Findings(ghosts, await self._unseen(listed, GRACE))

    async def synced(self, deadline: float) -> bool:
        """Wait until the store holds everything that is listed now; False when it does not in time (seconds)."""
        listed: Listed = {}
        for resource, selector in SWEPT:
            listed |= await self._list(resource, selector)
        return await self._unseen(listed, deadline) == 0

    async def _list(self, resource: Resource, selector: str) -> Listed:
        found: Listed = {}
        for namespace in self._namespaces if resource.is_namespaced else (None,):
            try:
                async for one in self._api.list_metadata(resource, namespace=namespace, selector=selector):
                    found[str(one["uid"])] = One(resource, str(one["resourceVersion"]))
            except NotFoundError:
                if resource not in OPTIONAL:
                    raise
            except ForbiddenError as error:
                if resource not in WITHOUT_RIGHTS:
                    raise
                log.warning("%s; apply manifests/base again", error)
        return found

    async def _unseen(self, listed: Listed, within: float) -> int:
        """How many listed objects the store still does not hold after `within` seconds.

        An object that is deleted before its stream lists it never comes: so what is missing is listed again meanwhile.
        """
        now = self._clock()
        until, pause = now + within, AGAIN
        listing = now + pause
        missing = self._missing(listed)
        while missing and (now := self._clock()) < until:
            if now < listing:
                await asyncio.sleep(LOOK)
                missing = self._missing(missing)
                continue
            missing = self._missing(await self._still_there(missing))
            pause *= 2
            listing = self._clock() + pause
        if not missing:
            return 0
        left = await self._still_there(missing)
        counted = Counter(one.resource.plural for one in left.values())
        if left:
            log.warning("objects not seen after %g s: %s", within, dict(counted))
        return len(left)

    def _missing(self, listed: Listed) -> Listed:
        return {uid: one for uid, one in listed.items() if not self._store.knows(uid, one.version)}

    async def _still_there(self, missing: Listed) -> Listed:
        """Missing objects that still exist. Others were deleted meanwhile, which is not a fault of a stream."""
        there: Listed = {}
        for resource in {one.resource for one in missing.values()}:
            there |= await self._list(resource, SELECTORS.get(resource, ""))
        return {uid: one for uid, one in missing.items() if uid in there}
