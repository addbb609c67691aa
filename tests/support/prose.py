"""The prose check of `make lint`: words and openings that make a sentence hard to read, in documents, docstrings, names and messages.

`python -m tests.support.prose` prints each place and ends with 1 if there is one. General tools do not read Python's names and
string literals, which is where the messages are.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PLACES: Final = (
    "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "web/README.md", "web/src", "SECURITY.md",
    "docs", "crds", "manifests", "cluster", "operator", "charts", "tests",
)  # fmt: skip
WORDS: Final = {
    "told": "reported, shown, written",
    "anew": "again, restart",
    "for ever": "until cancelled, without end",
    "goodbye": "last batch, end",
    "whoever": "the client, the caller",
    "said of": "about",
    "homeless": "rejected",
    "wish": "desired state, spec.suspend",
    "wishes": "desired state, spec.suspend",
    "patience": "timeout, grace, max_failures",
    "ever after": "afterwards",
    "in vain": "without effect",
    "handiwork": "edit",
}
BANNED: Final = re.compile(rf"\b({'|'.join(WORDS)})\b", re.IGNORECASE)
OPENING: Final = re.compile(r"(?:^|[.:;!?]\s+|\"\"\")(Of (?:a|an|the|each|several|all|what|pods|Runs) )")
RIDDLE: Final = re.compile(
    r"(?:^|(?<=[.:;!?])\s+|(?<=^\"\"\")|(?<=^#\s))((?:What|Who|Whose|Whom|Whatever|Which|Of)\b)(?![^.]*\?)"
)
"""A sentence of a docstring or a comment whose subject is a clause (`What it holds is acceptable.`), or elided (`Of a Run.`)."""
NEGATED: Final = re.compile(r"(?<!there )\b((?:is|are) no (?!longer\b|more\b)[a-zA-Z]+)", re.IGNORECASE)
"""A noun that is denied (`x is no volume`): English says `x is not a volume`."""
ELIDED: Final = re.compile(r"^[a-z]{0,2}([\"'])(Of (?!\d)[a-zA-Z0-9]+)", re.IGNORECASE)
"""A message or a help text that begins with `Of` and leaves out what it is about."""
PAGE: Final = (".ts", ".tsx", ".css")
"""Endings of the page's sources."""
COMMENT: Final = re.compile(r"(?:^|(?<=\s))//\s*(.*)|/\*+\s*(.*?)\s*(?:\*/|$)|^\s*\*\s+(.*)")
"""A comment of the page's sources, or one line of it."""
OURS: Final = (Path(__file__).resolve(), ROOT / "tests/unit/docs/test_prose.py")
"""Files that hold the words as examples."""
EARLIER: Final = ROOT / "tests/data/earlier"
"""What an earlier version wrote, in its words."""
NAMES: Final = {"book", "shelf", "keeper", "homeless", "patience", "wish", "wishes"}
"""Parts of names of modules, classes and functions that docs/glossary.md replaces."""


def files() -> Iterator[Path]:
    """Every checked file."""
    for place in PLACES:
        path = ROOT / place
        found = [path] if path.is_file() else sorted(path.rglob("*"))
        for one in found:
            if (
                one.suffix in (".md", ".yaml", ".py", *PAGE)
                and one.resolve() not in OURS
                and EARLIER not in one.parents
            ):
                yield one


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Lines of a document; string literals and comments of a program."""
    content = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield from enumerate(content.splitlines(), 1)
        return
    for token in tokenize.generate_tokens(io.StringIO(content).readline):
        if token.type in (tokenize.STRING, tokenize.COMMENT) or token.type == FSTRING_MIDDLE:
            yield from enumerate(token.string.splitlines(), token.start[0])


FSTRING_MIDDLE: Final = getattr(tokenize, "FSTRING_MIDDLE", -1)


def explanations(path: Path) -> Iterator[tuple[int, str]]:
    """Lines of a program's docstrings and comments."""
    if path.suffix in PAGE:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            for match in COMMENT.finditer(line):
                yield number, next(filter(None, match.groups()), "")
        return
    for token in tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline):
        if token.type == tokenize.COMMENT or (
            token.type == tokenize.STRING and token.string.startswith('"""')
        ):
            for number, line in enumerate(token.string.splitlines(), token.start[0]):
                yield number, line.strip()


def names(path: Path) -> Iterator[tuple[int, str]]:
    """The module's name, and those of its classes and functions."""
    yield 1, path.stem
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.name


def parts(name: str) -> set[str]:
    """The words of a snake_case or CamelCase name."""
    return set(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().split("_"))


def findings() -> Iterator[str]:
    """One line for each place."""
    for path in files():
        where = path.relative_to(ROOT).as_posix()
        for line, text in texts(path):
            for match in BANNED.finditer(text):
                yield f"{where}:{line}: {match[1]!r}: write {WORDS[match[1].lower()]}"
            for match in OPENING.finditer(text):
                yield f"{where}:{line}: a sentence begins with {match[1].strip()!r}: put the subject first"
            if not where.startswith(("tests/", "cluster/", "CHANGELOG")):
                for match in NEGATED.finditer(text):
                    yield f"{where}:{line}: {match[1]!r}: write `is not a`, `are not`"
        if path.suffix in (".py", *PAGE):
            yield from of_program(path, where)


def of_program(path: Path, where: str) -> Iterator[str]:
    """One line for each place that only a program can have: names, and sentences about the code of the package."""
    for line, text in explanations(path) if where.startswith(("operator/", "web/src/")) else ():
        for match in RIDDLE.finditer(text):
            yield f"{where}:{line}: a sentence begins with {match[1]!r}: begin with a noun or a verb"
    for line, text in texts(path) if where.startswith("operator/") else ():
        if elided := ELIDED.search(text):
            yield f"{where}:{line}: a text begins with {elided[2]!r}: name what it is about first"
    for line, name in names(path) if path.suffix == ".py" else ():
        for word in parts(name) & NAMES:
            yield f"{where}:{line}: the name {name} has {word!r}: docs/glossary.md has the word"


def main() -> int:
    """Print the places; 1 if there is one."""
    found = list(findings())
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
