"""Calls that an expression may hold: none whose result can grow far beyond its arguments.

The authors of Runtimes are people of one namespace, and the operator evaluates for all. The library bounds the steps of a
loop and nothing else: two calls of `replace` make gigabytes of one kilobyte. So the source is read before it is compiled.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

MAX_LENGTH: Final = 1024
"""Characters of one expression."""
MAX_SUMS: Final = 8
"""Plus signs of an expression with a loop: each adds up to the bound of a text, at each step."""
MAX_COMMAS: Final = 16
MAX_PATTERN: Final = 100
MAX_MATCHES: Final = 3
"""Calls of `matches` in one expression."""
MAX_REPEATED: Final = 1000
"""Characters of a pattern times its number in braces: as long as the pattern without braces would be."""
MAX_COMPARISONS: Final = 4
"""Comparisons in an expression with a loop: each may look through all values, at each step."""
MAX_SEPARATOR: Final = 16
"""Characters between two texts that are joined."""
LOOPS: Final = frozenset({"all", "exists", "exists_one", "map", "filter", "split"})
"""Calls that go through the entries of a list, or split a text into one. An expression may have one of them."""
CALLS: Final = LOOPS | {
    "bool", "charAt", "contains", "double", "duration", "dyn", "endsWith", "has", "indexOf", "int", "join", "lastIndexOf",
    "lowerAscii", "matches", "replace", "size", "startsWith", "string", "substring", "timestamp", "trim", "type", "uint",
    "upperAscii",
}  # fmt: skip
_OPERATORS: Final = frozenset({"in"})
"""Words that may stand before a parenthesis and are not calls."""
_OUTSIDE: Final = re.compile(r"""//|`|'''|\"\"\"|(\w*)("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""", re.DOTALL)
_CALL: Final = re.compile(r"(\w+)\s*\(")
_REPLACE: Final = re.compile(r"\breplace\s*\(\s*\x00(\d+)\x00\s*,\s*\x00(\d+)\x00\s*[,)]")
_MATCHES: Final = re.compile(r"\bmatches\s*\(\s*\x00(\d+)\x00\s*\)")
_REPEATED: Final = re.compile(r"\{(\d*),?(\d*)\}")
_COMPARISON: Final = re.compile(r"[=!]=|\bin\b")
_JOIN: Final = re.compile(r"\bjoin\s*\(\s*(?:\x00(\d+)\x00\s*)?\)")


def problems(source: str) -> Iterator[str]:
    """The problems, each a sentence without its subject."""
    if len(source) > MAX_LENGTH:
        yield f"has {len(source)} characters; at most {MAX_LENGTH} are allowed"
        return
    if "\x00" in source:
        yield "has a NUL character"
        return
    texts: list[str] = []
    for found in _OUTSIDE.finditer(source):
        if found[2] is None or found[1]:
            yield f"has {found[0][:3]}: write texts as 'text', without a letter before them, and no comments"
            return
        texts.append(found[2][1:-1])
    numbers = iter(range(len(texts)))
    bare = _OUTSIDE.sub(lambda _: f"\x00{next(numbers)}\x00", source)
    yield from _of_calls(bare)
    yield from _of_loops(bare)
    yield from _of_patterns(bare, texts)
    yield from _of_replacements(bare, texts)
    yield from _of_joins(bare, texts)


def _of_calls(bare: str) -> Iterator[str]:
    calls = _CALL.findall(bare)
    for name in dict.fromkeys(calls):
        if name not in CALLS | _OPERATORS:
            yield f"calls {name[:40]}, and an expression may call {', '.join(sorted(CALLS))}"
    loops = sum(name in LOOPS for name in calls)
    if loops > 1:
        yield f"has more than one of {', '.join(sorted(LOOPS))}"
    if loops and bare.count("+") > MAX_SUMS:
        yield f"has a loop and {bare.count('+')} plus signs; at most {MAX_SUMS} are allowed beside a loop"


def has_loop(source: str) -> bool:
    """Whether the expression may go through the entries of a list."""
    return any(name in LOOPS for name in _CALL.findall(source))


def _of_loops(bare: str) -> Iterator[str]:
    """Problems of loops: a step may not join texts, which could make a very long one, nor match a pattern, which takes long."""
    for found in _CALL.finditer(bare):
        if found[1] not in LOOPS:
            continue
        inside = _CALL.findall(_inside(bare, found.end()))
        if "join" in inside:
            yield "has a join inside a loop: join the result of the loop"
        if "matches" in inside:
            yield "has a matches inside a loop: use startsWith, endsWith or contains there"
        if len(_COMPARISON.findall(bare)) > MAX_COMPARISONS:
            yield f"has a loop and more than {MAX_COMPARISONS} comparisons"
        if bare.count(",") > MAX_COMMAS:
            yield f"has a loop and {bare.count(',')} commas; at most {MAX_COMMAS} are allowed beside a loop"


def _inside(bare: str, start: int) -> str:
    """The text from here to the parenthesis that is closed last."""
    depth = 1
    for at in range(start, len(bare)):
        depth += (bare[at] == "(") - (bare[at] == ")")
        if not depth:
            return bare[start:at]
    return bare[start:]


def _of_patterns(bare: str, texts: list[str]) -> Iterator[str]:
    """A repetition of repetitions is as long as their product."""
    patterns = [texts[int(found)] for found in _MATCHES.findall(bare)]
    if len(patterns) < _CALL.findall(bare).count("matches"):
        yield "may match a pattern in quotes"
    if len(patterns) > MAX_MATCHES:
        yield f"has {len(patterns)} calls of matches; at most {MAX_MATCHES} are allowed"
    if any(len(one) * _repetitions(one) > MAX_REPEATED for one in patterns):
        yield f"may match a pattern whose length times its number in braces is at most {MAX_REPEATED}"
    if any(len(one) > MAX_PATTERN or one.count("{") > 1 for one in patterns):
        yield f"may match a pattern of at most {MAX_PATTERN} characters with at most one repetition in braces"


def _repetitions(pattern: str) -> int:
    found = [int(number) for pair in _REPEATED.findall(pattern) for number in pair if number]
    return max(found, default=1)


def _of_replacements(bare: str, texts: list[str]) -> Iterator[str]:
    """One that makes a text longer can be repeated, and each of the calls multiplies."""
    shorter = [
        "\\" not in texts[int(old)] + texts[int(new)] and len(texts[int(new)]) <= len(texts[int(old)])
        for old, new in _REPLACE.findall(bare)
    ]
    if len(shorter) < _CALL.findall(bare).count("replace") or not all(shorter):
        yield "may replace one text in quotes by another in quotes that is not longer, without a backslash"


def _of_joins(bare: str, texts: list[str]) -> Iterator[str]:
    between = [texts[int(found)] if found else "" for found in _JOIN.findall(bare)]
    if len(between) < _CALL.findall(bare).count("join") or any(len(one) > MAX_SEPARATOR for one in between):
        yield f"may join with a text in quotes of at most {MAX_SEPARATOR} characters"
