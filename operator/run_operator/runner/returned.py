"""Return values of a handler as results that a Run's status can hold."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from .errors import INVALID_RESULT, RESULTS_TOO_LARGE, RunnerError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_BYTES = 64 * 1024
"""Most bytes of all results and outputs of a Run, as JSON."""
MAX_NAMES = 256
MAX_NAME = 128
MAX_DEPTH = 32
MAX_BITS = 4096
"""The most bits of a whole number: Python writes out none of more than 4300 digits."""
SCALARS = (str, int, float, bool)


def listed(returned: Any) -> list[Any]:
    """The values a handler returned: none, one, or as many as a tuple or a list has, as on the platform."""
    if returned is None:
        return []
    return list(returned) if isinstance(returned, (tuple, list)) else [returned]


def is_plain(values: list[Any]) -> bool:
    """Whether all of them are numbers, texts and truth values, which mean the same with and without the SDK."""
    return all(type(value) in SCALARS for value in values)


def is_json(values: list[Any]) -> bool:
    """Whether a status can hold all of them."""
    try:
        check(plain_results(values), {})
    except RunnerError:
        return False
    return True


def plain_results(values: list[Any]) -> dict[str, Any]:
    """Values by the names they get where the handler gives none. Numbers of numpy become Python's."""
    return {f"output_{i}": _native(value, MAX_DEPTH) for i, value in enumerate(values)}


def _native(value: Any, depth: int) -> Any:
    if type(value).__module__ == "numpy" and getattr(value, "ndim", 1) == 0:
        return value.item()
    if depth and type(value) is dict:
        return {key: _native(inner, depth - 1) for key, inner in value.items()}
    if depth and type(value) in (list, tuple):
        return [_native(inner, depth - 1) for inner in value]
    return value


def check(results: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
    """Check that the status of a Run can hold them. Raises RunnerError."""
    if len(results) + len(outputs) > MAX_NAMES:
        raise RunnerError(
            INVALID_RESULT, f"the handler returned {len(results) + len(outputs)} values; at most {MAX_NAMES}"
        )
    for name in (*results, *outputs):
        check_name(name)
    left = MAX_BYTES
    for name, value in (*results.items(), *outputs.items()):
        left -= _size(name, value, left, 1)
        if left < 0:
            raise too_large(name)
    for name, value in outputs.items():
        if not isinstance(value, str):
            raise RunnerError(INVALID_RESULT, f"the output {name} has no key")
    size = len(json.dumps({"results": dict(results), "outputs": dict(outputs)}).encode())
    if size > MAX_BYTES:
        raise too_large(next(iter(results), next(iter(outputs), "")))


def check_name(name: Any) -> None:
    """Check the name of a result or output. Raises RunnerError."""
    good = (
        isinstance(name, str) and 0 < len(name) <= MAX_NAME and name.isprintable() and name not in (".", "..")
    )
    if not good or "/" in name or "\\" in name:
        raise RunnerError(
            INVALID_RESULT,
            f"{str(name)[:MAX_NAME]!r} cannot name an output: use 1 to {MAX_NAME} characters without a slash",
        )


def too_large(name: str) -> RunnerError:
    """Results that no status can hold."""
    return RunnerError(
        RESULTS_TOO_LARGE,
        f"the results of the handler (such as {name!r}) are larger than {MAX_BYTES // 1024} KiB: "
        "log what is large as an artifact, and return numbers and short texts",
    )


def _size(name: str, value: Any, left: int, depth: int) -> int:
    """A lower bound of its bytes as JSON, without making them. Raises RunnerError for what is not JSON."""
    if depth > MAX_DEPTH:
        raise RunnerError(INVALID_RESULT, f"the result {name!r} is nested more than {MAX_DEPTH} levels deep")
    if value is None or isinstance(value, bool):
        return 4
    if isinstance(value, str):
        return len(value)
    if isinstance(value, (int, float)):
        return _size_of_number(name, value)
    if isinstance(value, (list, tuple)):
        return _sum(name, value, left, depth)
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise RunnerError(INVALID_RESULT, f"the result {name!r} holds a map whose keys are not all texts")
        return _sum(name, value.keys(), left, depth) + _sum(name, value.values(), left, depth)
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if kind in ("builtins.generator", "builtins.async_generator"):
        raise RunnerError(
            INVALID_RESULT,
            f"the result {name!r} is a generator, of which nothing has run: a job returns its values, as return list(...); "
            "a served function may yield",
        )
    if isinstance(value, (bytes, bytearray)):
        raise RunnerError(
            INVALID_RESULT,
            f"the result {name!r} is a {kind}, which is not JSON; return a text, or write it to a file and log that as an artifact",
        )
    raise RunnerError(
        INVALID_RESULT,
        f"the result {name!r} is a {kind}, which is not JSON; return numbers, texts, lists and maps; "
        "data frames, models and other objects need the package digitalhub-runtime-python in the image",
    )


def _size_of_number(name: str, value: float) -> int:
    if isinstance(value, int):
        if value.bit_length() > MAX_BITS:
            raise RunnerError(INVALID_RESULT, f"the result {name!r} is a number of more than {MAX_BITS} bits")
        return value.bit_length() // 4 + 1
    if not math.isfinite(value):
        raise RunnerError(INVALID_RESULT, f"the result {name!r} holds {value}, which JSON does not support")
    return 1


def _sum(name: str, values: Any, left: int, depth: int) -> int:
    size = 2
    for value in values:
        size += _size(name, value, left - size, depth + 1) + 1
        if size > left:
            raise too_large(name)
    return size
