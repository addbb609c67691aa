"""File names say where a thing is: no two files of the package share one, apart from the words listed below."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

PACKAGE = Path(__file__).parents[3] / "operator" / "run_operator"
LAYER_WORDS = {"__init__", "__main__", "config", "errors", "limits", "server", "telemetry"}
NOUNS_OF_EVERY_LAYER = {"deployment", "job", "pod", "run", "runs", "service"}
LONGEST = 400
MOUNTED_AS_ONE_FILE = {"client/pod/runmetrics.py"}


def modules() -> list[Path]:
    return [path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py")]


def test_a_file_name_leads_to_one_file():
    places = defaultdict(list)
    for path in modules():
        if path.parts[:2] != ("client", "cli") and path.stem not in LAYER_WORDS | NOUNS_OF_EVERY_LAYER:
            places[path.stem].append(str(path))
    assert {stem: paths for stem, paths in places.items() if len(paths) > 1} == {}


def test_a_file_is_short_enough_to_read_at_once():
    too_long = {}
    for path in modules():
        lines = (PACKAGE / path).read_text().count("\n")
        if lines > LONGEST and str(path) not in MOUNTED_AS_ONE_FILE:
            too_long[str(path)] = lines
    assert too_long == {}


def test_the_table_of_where_to_add_names_files_that_there_are():
    text = (PACKAGE.parents[1] / "CONTRIBUTING.md").read_text()
    table = text.partition("## Where to add")[2].partition("\n## ")[0]
    named = set(re.findall(r"`([a-z_/]+/[a-z_]+\.(?:py|yaml))`", table))
    places = (PACKAGE, PACKAGE.parents[1])
    assert len(named) > 20
    assert {name for name in named if not any((place / name).exists() for place in places)} == set()


def test_every_room_says_what_is_in_it():
    packages = [path for path in PACKAGE.rglob("__init__.py") if path.parent != PACKAGE]
    assert len(packages) > 20
    silent = [str(path) for path in packages if not ast.get_docstring(ast.parse(path.read_text()))]
    assert silent == []
