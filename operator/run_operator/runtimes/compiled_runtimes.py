"""Runtimes that are compiled already: compiling takes a millisecond an expression, and a Run asks at each look."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from run_operator.fairness import Memo
from run_operator.runtimes.check import checked
from run_operator.runtimes.definition import Definition, InvalidRuntimeError
from run_operator.runtimes.expression import Compiler

MOST: Final = 128
"""Runtimes that are kept compiled, about 100 KiB each."""
Compiled = Definition | InvalidRuntimeError


def definition(spec: Mapping[str, Any], namespace: str = "") -> Definition:
    """The compiled Runtime. Raises InvalidRuntimeError; the same spec gives the same answer without work.

    `namespace`: of a Runtime, empty for a ClusterRuntime.
    """
    found = _memo().get(namespace, json.dumps(spec, sort_keys=True, separators=(",", ":")))
    if isinstance(found, InvalidRuntimeError):
        raise InvalidRuntimeError(found.mistakes)
    return found


def usable(spec: Mapping[str, Any], namespace: str) -> Definition:
    """The same of an object. Raises InvalidRuntimeError."""
    found = definition(spec, namespace)
    if found.resource and namespace:
        raise InvalidRuntimeError(
            ["spec.resource: only a ClusterRuntime can make objects of other operators"]
        )
    return found


def _checked(text: str) -> Compiled:
    try:
        return checked(json.loads(text), _compiler())
    except InvalidRuntimeError as error:
        return error
    except ImportError as error:
        return InvalidRuntimeError([f"cel-expr-python, which reads expressions, cannot be loaded: {error}"])


@lru_cache(maxsize=1)
def _memo() -> Memo[Compiled]:
    return Memo(_checked, MOST)


@lru_cache(maxsize=1)
def _compiler() -> Compiler:
    return Compiler()
