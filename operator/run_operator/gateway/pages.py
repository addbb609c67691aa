"""Lists in pages, the newest first, with the filters the SDK sends.

The API server has neither pages by number nor that order. So each page looks at all objects the caller may list, and
holds only the documents that may be on it.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from run_operator.api.exported import matches, selector
from run_operator.api.raw import JSON, mapping, text
from run_operator.gateway.api_client import ApiClient
from run_operator.gateway.entities import Place
from run_operator.gateway.entity_documents import entity, newest_first
from run_operator.gateway.errors import Problem, bad, of_kube
from run_operator.gateway.limits import GatewayLimits
from run_operator.kube.errors import KubeError
from run_operator.kube.resource import FUNCTIONS, MATERIALS, RUNS

FILTERS: Final = ("q", "name", "user", "function", "workflow", "task", "created", "updated", "action")
PAGING: Final = ("page", "size", "sort", "versions", "kind", "state")
VERSIONED: Final = (FUNCTIONS, *MATERIALS)
"""Of these a list shows the latest version of each name, unless all are asked for."""
MAX_PAGE: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Query:
    """What of a list is asked for."""

    wanted: Mapping[str, str]
    kind: str = ""
    state: str = ""
    page: int = 0
    size: int = 0
    oldest_first: bool = False
    all_versions: bool = False

    @property
    def end(self) -> int:
        """Of the page."""
        return (self.page + 1) * self.size


def query(parameters: Mapping[str, str], limits: GatewayLimits) -> Query:
    """Raises Problem for what is not understood: a filter that is left out would show too much."""
    unknown = parameters.keys() - {*FILTERS, *PAGING}
    if unknown:
        raise bad(f"unknown filter {min(unknown)[:40]!r}; known are {', '.join((*FILTERS, *PAGING))}")
    order = parameters.get("sort", "created,desc").lower().replace("metadata.", "").split(",")
    if order[0] not in ("created", "updated") or order[1:] not in ([], ["asc"], ["desc"]):
        raise bad(f"lists are sorted by created,desc or created,asc, not by {parameters['sort'][:40]!r}")
    return Query(
        wanted={name: value for name in FILTERS if (value := parameters.get(name))},
        kind=parameters.get("kind", ""),
        state=parameters.get("state", ""),
        page=_number(parameters, "page", 0, 0, MAX_PAGE),
        size=_number(parameters, "size", limits.page, 1, limits.largest_page),
        oldest_first=order[1:] == ["asc"],
        all_versions=parameters.get("versions") == "all",
    )


class Lists:
    """Few at a time: each costs the API server a full list."""

    def __init__(self, limits: GatewayLimits) -> None:
        self._limits = limits
        self._gate = asyncio.Semaphore(limits.lists)

    async def page(self, caller: ApiClient, place: Place, asked: Query) -> JSON:
        """One page, in the platform's shape."""
        async with self._gate:
            latest_only = place.resource in VERSIONED and not asked.all_versions
            found = (_Latest if latest_only else _Newest)(asked, place.project)
            try:
                async for raw in caller.all(place.resource, place.namespace, fields=_fields(place, asked)):
                    found.add(raw)
                    if found.seen > self._limits.listed:
                        told = f"more than {self._limits.listed} objects: say kind or state"
                        raise Problem(400, told, limit="listed")
            except KubeError as error:
                what = f"{place.resource.plural} of project {place.project} cannot be listed"
                raise of_kube(error, what) from error
        return page(found.content(), found.total, asked)


def page(content: list[JSON], total: int, asked: Query) -> JSON:
    """In the platform's shape."""
    pages = -(-total // asked.size)
    return {
        "content": content,
        "totalElements": total,
        "totalPages": pages,
        "number": asked.page,
        "size": asked.size,
        "numberOfElements": len(content),
        "first": asked.page == 0,
        "last": asked.page >= pages - 1,
        "empty": not content,
    }


class _Newest:
    """Holds the documents up to the end of the page, and of the others their number."""

    def __init__(self, asked: Query, project: str) -> None:
        self._asked = asked
        self._project = project
        self._heap: list[tuple[tuple[float, str], int, JSON]] = []
        self._uids: set[str] = set()
        self.seen = 0

    @property
    def total(self) -> int:
        """Documents that match."""
        return len(self._uids)

    def add(self, raw: JSON) -> None:
        """Take it if it matches; one that comes twice counts once."""
        self.seen += 1
        document, uid = entity(raw, self._project), text(mapping(raw.get("metadata")).get("uid"))
        if uid in self._uids or not matches(document, self._asked.wanted):
            return
        self._uids.add(uid)
        created, entity_id = newest_first(document)
        entry = ((-created if self._asked.oldest_first else created, entity_id), self.seen, document)
        if len(self._heap) < self._asked.end:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heappushpop(self._heap, entry)

    def content(self) -> list[JSON]:
        """Of the page."""
        ordered = sorted(self._heap, key=lambda entry: entry[:2], reverse=True)
        return [entry[2] for entry in ordered[self._asked.page * self._asked.size :]]


class _Latest(_Newest):
    """Of each name the newest only, as the SDK lists functions: all of them are held."""

    def __init__(self, asked: Query, project: str) -> None:
        super().__init__(replace(asked, page=0, size=MAX_PAGE), project)
        self._page = asked

    @property
    def total(self) -> int:
        """Names that match."""
        return len(self._names())

    def content(self) -> list[JSON]:
        """Of the page."""
        return self._names()[self._page.page * self._page.size : self._page.end]

    def _names(self) -> list[JSON]:
        ordered = super().content()
        newest = ordered[::-1] if self._page.oldest_first else ordered
        names: dict[tuple[str, str], JSON] = {}
        for document in newest:
            names.setdefault((text(document.get("kind")), text(document.get("name"))), document)
        found = list(names.values())
        return found[::-1] if self._page.oldest_first else found


def _fields(place: Place, asked: Query) -> str:
    """What the API server can select by. The namespace is the project, whatever the documents say."""
    reported = asked.state if place.resource in MATERIALS else None
    state = asked.state if place.resource is RUNS else None
    return selector(kind=asked.kind or None, state=state or None, reported=reported or None)


def _number(parameters: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    value = parameters.get(name, "")
    if not value:
        return default
    if not value.isdecimal() or len(value) > 9 or not least <= int(value) <= most:  # noqa: PLR2004 - digits
        raise bad(f"{name} must be a number from {least} to {most}")
    return int(value)
