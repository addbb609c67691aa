"""Lists in pages, the newest first, with the filters the SDK sends.

The API server has neither pages by number nor that order. So each page looks at all objects the caller may list and
keeps a few words of each; of the documents it keeps only as many bytes as it may, and reads the others again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import aclosing
from itertools import accumulate
from typing import Any

from run_operator.api.earlier_documents import earlier_kind
from run_operator.api.exported import selector
from run_operator.api.raw import JSON
from run_operator.gateway.api_client import ApiClient
from run_operator.gateway.entities import Place
from run_operator.gateway.errors import Problem, of_kube
from run_operator.gateway.large_lists import LargeLists, selected, too_many
from run_operator.gateway.limits import GatewayLimits
from run_operator.gateway.list_query import Query
from run_operator.gateway.list_rows import Documents, Found, Row
from run_operator.gateway.shares import Shares, turn
from run_operator.kube.errors import KubeError
from run_operator.kube.resource import CONTENT_ENTITIES, RUNS


class Lists:
    """Makes few lists at a time, with a share for each caller, because each costs the API server a full list."""

    def __init__(self, limits: GatewayLimits, shares: Shares) -> None:
        self._limits = limits
        self._shares = shares
        self._large = LargeLists(limits)

    async def page(self, caller: ApiClient, place: Place, asked: Query) -> JSON:
        """One page in the platform's form."""
        async with turn(self._shares, caller):
            return await self._page(caller, place, asked)

    async def _page(self, caller: ApiClient, place: Place, asked: Query) -> JSON:
        try:
            found = await self._found(caller, place, asked)
            ordered = found.ordered()
            size = _size(ordered, asked, self._limits)
            rows = ordered[asked.page * size : (asked.page + 1) * size]
            content = await Documents(caller, place, found.held).of(rows)
        except KubeError as error:
            what = f"{place.resource.plural} of project {place.project} cannot be listed"
            raise of_kube(error, what) from error
        return shape(content, len(ordered), asked.page, size)

    async def _found(self, caller: ApiClient, place: Place, asked: Query) -> Found:
        """Read through it all, unless it turns out to be large."""
        fields = _fields(place, asked)
        if self._large.is_large(place):
            return await self._large.found(caller, place, asked, fields)
        found = Found(place, asked, self._limits.held)
        async with aclosing(selected(caller, place, fields)) as objects:
            async for raw in objects:
                found.add(raw)
                if found.seen > self._limits.listed:
                    raise too_many(self._limits)
                if found.read > self._limits.read_through:
                    break
            else:
                return found
        return await self._large.found(caller, place, asked, fields)


def page(everything: Sequence[JSON], asked: Query, limits: GatewayLimits) -> JSON:
    """One page of a list that is complete in memory."""
    size = asked.size or limits.page
    return shape(everything[asked.page * size : (asked.page + 1) * size], len(everything), asked.page, size)


def shape(content: Sequence[Any], total: int, number: int, size: int) -> JSON:
    """A page in the platform's form."""
    pages = -(-total // size)
    return {
        "content": list(content),
        "totalElements": total,
        "totalPages": pages,
        "number": number,
        "size": size,
        "numberOfElements": len(content),
        "first": number == 0,
        "last": number >= pages - 1,
        "empty": not content,
    }


def _size(rows: Sequence[Row], asked: Query, limits: GatewayLimits) -> int:
    """How many are on a page: as many as are asked for, or, where that is not said, as an answer may hold.

    Raises Problem where the requested page does not fit: a page with too few entities would hide the others.
    """
    if asked.size:
        there = sum(row.size for row in rows[asked.page * asked.size : (asked.page + 1) * asked.size])
        if there > limits.answer and asked.size > 1:
            raise Problem(
                400,
                f"this page has {there} bytes; an answer has at most {limits.answer}: request fewer objects with size=, or leave "
                "size out",
                limit="answer",
            )
        return asked.size
    size = limits.page
    while size > 1 and max(_windows(rows, size), default=0) > limits.answer:
        size //= 2
    return size


def _windows(rows: Sequence[Row], size: int) -> Iterator[int]:
    """The bytes of each page."""
    ends = [0, *accumulate(row.size for row in rows)]
    for start in range(0, len(rows), size):
        yield ends[min(start + size, len(rows))] - ends[start]


def _fields(place: Place, asked: Query) -> list[str]:
    """The field selectors for the API server. The namespace is the project, whatever the documents say.

    A kind of Run also selects those from before 0.14, of which `Found` takes the ones whose task says that action.
    """
    earlier = earlier_kind(asked.kind) if place.resource is RUNS else ""
    reported = asked.state if place.resource in CONTENT_ENTITIES else None
    state = asked.state if place.resource is RUNS else None
    return [
        selector(kind=kind or None, state=state or None, reported=reported or None)
        for kind in dict.fromkeys((asked.kind, earlier or asked.kind))
    ]
