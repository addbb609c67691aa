"""From the metrics that are in a status to the ones that are to be there, in few bytes: of a list that grew, its new end."""

from __future__ import annotations

from run_operator.resources.raw import JSON

from collections.abc import Mapping
from typing import Any, Final

from run_operator.resources.raw import pointer

ROOT: Final = ("status", "metrics")
MOST: Final = 1000
"""Values that one patch adds one by one: the API server walks to the list for each, and takes 10,000 operations at most."""
SHARE: Final = 4
"""A new end is added to a list when it is this many times shorter than the list; else the list is written whole."""



def difference(there: JSON | None, wanted: JSON) -> list[dict[str, Any]]:
    """JSON patch operations that turn the one `status.metrics` into the other.

    `there`: what the status holds for certain; None where that is not known, and everything is written.
    """
    if not there or not there.keys() <= wanted.keys():
        return [{"op": "add", "path": pointer(*ROOT), "value": wanted}]
    found: list[dict[str, Any]] = []
    for key, value in wanted.items():
        path, before = pointer(*ROOT, key), there.get(key)
        end = _new_end(before, value)
        if end is not None and len(found) + len(end) <= MOST:
            found += ({"op": "add", "path": f"{path}/-", "value": one} for one in end)
        elif before != value:
            found.append({"op": "add", "path": path, "value": value})
    return found


def _new_end(before: Any, value: Any) -> list[Any] | None:
    """The values that were appended; None where that is not all, or not little."""
    if not isinstance(before, list) or not isinstance(value, list):
        return None
    end = value[len(before) :]
    return end if SHARE * len(end) <= len(value) and value[: len(before)] == before else None
