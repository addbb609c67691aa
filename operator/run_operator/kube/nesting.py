"""JSON of others, whatever its depth: the API server stores objects that are nested ten thousand deep, and no parser here reads them.

One such object would end every list and every watch that it is in, those of all namespaces with it. So what is nested deeper
than anybody needs is left out before it is read.
"""

from __future__ import annotations

import re
from typing import Any, Final

import orjson

DEEPEST: Final = 150
"""Levels that are read: fewer than what is written back may have."""
FEW: Final = 600
"""Opening brackets; any parser reads a text with no more. Events of usual objects have fewer, and are not looked through."""
LEFT_OUT: Final = b"null"
_TOKEN: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[{\]}]', re.DOTALL)


def loads(payload: bytes) -> Any:
    """The value. Raises ValueError for what is not JSON."""
    try:
        return orjson.loads(payload)
    except ValueError:
        shorter = cut(payload)
        if shorter is payload:
            raise
        return orjson.loads(shorter)


def shallow(value: Any, deepest: int = DEEPEST) -> Any:
    """The same value without what is nested deeper."""
    if not isinstance(value, dict | list):
        return value
    if not deepest:
        return None
    if isinstance(value, dict):
        return {key: shallow(inner, deepest - 1) for key, inner in value.items()}
    return [shallow(inner, deepest - 1) for inner in value]


def cut(payload: bytes, deepest: int = DEEPEST) -> bytes:
    """The same without what is nested deeper; itself where nothing is."""
    if payload.count(b"[") + payload.count(b"{") <= FEW:
        return payload
    kept: list[bytes] = []
    depth = start = 0
    for token in _TOKEN.finditer(payload):
        sign = token[0]
        if sign in (b"[", b"{"):
            depth += 1
            if depth == deepest + 1:
                kept += (payload[start : token.start()], LEFT_OUT)
        elif sign in (b"]", b"}"):
            if depth == deepest + 1:
                start = token.end()
            depth -= 1
    if not kept:
        return payload
    return b"".join((*kept, payload[start:]))
