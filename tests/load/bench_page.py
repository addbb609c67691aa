"""`make bench-page`: what a person waits for in a real browser, beside the goals. The Runs are made up and the server is a small one.

`make bench-web` measures the real server. Each figure is the median of three.
"""

from __future__ import annotations

import gzip
import statistics
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

from tests.load.stage import perform
from tests.support.browser import Browser, chromium
from tests.support.page_server import STATIC, TOKEN, World, page_server
from tests.support.page_tour import compare_place, run_place

ROUNDS: Final = 3
SEEN: Final = """
    window.seen = {};
    const watch = () => {
        const text = document.body?.innerText ?? '';
        if (!window.seen.list && text.includes('1000 Runs') && document.querySelector('.row')) window.seen.list = performance.now();
        requestAnimationFrame(watch);
    };
    requestAnimationFrame(watch);
"""
"""Notes when the list is seen: in the frame in which it is, and not when somebody asks."""
PAN: Final = """
    const over = document.querySelector('.plot .u-over');
    const box = over.getBoundingClientRect();
    const send = (kind, x, to) => to.dispatchEvent(new MouseEvent(kind, {bubbles: true, shiftKey: true, clientX: x, clientY: box.y + 50}));
    send('mousedown', box.x + 150, over);
    let frames = 0;
    const began = performance.now();
    const move = () => {
        const now = performance.now();
        if (now - began > 3000) {
            send('mouseup', box.x, window);
            done(frames / (now - began) * 1000);
            return;
        }
        frames += 1;
        send('mousemove', box.x + 150 + 60 * Math.sin(frames / 10), window);
        requestAnimationFrame(move);
    };
    requestAnimationFrame(move);
"""
"""Moves a chart to and fro with the pointer for three seconds; gives frames a second."""
PAINTED: Final = """
    const began = performance.now();
    location.hash = arguments[0];
    const look = () => {
        const chart = document.querySelector('.chart[aria-label^="loss"][aria-label*="100 lines"] canvas');
        if (!chart) { requestAnimationFrame(look); return; }
        requestAnimationFrame(() => requestAnimationFrame(() => {
            const last = Math.max(...performance.getEntriesByType('resource').filter((one) => one.name.includes('name=loss')).map((one) => one.responseEnd));
            done([performance.now() - began, performance.now() - Math.max(began, last)]);
        }));
    };
    look();
"""
"""Goes to a comparison; gives milliseconds until its first chart has all lines, from the click and from the last answer."""


class Cached(World):
    """A server that computes each series once: the browser is measured, not Python."""

    def __init__(self, **shape: Any) -> None:
        super().__init__(**shape)
        self.series_of = cache(super().series_of)  # type: ignore[method-assign]


def opened(browser: Browser, address: str, place: str, runs: int) -> None:
    """As a person comes who has the list before."""
    browser.open(f"{address}#token={TOKEN}")
    browser.wait_for(f"{runs} Runs")
    browser.run("location.hash = arguments[0]", place)


def first_list(browser: Browser) -> float:
    """Milliseconds from the navigation to the list of a thousand Runs."""
    with page_server(World(runs=1000)) as address:
        script = browser.cdp("Page.addScriptToEvaluateOnNewDocument", source=SEEN)["identifier"]
        browser.open(f"{address}#token={TOKEN}")
        found = float(browser.wait("return window.seen.list"))
        browser.cdp("Page.removeScriptToEvaluateOnNewDocument", identifier=script)
    return found


def panned(browser: Browser) -> float:
    """Frames a second of a chart of ten series with 10,000 points each."""
    world = Cached(runs=12, metrics=1, points=10_000)
    world.buckets = False
    with page_server(world) as address:
        opened(browser, address, compare_place(world, 10), 12)
        browser.wait("return document.querySelector('.chart[aria-label*=\"10 lines\"] canvas')")
        browser.run("document.querySelector('.chart').scrollIntoView()")
        return float(browser.run_async(PAN))


def painted(browser: Browser) -> tuple[float, float]:
    """Milliseconds until the curves of a hundred Runs with 1,500 buckets each are seen."""
    world = Cached(runs=100, metrics=1, points=1500)
    for row in world.rows:
        world.series_of(row["name"], "loss")
    with page_server(world) as address:
        browser.open(f"{address}#token={TOKEN}")
        browser.wait_for("100 Runs")
        whole, after = browser.run_async(PAINTED, compare_place(world, 100))
    return float(whole), float(after)


def nodes(browser: Browser) -> float:
    """Elements of the page of a Run with a thousand metrics."""
    world = World(runs=12, metrics=1000)
    with page_server(world) as address:
        opened(browser, address, run_place(world, 0, "?tab=metrics"), 12)
        browser.wait("return document.querySelectorAll('.u-over').length >= 4")
        return float(browser.run("return document.querySelectorAll('*').length"))


def size() -> float:
    """KiB of what is loaded, compressed."""
    files = [path for path in STATIC.iterdir() if path.suffix in (".js", ".css", ".html")]
    return sum(len(gzip.compress(path.read_bytes(), 9)) for path in files) / 1024


def main() -> None:
    """See the module's docstring."""
    with tempfile.TemporaryDirectory() as folder, chromium(Path(folder)) as browser:

        def median(measure: Callable[[Browser], float]) -> float:
            return statistics.median(measure(browser) for _ in range(ROUNDS))

        paints = [painted(browser) for _ in range(ROUNDS)]
        rows = [
            ("the page, gzip", size(), "KiB", "150"),
            ("first list of 1,000 Runs", median(first_list), "ms", "1,000"),
            ("10 series of 10,000 points, moved", median(panned), "frames/s", "30 or more"),
            (
                "100 Runs of 1,500 buckets, from the click",
                statistics.median(one for one, _ in paints),
                "ms",
                "1,500",
            ),
            ("the same, from the last answer", statistics.median(one for _, one in paints), "ms", ""),
            ("1,000 metrics", nodes(browser), "elements", "2,000"),
        ]
    for what, found, unit, goal in rows:
        print(f"{what:<44} {found:>8,.0f} {unit:<9} {'goal ' + goal if goal else ''}", flush=True)


if __name__ == "__main__":
    perform(main)
