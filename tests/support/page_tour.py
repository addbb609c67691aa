"""Where tests of the page go."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from tests.support.browser import Browser
from tests.support.page_server import TOKEN, World

AXE: Final = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"


def go(browser: Browser, address: str, place: str = "#/runs") -> None:
    """Opens the page as `runctl ui` does, then goes to the place."""
    browser.open(f"{address}#token={TOKEN}")
    browser.wait_for("12 Runs")
    browser.run("location.hash = arguments[0]", place)


def run_place(world: World, at: int = 0, query: str = "") -> str:
    """The address of one Run."""
    return f"#/runs/research/{world.rows[at]['name']}{query}"


def compare_place(world: World, runs: int, query: str = "") -> str:
    """The address of the first Runs beside each other."""
    names = "&".join(f"run=research/{row['name']}" for row in world.rows[:runs])
    return f"#/compare?{names}{query}"


def complaints(browser: Browser, **options: Any) -> dict[str, list[str]]:
    """What axe finds wrong with the page as it is: rule to pieces of the page."""
    if not browser.run("return 'axe' in window"):
        browser.run(AXE.read_text())
    script = "axe.run(document, arguments[0]).then((result) => done(result.violations), (error) => done(String(error)))"
    return {
        one["id"]: [node["html"][:200] for node in one["nodes"][:3]]
        for one in browser.run_async(script, options)
    }
