"""One CEL expression: compiled within bounds, evaluated within bounds.

The library checks names and types when it compiles, and gives up an evaluation after ten thousand steps of loops.
`expression_bounds` refuses some before they are compiled. The size of their values is bounded here.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any, Final

from run_operator.runtimes.expression_bounds import has_loop, problems

VARIABLES: Final = ("run", "func", "project", "settings", "object")
"""Variables of an expression; `object` exists only where a custom resource is read. CEL reserves the word function."""
MAX_TEXT: Final = 8 * 1024
"""Characters of one text that an expression gets."""
MAX_ENTRIES: Final = 100
"""Entries of a list or a map that an expression gets."""
MAX_DEPTH: Final = 12
MAX_LOOP_TEXT: Final = 1024
"""Characters of one text that an expression with a loop can use."""
MAX_LOOP_VALUES: Final = 500
"""Texts, numbers, lists and maps that an expression with a loop gets, all together."""
MAX_SECONDS: Final = 0.1
"""CPU that all expressions of one rendering may use; those of a usual Runtime use some milliseconds."""
TOO_LONG: Final = b"a text that is too long for a loop"
"""In its place: no function for texts takes bytes, and no document can hold them."""
MAX_RESULT: Final = 64 * 1024
"""Characters and entries of what an expression gives."""
MAX_RESULT_DEPTH: Final = 24
_PLACE: Final = re.compile(r"<input>:(\d+):(\d+): (.*)")

Values = Mapping[str, Any]


class ExpressionError(Exception):
    """The problem, in a sentence without the place of the expression."""


class Given:
    """The values for all expressions of one rendering, and the CPU that these may use together."""

    def __init__(self, environment: Any, values: Values) -> None:
        self._environment = environment
        self._values = values
        self._activations: dict[bool, Any] = {}
        self._spent = 0.0

    def activation(self, *, has_loop: bool) -> Any:
        """The values as the library has them. A loop gets no text that is long."""
        if has_loop not in self._activations:
            values = _shortened(self._values, [MAX_LOOP_VALUES]) if has_loop else self._values
            self._activations[has_loop] = self._environment.Activation(values)
        return self._activations[has_loop]

    def spend(self, seconds: float) -> None:
        """Raise ExpressionError when the expressions have used more CPU than they may."""
        self._spent += seconds
        if self._spent > MAX_SECONDS:
            raise ExpressionError(f"the expressions so far took more than {MAX_SECONDS:g} s of CPU")


class Expression:
    """`evaluate` may be called as often as wanted; compiling costs a millisecond, evaluating some microseconds."""

    def __init__(self, source: str, program: Any) -> None:
        self.source = source
        self._program = program
        self._has_loop = has_loop(source)

    def evaluate(self, given: Given) -> Any:
        """The plain value. `given`: from `Compiler.activation`. Raises ExpressionError."""
        began = time.thread_time()
        try:
            found = self._program.eval(given.activation(has_loop=self._has_loop))
        except RuntimeError as error:
            raise ExpressionError(_said(error)) from error
        if found.type().name() in ("*error*", "ERROR"):
            raise ExpressionError(str(found.plain_value()).replace("\n", " ")[:300])
        value = _Reader().plain(found)
        given.spend(time.thread_time() - began)
        return value


class Compiler:
    """Made once; the library is loaded with the first Runtime and not before."""

    def __init__(self) -> None:
        # Here and not above: most clusters have no Runtime, and a laptop with runctl need not have the library.
        from cel_expr_python import cel  # noqa: PLC0415
        from cel_expr_python.ext import ext_strings  # noqa: PLC0415

        self._environment = cel.NewEnv(
            variables=dict.fromkeys(VARIABLES, cel.Type.DYN), extensions=[ext_strings.ExtStrings()]
        )

    def activation(self, values: Values) -> Given:
        """The values for any number of expressions. `values`: an answer of `bounded` for each of VARIABLES."""
        return Given(self._environment, values)

    def compile(self, source: str) -> Expression:
        """Compile an expression. Raises ExpressionError."""
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


def _shortened(value: Any, left: list[int]) -> Any:
    """The values for a loop. `left`: how many more there may be. Raises ExpressionError."""
    left[0] -= 1
    if left[0] < 0:
        raise ExpressionError(
            f"has a loop, and gets more than {MAX_LOOP_VALUES} values of the document and the settings: declare "
            "large fields asIs"
        )
    if isinstance(value, str) and len(value) > MAX_LOOP_TEXT:
        return TOO_LONG
    if isinstance(value, Mapping):
        return {key: _shortened(inner, left) for key, inner in value.items()}
    if isinstance(value, list):
        return [_shortened(inner, left) for inner in value]
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
        if isinstance(value, bytes | bytearray) and value == TOO_LONG:
            raise ExpressionError(f"uses a text of more than {MAX_LOOP_TEXT} characters in a loop")
        raise ExpressionError(
            f"gives a {type(value).__name__}, which a document cannot have; use string(...)"
        )

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
