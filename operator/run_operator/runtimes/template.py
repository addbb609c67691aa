"""A template: JSON whose texts may hold `${ expression }`.

A text that is one expression becomes its value, whatever its type. Null leaves the key or the entry out, and a list in a
list is put into it entry by entry. `$${` is the two characters `${`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from run_operator.runtimes.expression import Compiler, Expression, ExpressionError, Given, Values

MAX_EXPRESSIONS: Final = 100
MAX_DEPTH: Final = 24
OPEN: Final = "${"
_QUOTES: Final = "\"'"


class TemplateError(Exception):
    """`place` is that of the text within the template: `document.spec.args[1]`."""

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(f"{place}: {problem}")
        self.place = place


class Text:
    """A text with expressions in it: pieces of text, and expressions."""

    def __init__(self, parts: tuple[str | Expression, ...]) -> None:
        self.parts = parts

    def render(self, values: Given) -> Any:
        """The template with these values in it. Raises ExpressionError."""
        if len(self.parts) == 1 and isinstance(self.parts[0], Expression):
            return self.parts[0].evaluate(values)
        return "".join(
            part if isinstance(part, str) else _written(part.evaluate(values)) for part in self.parts
        )


class _Map(dict[str, Any]):
    """A map with a text to be rendered somewhere in it."""


class _List(list[Any]):
    """The same of a list."""


_DYNAMIC: Final = (Text, _Map, _List)


class Template:
    """Compiled once, rendered for each Run."""

    def __init__(self, content: Any, place: str, compiler: Compiler) -> None:
        """Raises TemplateError for the first text that is wrong; `mistakes` has all of them."""
        self.place = place
        self._activation = compiler.activation
        self.mistakes: list[TemplateError] = []
        self._count = 0
        self._content = self._compiled(content, place, compiler, 1)

    def render(self, values: Values) -> Any:
        """The JSON for these values. Raises TemplateError."""
        return _rendered(self._content, self._activation(values), self.place)

    def trials(self, values: Values) -> Iterator[TemplateError]:
        """The errors with these values, one for each text that fails."""
        given = self._activation(values)
        for place, text in _texts(self._content, self.place):
            try:
                text.render(given)
            except ExpressionError as error:
                yield TemplateError(place, str(error))

    def _compiled(self, content: Any, place: str, compiler: Compiler, depth: int) -> Any:
        if depth > MAX_DEPTH:
            self.mistakes.append(TemplateError(place, f"is more than {MAX_DEPTH} levels deep"))
            return None
        if isinstance(content, Mapping):
            found = {
                key: self._compiled(inner, f"{place}.{key}", compiler, depth + 1)
                for key, inner in content.items()
                if inner is not None
            }
            return _Map(found) if any(isinstance(one, _DYNAMIC) for one in found.values()) else found
        if isinstance(content, list):
            entries = [
                self._compiled(inner, f"{place}[{i}]", compiler, depth + 1) for i, inner in enumerate(content)
            ]
            is_plain = not any(one is None or isinstance(one, (*_DYNAMIC, list)) for one in entries)
            return entries if is_plain else _List(entries)
        return (
            self._text(content, place, compiler) if isinstance(content, str) and OPEN in content else content
        )

    def _text(self, content: str, place: str, compiler: Compiler) -> Any:
        if self._count > MAX_EXPRESSIONS:
            return None  # the mistake is reported, and nothing more is compiled
        try:
            parts = tuple(self._parts(content, compiler))
        except ExpressionError as error:
            self.mistakes.append(TemplateError(place, str(error)))
            return None
        return parts[0] if len(parts) == 1 and isinstance(parts[0], str) else Text(parts)

    def _parts(self, text: str, compiler: Compiler) -> Iterator[str | Expression]:
        plain: list[str] = []
        at = 0
        while (start := text.find(OPEN, at)) >= 0:
            if start and text[start - 1] == "$":
                plain.append(text[at : start - 1] + OPEN)
                at = start + len(OPEN)
                continue
            plain.append(text[at:start])
            end = _end(text, start + len(OPEN))
            if before := "".join(plain):
                yield before
            yield self._expression(text[start + len(OPEN) : end].strip(), compiler)
            plain, at = [], end + 1
        if rest := "".join((*plain, text[at:])):
            yield rest

    def _expression(self, source: str, compiler: Compiler) -> Expression:
        self._count += 1
        if self._count > MAX_EXPRESSIONS:
            raise ExpressionError(
                f"is expression {self._count} of its part; at most {MAX_EXPRESSIONS} are allowed"
            )
        return compiler.compile(source)


def _end(text: str, at: int) -> int:
    """Where the expression ends: its brace, and not one of a map or of a text in it."""
    depth, quote = 0, ""
    while at < len(text):
        one = text[at]
        if quote:
            at += one == "\\"
            quote = "" if one == quote else quote
        elif one in _QUOTES:
            quote = one
        elif one == "{":
            depth += 1
        elif one == "}":
            if not depth:
                return at
            depth -= 1
        at += 1
    raise ExpressionError("begins with ${ but does not end with }")


def _rendered(content: Any, values: Given, place: str) -> Any:
    if isinstance(content, Text):
        try:
            return content.render(values)
        except ExpressionError as error:
            raise TemplateError(place, str(error)) from error
    if isinstance(content, _Map):
        found = {key: _rendered(inner, values, f"{place}.{key}") for key, inner in content.items()}
        return {key: value for key, value in found.items() if value is not None}
    if isinstance(content, _List):
        entries: list[Any] = []
        for i, inner in enumerate(content):
            value = _rendered(inner, values, f"{place}[{i}]")
            entries += value if isinstance(value, list) else [] if value is None else [value]
        return entries
    return content


def _texts(content: Any, place: str) -> Iterator[tuple[str, Text]]:
    if isinstance(content, Text):
        yield place, content
    elif isinstance(content, dict):
        for key, inner in content.items():
            yield from _texts(inner, f"{place}.{key}")
    elif isinstance(content, list):
        for i, inner in enumerate(content):
            yield from _texts(inner, f"{place}[{i}]")


def _written(value: Any) -> str:
    """Inside of a text: a text as it is, nothing for null, JSON for all else."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
