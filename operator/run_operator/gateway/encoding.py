"""Answers as JSON."""

from __future__ import annotations

import json
from typing import Any

import orjson


def encoded(body: Any) -> bytes:
    """JSON as bytes. Values that orjson cannot write, such as numbers of more than 64 bits, take a slower way."""
    try:
        return orjson.dumps(body)
    except TypeError:
        return json.dumps(body).encode()
