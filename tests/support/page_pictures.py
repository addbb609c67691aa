"""`make screenshots`: the pictures of the page in the documents, of made-up Runs."""

from __future__ import annotations

import io
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from PIL import Image

from tests.support.browser import Browser, chromium
from tests.support.page_server import TOKEN, World, page_server

PICTURES: Final = Path(__file__).parents[2] / "docs" / "pictures"
MOST_BYTES: Final = 150_000
SIZE: Final = (1280, 760)


def main() -> None:
    """The list, one Run, a comparison, and groups of Runs."""
    PICTURES.mkdir(exist_ok=True)
    world = World(runs=48, metrics=6, now=datetime.now(UTC) - timedelta(minutes=2))
    width, height = SIZE
    with (
        page_server(world) as address,
        tempfile.TemporaryDirectory() as folder,
        chromium(Path(folder), width=width, height=height) as browser,
    ):
        browser.open(f"{address}#token={TOKEN}")
        browser.wait_for("48 Runs")
        _save(browser, "list")
        browser.run("location.hash = arguments[0]", f"#/runs/research/{world.rows[0]['name']}")
        browser.wait("return document.querySelectorAll('.u-over').length >= 2")
        _save(browser, "run")
        names = "&".join(f"run=research/{row['name']}" for row in world.rows[:5])
        browser.run("location.hash = arguments[0]", f"#/compare?{names}&smooth=0.85")
        browser.wait("return document.querySelectorAll('.u-over').length >= 3")
        _save(browser, "compare")
        names = "&".join(f"run=research/{row['name']}" for row in world.rows[:16])
        looks = "colour=learning_rate&band=sd&smooth=0.6"
        browser.run("location.hash = arguments[0]", f"#/compare?{names}&{looks}")
        browser.wait("return document.querySelectorAll('.key span').length === 4")
        browser.run("document.querySelector('[aria-label=Curves]').scrollIntoView()")
        browser.wait("return document.querySelectorAll('.u-over').length >= 3")
        _save(browser, "groups")


def _save(browser: Browser, name: str) -> None:
    """With 256 colours a picture of a page is a third as large."""
    browser.run_async("requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 300)))")
    picture = Image.open(io.BytesIO(browser.picture())).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    path = PICTURES / f"{name}.png"
    picture.save(path, optimize=True)
    if path.stat().st_size > MOST_BYTES:
        raise SystemExit(f"{path} has {path.stat().st_size} bytes; the limit is {MOST_BYTES}")


if __name__ == "__main__":
    main()
