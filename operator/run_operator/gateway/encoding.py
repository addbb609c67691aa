"""Answers as JSON."""

from __future__ import annotations

import json
from typing import Any

import orjson

from run_operator.kube.nesting import shallow


def encoded(body: Any) -> bytes:
    """The body as JSON bytes; values that orjson does not know, such as numbers of more than 64 bits, in the slow way.

    Values that are nested more deeply than orjson writes are left out.
    """
    try:
        return orjson.dumps(body)
    except TypeError:
        return json.dumps(shallow(body)).encode()
