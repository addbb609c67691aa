"""The few words of large documents by which lists are filtered and sorted, kept by object and version.

A list of large objects reads their metadata, which is little, and whole documents only of objects that have changed since
somebody read them here. A caller that is shown a summary has just read the metadata of that object from the API server, which
takes the same right.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import orjson

from run_operator.api.filters import name_of
from run_operator.api.raw import JSON, mapping, text
from run_operator.gateway.entities import Place

LONGEST: Final = 4096
"""Bytes of a summary that is kept; one with longer words is read again each time."""
KEPT: Final = 33_554_432
"""Bytes of all of them."""
EACH: Final = 400
"""Bytes that one costs beside its words."""


class Object(NamedTuple):
    """One object at one version."""

    uid: str
    version: str
    name: str

    @classmethod
    def of(cls, metadata: JSON) -> Object:
        """The place and version of an object, by its metadata."""
        return cls(*(text(metadata.get(key)) for key in ("uid", "resourceVersion", "name")))


@dataclass(frozen=True, slots=True)
class Summary:
    """`words`: a document of the same shape, with what filters and orders look at. `size`: bytes of the whole one."""

    words: bytes
    size: int

    @classmethod
    def of(cls, document: JSON, size: int) -> Summary:
        """The summary of a document as the SDK reads it."""
        metadata, spec = mapping(document.get("metadata")), mapping(document.get("spec"))
        words: dict[str, Any] = {
            "id": document.get("id"), "name": document.get("name"), "kind": document.get("kind"), "user": document.get("user"),
            "metadata": {key: metadata.get(key) for key in ("created", "updated")} | {"name": name_of(document)},
            "spec": {key: spec.get(key) for key in ("function", "workflow", "task")},
            "status": {"state": mapping(document.get("status")).get("state")},
        }  # fmt: skip
        return cls(orjson.dumps(words), size)

    @property
    def document(self) -> JSON:
        """The words as a document."""
        found: JSON = orjson.loads(self.words)
        return found


class Summaries:
    """Bounded by bytes; where there are too many, the namespace with the most gives up its oldest."""

    def __init__(self, most: int = KEPT, places: int = 1024) -> None:
        self._most = most
        self._kept: dict[str, OrderedDict[str, tuple[str, Summary]]] = {}
        self._bytes: Counter[str] = Counter()
        self._total = 0
        self._large: OrderedDict[tuple[str, str], asyncio.Lock] = OrderedDict()
        self._places = places

    def get(self, namespace: str, one: Object) -> Summary | None:
        """The summary of this object at this version."""
        there = self._kept.get(namespace)
        kept = there.get(one.uid) if there is not None else None
        return kept[1] if kept is not None and kept[0] == one.version else None

    def keep(self, namespace: str, one: Object, summary: Summary) -> None:
        """Remember it, unless it is too long."""
        if len(summary.words) > LONGEST:
            return
        there = self._kept.setdefault(namespace, OrderedDict())
        if one.uid in there:
            self._forget(namespace, one.uid)
        there = self._kept.setdefault(namespace, there)
        there[one.uid] = one.version, summary
        self._bytes[namespace] += EACH + len(summary.words)
        self._total += EACH + len(summary.words)
        while self._total > self._most:
            largest = max(self._bytes, key=lambda name: self._bytes[name])
            self._forget(largest, next(iter(self._kept[largest])))

    def is_large(self, place: Place) -> bool:
        """Whether the objects there were too many bytes to be read through for each list."""
        return (place.resource.plural, place.namespace) in self._large

    def reading(self, place: Place) -> asyncio.Lock:
        """Held by who reads the documents of a large place, so that others find them read."""
        key = place.resource.plural, place.namespace
        lock = self._large.setdefault(key, asyncio.Lock())
        self._large.move_to_end(key)
        if len(self._large) > self._places:
            self._large.popitem(last=False)
        return lock

    def is_small(self, place: Place) -> None:
        """It is no longer large."""
        self._large.pop((place.resource.plural, place.namespace), None)

    def _forget(self, namespace: str, uid: str) -> None:
        there = self._kept[namespace]
        _, summary = there.pop(uid)
        self._bytes[namespace] -= EACH + len(summary.words)
        self._total -= EACH + len(summary.words)
        if not there:
            del self._kept[namespace], self._bytes[namespace]
