"""The built page is committed: what is in the package was made of the sources as they are."""

from __future__ import annotations

import gzip
import hashlib
import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
WEB = ROOT / "web"
STATIC = ROOT / "operator" / "run_operator" / "web" / "static"
BESIDE = ("index.html", "build.mjs", "package.json", "package-lock.json", "tsconfig.json")
MOST_BYTES = 150 * 1024


def hash_of_sources() -> str:
    sources = [path for path in (WEB / "src").rglob("*") if path.is_file()] + [WEB / name for name in BESIDE]
    names = sorted(path.relative_to(WEB).as_posix() for path in sources)
    lines = [f"{hashlib.sha256((WEB / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def test_the_page_was_built_of_the_sources_as_they_are():
    built = (STATIC / "sources.sha256").read_text().strip()
    assert built == hash_of_sources(), "run: make web"


def test_the_page_loads_what_is_there_and_nothing_else():
    page = (STATIC / "index.html").read_text()
    named = set(re.findall(r'(?:src|href)="(app-[^"]+)"', page))
    there = {path.name for path in STATIC.iterdir()}
    assert there == named | {"index.html", "sources.sha256"}
    assert re.findall(r'(?:src|href)="([^"]+)"', page) == [
        "data:,",
        *sorted(named, key=lambda name: name.endswith(".js")),
    ]
    assert not re.search(r"<style|<script(?![^>]* src=)|\son\w+=", page)


def test_the_page_is_small():
    assert sum(len(gzip.compress(path.read_bytes())) for path in STATIC.glob("app-*")) <= MOST_BYTES


def test_no_text_becomes_markup_and_nothing_is_evaluated():
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|dangerously|\beval\(|new Function|localStorage|document\.cookie"
    )
    found = {
        f"{path.relative_to(WEB)}: {match.group()}"
        for path in (WEB / "src").rglob("*.ts*")
        for match in forbidden.finditer(path.read_text())
    }
    assert found == set()


def test_a_file_is_short_enough_to_read_at_once():
    lengths = {
        str(path.relative_to(WEB)): path.read_text().count("\n") for path in (WEB / "src").rglob("*.ts*")
    }
    assert {name: length for name, length in lengths.items() if length > 400} == {}


def test_the_lock_file_names_no_registry():
    assert not re.search(r'"resolved"|registry', (WEB / "package-lock.json").read_text())
