"""Numbers as they are stored: which are accepted, and how many bytes of JSON they need.

A number is an `int` within int64 or a finite `float`; None stands for NaN and infinities, which JSON cannot express.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from math import inf
from typing import Final

Number = int | float
Value = Number | None

LONGEST: Final = 26
"""Bytes of the longest number with its comma, as Python or Go writes it."""
_INT64: Final = 2**63
_KINDS: Final = frozenset({int, float, type(None)})
_GO_PLAIN_FROM: Final = 1e-6
_GO_PLAIN_TO: Final = 1e21
_ESCAPED_BY_GO: Final = "<>&"


class NotANumberError(ValueError):
    """A value is not a number that can be stored; the message says which and why."""


def numbers(values: Sequence[object]) -> list[Value]:
    """The values; integers beyond int64 become doubles. Raises NotANumberError, also for booleans and texts."""
    kinds = set(map(type, values))
    if not kinds <= _KINDS:
        raise NotANumberError(_odd(values))
    found: list[Value] = list(values)  # type: ignore[arg-type]
    if int in kinds:
        found = [_int64(value) if type(value) is int else value for value in found]
    if float in kinds and (inf in found or -inf in found):  # a NaN cannot come out of JSON
        raise NotANumberError("a number beyond the range of a double; send null for NaN and infinities")
    return found


def text_bytes(values: Sequence[Value]) -> int:
    """Bytes of the values in JSON, each with a comma; an upper bound for the API server and `json.dumps`."""
    if not values:
        return 0
    text = json.dumps(values, separators=(",", ":"))
    size = len(text) - 1
    return size + sum(map(_grown, values)) if "e" in text else size


@lru_cache(maxsize=4096)
def key_bytes(key: str) -> int:
    """Bytes of the key in JSON with its colon and a comma; the API server escapes `<`, `>` and `&`."""
    return len(json.dumps(key)) + 5 * sum(key.count(letter) for letter in _ESCAPED_BY_GO) + 2


def _grown(value: Value) -> int:
    """Extra bytes of a number that Python writes with an exponent and Go without."""
    if isinstance(value, float) and "e" in repr(value) and _GO_PLAIN_FROM <= abs(value) < _GO_PLAIN_TO:
        return LONGEST - len(repr(value)) - 1
    return 0


def _int64(value: int) -> Number:
    if -_INT64 <= value < _INT64:
        return value
    try:
        return float(value)
    except OverflowError as error:
        raise NotANumberError("an integer beyond the range of a double") from error


def _odd(values: Sequence[object]) -> str:
    at, value = next((i, v) for i, v in enumerate(values) if type(v) not in _KINDS)
    kinds: dict[type, str] = {bool: "true or false", str: "a text", list: "a list", dict: "an object"}
    return f"value {at} is {kinds.get(type(value), type(value).__name__)}, not a number"
