"""Lists of objects that are many bytes together: their metadata first, then only the documents that nobody has read yet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, Final

from run_operator.api.raw import JSON, mapping
from run_operator.api.run_state import is_shown
from run_operator.gateway.api_client import ApiClient
from run_operator.gateway.entities import Place
from run_operator.gateway.errors import Problem
from run_operator.gateway.limits import GatewayLimits
from run_operator.gateway.list_query import Query
from run_operator.gateway.list_rows import READING, Found
from run_operator.gateway.summaries import Object, Summaries, Summary
from run_operator.kube.errors import NotFoundError
from run_operator.kube.media_types import METADATA_LIST

FEW: Final = 50
"""So many documents are read one by one; more of them as a list."""
METADATA_PAGE: Final = 500
DOCUMENTS_PAGE: Final = 8
"""Objects of a page of what is known to be large."""


class LargeLists:
    """Remembers large places and summaries of their objects."""

    def __init__(self, limits: GatewayLimits) -> None:
        self._limits = limits
        self._summaries = Summaries(places=limits.remembered)

    def is_large(self, place: Place) -> bool:
        """Whether the list of this place is known to be one of these."""
        return self._summaries.is_large(place)

    async def found(self, caller: ApiClient, place: Place, asked: Query, fields: Sequence[str]) -> Found:
        """The matching objects. Raises Problem, or the errors of `kube.errors`."""
        reading = self._summaries.reading(place)
        there = await self._there(caller, place, fields)
        found = Found(place, asked, self._limits.held)
        if self._unknown(place, there):
            async with reading:  # a list that waits here finds them read
                await self._read(caller, place, self._unknown(place, there), found, fields)
        for one in there:
            if one.uid not in found.looked and (summary := self._summaries.get(place.namespace, one)):
                found.take(one, summary.document, summary.size)
        if not any(fields) and not asked.wanted and found.size < self._limits.read_through // 2:
            self._summaries.is_small(place)
        return found

    async def _there(self, caller: ApiClient, place: Place, fields: Sequence[str]) -> list[Object]:
        there: dict[str, Object] = {}
        objects = selected(caller, place, fields, page_size=METADATA_PAGE, accept=METADATA_LIST)
        async with aclosing(objects):
            async for raw in objects:
                if is_shown(raw):
                    one = Object.of(mapping(raw.get("metadata")))
                    there[one.uid] = one
                if len(there) > self._limits.listed:
                    raise too_many(self._limits)
        return list(there.values())

    def _unknown(self, place: Place, there: Sequence[Object]) -> list[Object]:
        return [one for one in there if self._summaries.get(place.namespace, one) is None]

    async def _read(
        self, caller: ApiClient, place: Place, unknown: Sequence[Object], found: Found, fields: Sequence[str]
    ) -> None:
        """The documents of these, which are remembered by their summaries, and held as far as there is room."""
        if len(unknown) <= FEW:
            gate = asyncio.Semaphore(READING)

            async def one_by_one(one: Object) -> None:
                async with gate:
                    try:
                        raw = await caller.get(place.resource, place.namespace, one.name)
                    except NotFoundError:
                        return
                    if mapping(raw.get("metadata")).get("uid") == one.uid:
                        self._keep(place, Object.of(raw["metadata"]), found.add(raw))

            async with asyncio.TaskGroup() as group:
                for one in unknown:
                    group.create_task(one_by_one(one))
            return
        wanted = {one.uid for one in unknown}
        objects = selected(caller, place, fields, page_size=DOCUMENTS_PAGE)
        async with aclosing(objects):
            async for raw in objects:
                one = Object.of(mapping(raw.get("metadata")))
                if one.uid in wanted:
                    self._keep(place, one, found.add(raw))

    def _keep(self, place: Place, one: Object, summary: Summary | None) -> None:
        if summary is not None:
            self._summaries.keep(place.namespace, one, summary)


async def selected(
    caller: ApiClient, place: Place, fields: Sequence[str], **options: Any
) -> AsyncGenerator[JSON]:
    """The objects of each field selector, one after the other."""
    for one in fields:
        async with aclosing(caller.all(place.resource, place.namespace, fields=one, **options)) as objects:
            async for raw in objects:
                yield raw


def too_many(limits: GatewayLimits) -> Problem:
    """The list looks at more objects than it may."""
    return Problem(400, f"more than {limits.listed} objects: filter by kind or state", limit="listed")
