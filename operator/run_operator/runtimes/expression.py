"""One CEL expression: compiled within bounds, evaluated within bounds.

The library checks names and types when it compiles, and gives up an evaluation after ten thousand steps of loops.
`expression_bounds` says what is not compiled at all. What a value is read into is bounded here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from run_operator.runtimes.expression_bounds import problems

VARIABLES: Final = ("run", "function", "project", "settings", "object")
"""What an expression may use; `object` only where a custom resource is read."""
MAX_TEXT: Final = 8 * 1024
"""Characters of one text that an expression gets."""
MAX_ENTRIES: Final = 100
"""Entries of a list or a map that an expression gets."""
MAX_DEPTH: Final = 12
MAX_RESULT: Final = 64 * 1024
"""Characters and entries of what an expression gives."""
MAX_RESULT_DEPTH: Final = 24
_PLACE: Final = re.compile(r"<input>:(\d+):(\d+): (.*)")

Values = Mapping[str, Any]
Activation = Any
"""Values as the library has them."""


class ExpressionError(Exception):
    """What is wrong, in a sentence without the place of the expression."""


class Expression:
    """`evaluate` may be called as often as wanted; compiling costs a millisecond, evaluating some microseconds."""

    def __init__(self, source: str, program: Any) -> None:
        self.source = source
        self._program = program

    def evaluate(self, values: Activation) -> Any:
        """The plain value. `values`: of `Compiler.activation`. Raises ExpressionError."""
        try:
            found = self._program.eval(values)
        except RuntimeError as error:
            raise ExpressionError(_said(error)) from error
        if found.type().name() in ("*error*", "ERROR"):
            raise ExpressionError(str(found.plain_value()).replace("\n", " ")[:300])
        return _Reader().plain(found)


class Compiler:
    """Made once; the library is loaded with the first Runtime and not before."""

    def __init__(self) -> None:
        # Here and not above: most clusters have no Runtime, and a laptop with runctl need not have the library.
        from cel_expr_python import cel  # noqa: PLC0415
        from cel_expr_python.ext import ext_strings  # noqa: PLC0415

        self._environment = cel.NewEnv(
            variables=dict.fromkeys(VARIABLES, cel.Type.DYN), extensions=[ext_strings.ExtStrings()]
        )

    def activation(self, values: Values) -> Activation:
        """What any number of expressions are evaluated with. `values`: an answer of `bounded` for each of VARIABLES."""
        return self._environment.Activation(values)

    def compile(self, source: str) -> Expression:
        """Raises ExpressionError."""
        for problem in problems(source):
            raise ExpressionError(problem)
        try:
            return Expression(source, self._environment.compile(source))
        except RuntimeError as error:
            raise ExpressionError(_said(error)) from error


def bounded(value: Any, path: str, depth: int = 1) -> Any:
    """The value as expressions may get it. Raises ExpressionError for one that is too large, naming its place."""
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise ExpressionError(
            f"{path} has {len(value)} characters, and an expression takes at most {MAX_TEXT}"
        )
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Mapping | list) and (len(value) > MAX_ENTRIES or depth > MAX_DEPTH):
        raise ExpressionError(
            f"{path} is too large: an expression takes at most {MAX_ENTRIES} entries, {MAX_DEPTH} levels deep"
        )
    if isinstance(value, Mapping):
        return {str(key): bounded(inner, f"{path}.{key}", depth + 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [bounded(inner, f"{path}[{i}]", depth + 1) for i, inner in enumerate(value)]
    return value


class _Reader:
    """Reads one value of the library, entry by entry: a list of a few megabytes there can be gigabytes as Python has it."""

    def __init__(self) -> None:
        self._left = MAX_RESULT

    def plain(self, found: Any, depth: int = 1) -> Any:
        """As JSON has it: times and bytes have no place in a document. Raises ExpressionError."""
        value = found.value()
        self._take(len(value) + 1 if isinstance(value, str | list | Mapping) else 1)
        if isinstance(value, Mapping | list) and depth > MAX_RESULT_DEPTH:
            raise ExpressionError(f"gives a value of more than {MAX_RESULT_DEPTH} levels")
        if isinstance(value, Mapping):
            return {self._key(key): self.plain(inner, depth + 1) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.plain(inner, depth + 1) for inner in value]
        if value is None or isinstance(value, bool | int | float | str):
            return value
        raise ExpressionError(f"gives a {type(value).__name__}, which no document can hold; use string(...)")

    def _key(self, key: Any) -> str:
        self._take(len(str(key)))
        return str(key)

    def _take(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise ExpressionError(f"gives more than {MAX_RESULT} characters and entries")


def _said(error: Exception) -> str:
    """The library's sentence with the column, without the picture of the expression."""
    text = str(error)
    found = _PLACE.search(text)
    if found is None:
        return text.partition("\n")[0][:300]
    return f"{found[3].strip()[:300]} (line {found[1]}, column {found[2]})"
