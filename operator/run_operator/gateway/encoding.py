"""Answers as JSON."""

from __future__ import annotations

import json
from typing import Any

import orjson

from run_operator.kube.nesting import shallow


def encoded(body: Any) -> bytes:
    """As bytes; what orjson has no word for, such as numbers of more than 64 bits, in the slow way.

    What is nested more deeply than orjson writes is left out.
    """
    try:
        return orjson.dumps(body)
    except TypeError:
        return json.dumps(shallow(body)).encode()
