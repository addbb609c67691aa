"""Rows of a list: a few words of each document, and whole documents up to a number of bytes."""

from __future__ import annotations

import asyncio
import hashlib
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

import orjson

from run_operator.api.earlier_documents import earlier_kind
from run_operator.api.filters import matches, name_of
from run_operator.api.raw import JSON, mapping, parse, text
from run_operator.api.run_state import is_shown
from run_operator.gateway.api_client import ApiClient
from run_operator.gateway.encoding import encoded
from run_operator.gateway.entities import Place
from run_operator.gateway.entity_documents import for_sdk, newest_first
from run_operator.gateway.list_query import Query
from run_operator.gateway.summaries import Object, Summary
from run_operator.kube.errors import NotFoundError
from run_operator.kube.resource import CONTENT_ENTITIES, FUNCTIONS

VERSIONED: Final = (FUNCTIONS, *CONTENT_ENTITIES)
"""Lists of these show the latest version of each name, unless all are requested."""
LONGEST_NAME: Final = 255
READING: Final = 4
"""Documents of one page that are read again at once."""


@dataclass(frozen=True, slots=True)
class Row:
    """The few words of a document that are kept."""

    uid: str
    object_name: str
    name: tuple[str, str]
    """Kind and name: versions of one entity have the same."""
    created: tuple[float, str]
    order: tuple[Any, str]
    size: int


class Found:
    """The matching rows, and whole documents up to `most` bytes."""

    def __init__(self, place: Place, asked: Query, most: int) -> None:
        self._place = place
        self._asked = asked
        self._most = most
        self._rows: dict[str, Row] = {}
        self._bytes = 0
        self._last: tuple[Any, str] | None = None
        """The place in the order beyond which no document is held."""
        self.held: dict[str, bytes] = {}
        """Documents by the uid of their object."""
        self.seen = 0
        self.read = 0
        """Bytes of the documents that were looked at."""
        self.looked: set[str] = set()
        """The uids of their objects."""

    def add(self, raw: JSON) -> Summary | None:
        """Take it if it matches; one that comes twice counts once, and one that is being deleted not at all."""
        self.seen += 1
        one = Object.of(mapping(raw.get("metadata")))
        if one.uid in self.looked or not is_shown(raw):
            return None
        document = for_sdk(raw, self._place.project)
        body = encoded(document)
        self.read += len(body)
        summary = Summary.of(document, len(body))
        if self.take(one, document, len(body)):
            self._hold(self._rows[one.uid], body)
        return summary

    def take(self, one: Object, document: JSON, size: int) -> bool:
        """Take it if it matches, by its document or a summary of it; whether it does."""
        self.looked.add(one.uid)
        if not self._is_of_the_kind(document) or not matches(document, self._asked.wanted):
            return False
        self._rows[one.uid] = _row(one, document, size, self._asked.sort)
        return True

    def _is_of_the_kind(self, document: JSON) -> bool:
        """The server selected by the kind that was applied; that of a Run from before 0.14 is said by its task."""
        if not self._place.holds_kind(text(document.get("kind"))):
            return False
        asked = self._asked.kind
        return not earlier_kind(asked) or document.get("kind") == asked

    @property
    def size(self) -> int:
        """Bytes of all that matches."""
        return sum(row.size for row in self._rows.values())

    def ordered(self) -> list[Row]:
        """All rows in the order asked for; of versions of one name the latest, where that is what the SDK lists."""
        rows = list(self._rows.values())
        if self._place.resource in VERSIONED and not self._asked.all_versions:
            latest: dict[tuple[str, str], Row] = {}
            for row in rows:
                if row.name not in latest or latest[row.name].created < row.created:
                    latest[row.name] = row
            rows = list(latest.values())
        return sorted(rows, key=lambda row: row.order, reverse=not self._asked.ascending)

    def _hold(self, row: Row, body: bytes) -> None:
        """Keep the document, and give up those at the end of the order when there are too many bytes."""
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


class Documents:
    """The documents of rows: those that are held, and the others read again."""

    def __init__(self, caller: ApiClient, place: Place, held: Mapping[str, bytes]) -> None:
        self._caller = caller
        self._place = place
        self._held = held
        self._gate = asyncio.Semaphore(READING)

    async def of(self, rows: Sequence[Row]) -> list[orjson.Fragment]:
        """Without those that were deleted meanwhile."""
        found = await asyncio.gather(*map(self._one, rows))
        return [orjson.Fragment(body) for body in found if body is not None]

    async def _one(self, row: Row) -> bytes | None:
        if row.uid in self._held:
            return self._held[row.uid]
        async with self._gate:
            try:
                raw = await self._caller.get(self._place.resource, self._place.namespace, row.object_name)
            except NotFoundError:
                return None
            if mapping(raw.get("metadata")).get("uid") != row.uid:
                return None
            return encoded(for_sdk(raw, self._place.project))


def _row(one: Object, document: JSON, size: int, sort: str) -> Row:
    created = newest_first(document)
    name, kind = _short(name_of(document)), _short(text(document.get("kind")))
    order: Mapping[str, Any] = {
        "created": created[0],
        "updated": parse(mapping(document.get("metadata")).get("updated")) or 0.0,
        "name": name,
        "kind": kind,
    }
    return Row(one.uid, one.name, (kind, name), created, (order[sort], created[1]), size)


def _short(words: str) -> str:
    """Itself, or of a name that is longer than any should be its beginning and what tells it from others."""
    if len(words) <= LONGEST_NAME:
        return words
    digest = hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{words[:LONGEST_NAME]}{digest}"
