"""Parallel coordinates and scatter: axes that a person sets, ranges that a person draws, all of it by keys too."""

from __future__ import annotations

from tests.support.page_tour import compare_place, go

FOCUS = "const found = document.querySelector(arguments[0]); found.focus(); return document.activeElement === found"
AXIS = ".parallel .axis[aria-label^='range of learning_rate']"
TICKS = f"return [...document.querySelectorAll(\"{AXIS} text:not(.axis-name)\")].map((one) => [one.textContent, +one.getAttribute('y')])"
HINT = "[aria-label='Parallel coordinates'] .hint"
OUTSIDE = "return document.querySelectorAll('.parallel path.out').length"


def test_a_range_by_keys_fades_runs_everywhere_and_is_in_the_address(browser, world, address):
    go(browser, address, compare_place(world, 4))
    browser.wait_for("Parallel coordinates")
    browser.wait(FOCUS, AXIS)
    for key in ("+", "Up", "Up", "Up", "Up", "Up"):
        browser.press(key)
    browser.wait_for("2 of 4 Runs are within the ranges.", HINT)
    assert browser.run(OUTSIDE) == 2
    assert browser.run("return document.querySelectorAll('.scatter .out').length") == 2
    browser.wait("return decodeURIComponent(location.href).includes('\"learning_rate\":[0,0,0.5,1]')")
    place = browser.run("return location.href")
    browser.open("about:blank")
    go(browser, address, "#" + place.partition("#")[2])
    browser.wait_for("2 of 4 Runs are within the ranges.", HINT)
    browser.click("Compare only these")
    browser.wait_for("2 Runs compared")
    browser.run("history.back()")
    browser.wait_for("4 Runs compared")
    browser.wait(FOCUS, AXIS)
    browser.press("Delete")
    browser.wait(f"{OUTSIDE} === 0")


def test_a_range_is_drawn_with_the_pointer_and_taken_away_by_a_click(browser, world, address):
    go(browser, address, compare_place(world, 4))
    browser.wait_for("Parallel coordinates")
    x, y = browser.run(
        f"const found = document.querySelector(\"{AXIS} line\"); found.scrollIntoView({{block: 'center'}});"
        "const box = found.getBoundingClientRect(); return [box.x, box.y]"
    )
    browser.drag((x, y - 3), (x, y + 100))
    browser.wait(f"{OUTSIDE} === 2")
    browser.drag((x, y + 150), (x, y + 150))
    browser.wait(f"{OUTSIDE} === 0")


def test_an_axis_is_flipped_and_logarithmic_by_itself(browser, world, address):
    go(browser, address, compare_place(world, 4))
    browser.wait_for("Parallel coordinates")
    before = browser.run(TICKS)
    assert [text for text, _ in before] == ["0.0001", "0.00025", "0.0004"]
    browser.click("flip", "[aria-label='axis learning_rate'] label")
    flipped = browser.wait(
        f"const found = (() => {{ {TICKS} }})(); return found[0][1] < found[2][1] && found"
    )
    assert [place for _, place in flipped] == [place for _, place in reversed(before)]
    browser.click("log", "[aria-label='axis learning_rate'] label")
    logged = browser.wait(f"const found = (() => {{ {TICKS} }})(); return found[1][0] === '0.0002' && found")
    assert [text for text, _ in logged] == ["0.0001", "0.0002", "0.0004"]
    assert (
        browser.run("return document.querySelector('[aria-label=\"axis optimizer\"]').innerText").strip()
        != ""
    )
    assert "log" not in browser.text("[aria-label='axis optimizer']").replace("optimizer", "")


def test_arrows_go_from_point_to_point_of_a_scatter(browser, world, address):
    go(browser, address, compare_place(world, 4, "&sx=batch_size&sly=1"))
    browser.wait_for("Scatter")
    assert browser.run("return document.querySelectorAll('.scatter a[tabindex=\"0\"]').length") == 1
    browser.wait(FOCUS, ".scatter a[tabindex='0']")
    seen = [browser.run("return document.activeElement.ariaLabel")]
    for _ in range(3):
        browser.press("Right")
        seen.append(browser.run("return document.activeElement.ariaLabel"))
    assert len(set(seen)) == 4
    sizes = [int(label.split("batch_size ")[1].split(",")[0]) for label in seen]
    assert sizes == sorted(sizes)
    browser.press("Enter")
    browser.wait_for("Attempts")
