"""Lists in pages, the newest first, with the filters the SDK sends.

The API server has neither pages by number nor that order. So each page looks at all objects the caller may list and
keeps a few words of each; of the documents it keeps only as many bytes as it may, and reads the others again.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

import orjson

from run_operator.api.earlier_documents import earlier_kind
from run_operator.api.exported import selector
from run_operator.api.filters import check, matches, name_of
from run_operator.api.raw import JSON, mapping, parse, text
from run_operator.api.run_state import is_shown
from run_operator.gateway.api_client import ApiClient
from run_operator.gateway.entities import Place
from run_operator.gateway.entity_documents import for_sdk, newest_first
from run_operator.gateway.errors import Problem, bad, of_kube
from run_operator.gateway.limits import GatewayLimits
from run_operator.gateway.shares import Shares, turn
from run_operator.kube.errors import KubeError, NotFoundError
from run_operator.kube.resource import FUNCTIONS, MATERIALS, RUNS

FILTERS: Final = (
    "q",
    "name",
    "user",
    "state",
    "function",
    "workflow",
    "task",
    "created",
    "updated",
    "action",
)
PAGING: Final = ("page", "size", "sort", "versions", "kind")
SORTED: Final = ("created", "updated", "name", "kind")
VERSIONED: Final = (FUNCTIONS, *MATERIALS)
"""Lists of these show the latest version of each name, unless all are requested."""
MAX_PAGE: Final = 1_000_000
READING: Final = 4
"""Documents of one page that are read again at once."""


@dataclass(frozen=True, slots=True)
class Query:
    """A request for a list. `size` 0: as many entities as an answer may hold."""

    wanted: Mapping[str, str]
    kind: str = ""
    page: int = 0
    size: int = 0
    sort: str = "created"
    ascending: bool = False
    all_versions: bool = False

    @property
    def state(self) -> str:
        """Empty for every state."""
        return self.wanted.get("state", "")


def query(parameters: Mapping[str, str], limits: GatewayLimits) -> Query:
    """Read a Query from parameters. Raises Problem for unknown ones: an ignored filter would show too much."""
    unknown = parameters.keys() - {*FILTERS, *PAGING}
    if unknown:
        raise bad(f"unknown filter {min(unknown)[:40]!r}; known are {', '.join((*FILTERS, *PAGING))}")
    wanted = {name: value for name in FILTERS if (value := parameters.get(name))}
    try:
        check(wanted)
    except ValueError as error:
        raise bad(str(error)) from error
    field, *way = parameters.get("sort", "created,desc").lower().replace("metadata.", "").split(",")
    if field not in SORTED or way not in ([], ["asc"], ["desc"]):
        raise bad(
            f"lists are sorted by {', '.join(SORTED)}, with ,asc or ,desc; not by {parameters['sort'][:40]!r}"
        )
    return Query(
        wanted=wanted,
        kind=parameters.get("kind", ""),
        page=_number(parameters, "page", 0, 0, MAX_PAGE),
        size=_number(parameters, "size", 0, 1, limits.largest_page),
        sort=field,
        ascending=way != ["desc"],
        all_versions=parameters.get("versions") == "all",
    )


class Lists:
    """Makes few lists at a time, with a share for each caller, because each costs the API server a full list."""

    def __init__(self, limits: GatewayLimits, shares: Shares) -> None:
        self._limits = limits
        self._shares = shares

    async def page(self, caller: ApiClient, place: Place, asked: Query) -> JSON:
        """One page in the platform's form."""
        async with turn(self._shares, caller):
            return await self._page(caller, place, asked)

    async def _page(self, caller: ApiClient, place: Place, asked: Query) -> JSON:
        found = _Found(place, asked, self._limits.held)
        try:
            for fields in _fields(place, asked):
                async for raw in caller.all(place.resource, place.namespace, fields=fields):
                    found.add(raw)
                    if found.seen > self._limits.listed:
                        too_many = f"more than {self._limits.listed} objects: say kind or state"
                        raise Problem(400, too_many, limit="listed")
            ordered = found.ordered()
            size = _size(ordered, asked, self._limits)
            rows = ordered[asked.page * size : (asked.page + 1) * size]
            content = await _Documents(caller, place, found.held).of(rows)
        except KubeError as error:
            what = f"{place.resource.plural} of project {place.project} cannot be listed"
            raise of_kube(error, what) from error
        return shape(content, len(ordered), asked.page, size)


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


@dataclass(frozen=True, slots=True)
class _Row:
    """The fields of a document that are kept."""

    uid: str
    object_name: str
    name: tuple[str, str]
    """Kind and name, which all versions of an entity share."""
    created: tuple[float, str]
    order: tuple[Any, str]
    size: int


class _Found:
    """Rows that match, and as many of their documents as may be held."""

    def __init__(self, place: Place, asked: Query, most: int) -> None:
        self._place = place
        self._asked = asked
        self._most = most
        self._rows: dict[str, _Row] = {}
        self._bytes = 0
        self._last: tuple[Any, str] | None = None
        """The place in the order beyond which no document is held."""
        self.held: dict[str, bytes] = {}
        """Documents by the uid of their object."""
        self.seen = 0

    def add(self, raw: JSON) -> None:
        """Add an object if it matches; a repeated object counts once."""
        self.seen += 1
        uid = text(mapping(raw.get("metadata")).get("uid"))
        if uid in self._rows or not is_shown(raw):
            return
        document = for_sdk(raw, self._place.project)
        if not self._is_of_the_kind(document) or not matches(document, self._asked.wanted):
            return
        body = orjson.dumps(document)
        self._rows[uid] = _row(raw, document, len(body), self._asked.sort)
        self._hold(self._rows[uid], body)

    def _is_of_the_kind(self, document: JSON) -> bool:
        """The server selected by the kind that was applied; that of a Run from before 0.14 is said by its task."""
        asked = self._asked.kind
        return not earlier_kind(asked) or document.get("kind") == asked

    def ordered(self) -> list[_Row]:
        """All rows in the requested order; only the latest version of each name, where the SDK lists those."""
        rows = list(self._rows.values())
        if self._place.resource in VERSIONED and not self._asked.all_versions:
            latest: dict[tuple[str, str], _Row] = {}
            for row in rows:
                if row.name not in latest or latest[row.name].created < row.created:
                    latest[row.name] = row
            rows = list(latest.values())
        return sorted(rows, key=lambda row: row.order, reverse=not self._asked.ascending)

    def _hold(self, row: _Row, body: bytes) -> None:
        """Keep the document, and drop those at the end of the order when they have too many bytes."""
        if self._last is not None and (row.order < self._last) != self._asked.ascending:
            return
        self.held[row.uid] = body
        self._bytes += len(body)
        if self._bytes <= self._most:
            return
        rows = sorted(
            (self._rows[uid] for uid in self.held),
            key=lambda one: one.order,
            reverse=not self._asked.ascending,
        )
        ends = list(accumulate(one.size for one in rows))
        kept = bisect_right(ends, self._most // 2)
        self.held = {one.uid: self.held[one.uid] for one in rows[:kept]}
        self._bytes = ends[kept - 1] if kept else 0
        self._last = rows[max(0, kept - 1)].order


class _Documents:
    """The documents of rows: held ones, and others that are read again."""

    def __init__(self, caller: ApiClient, place: Place, held: Mapping[str, bytes]) -> None:
        self._caller = caller
        self._place = place
        self._held = held
        self._gate = asyncio.Semaphore(READING)

    async def of(self, rows: Sequence[_Row]) -> list[orjson.Fragment]:
        """The documents of these rows, without those that were deleted meanwhile."""
        found = await asyncio.gather(*map(self._one, rows))
        return [orjson.Fragment(body) for body in found if body is not None]

    async def _one(self, row: _Row) -> bytes | None:
        if row.uid in self._held:
            return self._held[row.uid]
        async with self._gate:
            try:
                raw = await self._caller.get(self._place.resource, self._place.namespace, row.object_name)
            except NotFoundError:
                return None
            if mapping(raw.get("metadata")).get("uid") != row.uid:
                return None
            return orjson.dumps(for_sdk(raw, self._place.project))


def _row(raw: JSON, document: JSON, size: int, sort: str) -> _Row:
    metadata, created = mapping(raw.get("metadata")), newest_first(document)
    name, kind = name_of(document), text(document.get("kind"))
    order: Mapping[str, Any] = {
        "created": created[0],
        "updated": parse(mapping(document.get("metadata")).get("updated")) or 0.0,
        "name": name,
        "kind": kind,
    }
    return _Row(
        text(metadata.get("uid")),
        text(metadata.get("name")),
        (kind, name),
        created,
        (order[sort], created[1]),
        size,
    )


def _size(rows: Sequence[_Row], asked: Query, limits: GatewayLimits) -> int:
    """The number of entities on a page: as requested, or by default as many as an answer may hold.

    Raises Problem where the requested page does not fit: a page with too few entities would hide the others.
    """
    if asked.size:
        there = sum(row.size for row in rows[asked.page * asked.size : (asked.page + 1) * asked.size])
        if there > limits.answer and asked.size > 1:
            raise Problem(
                400,
                f"this page has {there} bytes and an answer at most {limits.answer}: ask for fewer with size=, or leave "
                "size out",
                limit="answer",
            )
        return asked.size
    size = limits.page
    while size > 1 and max(_windows(rows, size), default=0) > limits.answer:
        size //= 2
    return size


def _windows(rows: Sequence[_Row], size: int) -> Iterator[int]:
    """The bytes of each page."""
    ends = [0, *accumulate(row.size for row in rows)]
    for start in range(0, len(rows), size):
        yield ends[min(start + size, len(rows))] - ends[start]


def _fields(place: Place, asked: Query) -> list[str]:
    """The field selectors for the API server. The namespace is the project, whatever the documents say.

    A kind of Run also selects those from before 0.14, of which `_Found` takes the ones whose task says that action.
    """
    earlier = earlier_kind(asked.kind) if place.resource is RUNS else ""
    reported = asked.state if place.resource in MATERIALS else None
    state = asked.state if place.resource is RUNS else None
    return [
        selector(kind=kind or None, state=state or None, reported=reported or None)
        for kind in dict.fromkeys((asked.kind, earlier or asked.kind))
    ]


def _number(parameters: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    value = parameters.get(name, "")
    if not value:
        return default
    if not value.isdecimal() or len(value) > 9 or not least <= int(value) <= most:  # noqa: PLR2004 - digits
        raise bad(f"{name} must be a number from {least} to {most}")
    return int(value)
