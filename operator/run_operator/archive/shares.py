"""How much is kept, and what goes first when it is too much."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from run_operator.resources.constants import ANNOTATION_LOG_SIZE, LABEL_ATTEMPT, LABEL_RUN_UID
from run_operator.resources.raw import mapping, text


class Entry(NamedTuple):
    """A RunLog, without what is in it. `size` in bytes, compressed."""

    namespace: str
    name: str
    uid: str
    run_uid: str
    attempt: int
    size: int
    created: str

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> Entry:
        """From an object's metadata; whatever is missing is empty."""
        labels = mapping(metadata.get("labels"))
        return cls(
            namespace=text(metadata.get("namespace")),
            name=text(metadata.get("name")),
            uid=text(metadata.get("uid")),
            run_uid=text(labels.get(LABEL_RUN_UID)),
            attempt=_number(labels.get(LABEL_ATTEMPT)),
            size=_number(mapping(metadata.get("annotations")).get(ANNOTATION_LOG_SIZE)),
            created=text(metadata.get("creationTimestamp")),
        )


def beyond(entries: Iterable[Entry], limit: int, most: int | None = None) -> list[Entry]:
    """What has to go so that the rest has at most `limit` bytes and `most` objects: the oldest, by attempt within a Run."""
    left = sorted(entries, key=lambda entry: (entry.created, entry.attempt, entry.name))
    size, gone = sum(entry.size for entry in left), 0
    while gone < len(left) and (size > limit or (most is not None and len(left) - gone > most)):
        size -= left[gone].size
        gone += 1
    return left[:gone]


def _number(value: Any) -> int:
    found = text(value)
    return int(found) if found.isdecimal() and len(found) < 16 else 0  # noqa: PLR2004 - a petabyte
