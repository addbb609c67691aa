"""What the page does with what a server tells it; the server has made-up Runs that a test changes."""

from __future__ import annotations

import pytest

from tests.support.page_samples import row
from tests.support.page_server import TOKEN, page_server
from tests.support.page_tour import complaints, go, run_place

HOSTILE = '<img src=x onerror="window.harmed=1"><script>window.harmed=1</script>'


def test_the_token_leaves_the_address_at_once(browser, address):
    go(browser, address)
    assert TOKEN not in browser.run("return location.href")


def test_the_list_follows_the_stream(browser, world, address):
    go(browser, address)
    world.rows.append(world.rows[0] | {"uid": "new", "name": "new", "title": "brand-new"})
    world.rows[1] = world.rows[1] | {"state": "ERROR", "message": "It broke."}
    world.changed()
    browser.wait_for("brand-new")
    browser.wait_for("It broke.")
    world.rows = world.rows[:-1]
    world.changed()
    browser.wait_until_gone("brand-new")


def test_filters_order_and_groups_are_in_the_address(browser, world, address):
    go(browser, address)
    browser.write("#filter", world.rows[3]["title"])
    browser.wait_for("1 of 12 Runs")
    browser.wait("return location.hash.includes(arguments[0])", f"q={world.rows[3]['title']}")
    browser.run("location.hash = '#/runs?state=ERROR&group=function&sort=title'")
    browser.wait_for("1 of 12 Runs")
    assert browser.run("return document.querySelectorAll('.row.group').length") == 1
    assert (
        browser.run("return document.querySelector('.c-title[role=columnheader]').getAttribute('aria-sort')")
        == "ascending"
    )


def test_a_run_can_be_found_opened_and_compared_by_keys_alone(browser, world, address):
    go(browser, address)
    for key in ("j", "x", "j", "x"):
        browser.press(key)
    assert browser.run("return document.querySelectorAll('.row.chosen').length") == 2
    browser.press("c")
    browser.wait_for("2 Runs compared")
    browser.press("g")
    browser.wait_for("12 Runs")
    assert browser.run("return document.querySelectorAll('.row.chosen').length") == 2
    browser.press("j")
    browser.wait("return document.activeElement.closest('.row') !== null")
    browser.press("Enter")
    browser.wait_for("Attempts")
    browser.press("3")
    browser.wait_for("epoch 399")
    browser.press("?")
    browser.wait_for("show this list", "dialog[open]")
    browser.press("Escape")
    browser.wait("return !document.querySelector('dialog')")


FOCUSED = "return document.activeElement.closest('.row')?.querySelector('a').textContent"
CHOSEN = "return [...document.querySelectorAll('.row.chosen a')].map((one) => one.textContent)"


def test_keys_are_about_the_run_with_the_focus_also_after_others_came(browser, world, address):
    go(browser, address)
    for _ in range(2):
        browser.press("j")
    second = browser.run("return document.querySelector('[data-at=\"1\"] a').textContent")
    browser.wait(f"return (() => {{{FOCUSED}}})() === arguments[0]", second)
    world.rows.append(row(99, world.now) | {"created": "2999-01-01T00:00:00Z"})
    world.changed()
    browser.wait_for("13 Runs")
    assert browser.run(FOCUSED) == second
    browser.press("x")
    browser.wait(f"return (() => {{{CHOSEN}}})().length")
    assert browser.run(CHOSEN) == [second]
    later = browser.run(
        "const all = [...document.querySelectorAll('[data-at] a')]; all[6].focus(); return all[7].textContent"
    )
    browser.press("j")
    browser.wait(f"return (() => {{{FOCUSED}}})() === arguments[0]", later)


def test_enter_goes_from_the_filter_to_the_runs_that_it_found(browser, world, address):
    go(browser, address)
    browser.press("/")
    word = world.rows[3]["title"]
    for key in word:
        browser.press(key)
    browser.wait_for("1 of 12 Runs")
    browser.press("Enter")
    assert browser.run(FOCUSED) == word
    browser.press("x")
    browser.wait_for("Compare 1")


@pytest.mark.parametrize("query", ["", "?tab=metrics", "?tab=log", "?tab=document"])
def test_no_text_of_a_run_is_run(browser, world, address, query):
    """Every text that a program, a document, an Event or a metric may hold."""
    go(browser, address)
    world.logs = f"{HOSTILE}\n\x1b[31m{HOSTILE}\x1b]8;;javascript:window.harmed=1\x07link\n"
    first = world.rows[0]
    world.metric_names = [HOSTILE]
    detail = _hostile(world.detail_of(first["name"]), keep={"uid", "namespace", "name", "created", "state"})
    detail["metrics"] = [{"name": HOSTILE, "type": "series", "count": 3, "last": 1, "min": 0, "max": 1}]
    detail["service"] = {"url": "javascript:window.harmed=1", "invoke": HOSTILE}
    world.details[first["name"]] = detail
    world.rows[0] = detail["row"]
    world.changed()
    browser.wait_for("<img src=x")
    browser.run("location.hash = arguments[0]", run_place(world, 0, query))
    browser.wait_for("<img src=x", "#panel")
    assert browser.run(
        "return [document.images.length, document.querySelectorAll('a[href^=javascript]').length, window.harmed]"
    ) == [0, 0, None]


def test_no_text_of_compared_runs_is_run(browser, world, address):
    go(browser, address)
    world.comparison = {
        "runs": [row | {"title": HOSTILE} for row in world.rows[:2]],
        "parameters": {HOSTILE: [HOSTILE, f"{HOSTILE}!"]},
        "metrics": {HOSTILE: [{"last": 1, "min": 0, "max": 1}] * 2},
    }
    names = [f"run=research/{row['name']}" for row in world.rows[:2]]
    browser.run("location.hash = arguments[0]", "#/compare?" + "&".join(names))
    browser.wait("return document.querySelector('.parallel text')?.textContent.startsWith('<img')")
    assert browser.run("return [document.images.length, window.harmed]") == [0, None]


def _hostile(value, keep, name=""):
    if isinstance(value, dict):
        return {key: _hostile(one, keep, key) for key, one in value.items()}
    if isinstance(value, list):
        return [_hostile(one, keep, name) for one in value]
    return value if name in keep or not isinstance(value, str) or value[:2] == "20" else HOSTILE


PLACES = ("list", "run", "run?tab=metrics", "run?tab=log", "run?tab=document", "compare")
WIDTHS = ((360, 740, 100), (1280, 800, 200))
INSIDE = """
    return document.documentElement.scrollWidth <= innerWidth &&
        [...document.querySelectorAll('.top, .bar, .run-head, .panel, .sign-in')].every((one) => one.getBoundingClientRect().right <= innerWidth + 1)
"""


def show(browser, world, place):
    """Goes there and waits until everything is."""
    names = "&".join(f"run=research/{row['name']}" for row in world.rows[:3])
    browser.run(
        "location.hash = arguments[0]",
        {"list": "#/runs", "compare": f"#/compare?{names}"}.get(place) or run_place(world, 0, place[3:]),
    )
    browser.wait_for({"list": "12 Runs", "compare": "Scatter"}.get(place, "By"), "main")
    browser.wait("return !document.body.innerText.includes('Loading')")


def test_axe_has_no_complaint(browser, world, address):
    go(browser, address)
    found = {}
    for place in PLACES:
        show(browser, world, place)
        found[place] = complaints(browser)
        if "?" in place:
            continue
        browser.cdp(
            "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}]
        )
        found[f"{place}, dark"] = complaints(browser, runOnly=["color-contrast"])
        browser.cdp(
            "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "light"}]
        )
    world.mode = "gateway"
    browser.open(address)
    browser.wait_for("A Kubernetes token")
    found["sign in"] = complaints(browser)
    assert {place: one for place, one in found.items() if one} == {}


def test_nothing_sticks_out_on_a_phone_nor_at_twice_the_size(browser, world, address):
    go(browser, address)
    for width, height, size in WIDTHS:
        browser.resize(width, height)
        browser.run("document.documentElement.style.fontSize = arguments[0]", f"{size}%")
        for place in PLACES:
            show(browser, world, place)
            assert browser.run(INSIDE), (place, width, size)


def test_a_thousand_metrics_are_few_nodes(browser, world, address):
    world.metric_names = [f"layer_{at:04d}/norm" for at in range(1000)]
    go(browser, address, run_place(world, 0, "?tab=metrics"))
    browser.wait("return document.querySelectorAll('.u-over').length >= 4")
    nodes = browser.run("return document.querySelectorAll('*').length")
    assert nodes <= 2000
    browser.run(
        "const charts = document.querySelector('[data-scrolls]'); charts.scrollTop = charts.scrollHeight * 0.445"
    )
    browser.wait_for("layer_044")
    assert browser.run("return document.querySelectorAll('*').length") <= 2000


def test_a_lost_server_is_reported_and_comes_back(browser, world):
    with page_server(world) as address:
        go(browser, address)
        port = int(address.split(":")[2].split("/")[0])
    browser.wait_for("The server has not answered", "[role=alert]")
    assert "12 Runs" in browser.text()
    world.rows[0] = world.rows[0] | {"title": "changed-meanwhile"}
    world.rows = world.rows[:5]
    with page_server(world, port):
        browser.wait_until_gone("The server has not answered")
        browser.wait_for("5 Runs")
        browser.wait_for("changed-meanwhile")


def test_what_may_not_be_done_names_the_missing_right(browser, world, address):
    name = world.rows[0]["name"]
    world.details[name] = world.detail_of(name)
    go(browser, address, run_place(world))
    browser.wait_for("Stop", ".buttons")
    world.details[name]["rights"] = {
        "stop": "patch runs.run-operator.io in research",
        "delete": "delete runs.run-operator.io in research",
        "logs": None,
    }
    world.changed()
    browser.wait_for("you may not patch runs.run-operator.io in research", ".buttons")
    browser.click("Stop", ".buttons button")
    browser.click("Delete", ".buttons button")
    assert browser.run("return document.querySelectorAll('dialog').length") == 0
    assert world.rows[0]["state"] == "RUNNING"


def test_a_table_of_compared_runs_marks_what_differs_and_is_saved(browser, world, address):
    names = "&".join(f"run=research/{row['name']}" for row in world.rows[:3])
    go(browser, address, f"#/compare?{names}")
    browser.wait_for("learning_rate", "tr.differs")
    assert "epochs" not in browser.text("table")
    assert browser.text("thead .best").endswith("best")
    browser.run("""
        const make = URL.createObjectURL;
        URL.createObjectURL = (blob) => { blob.text().then((text) => { window.saved = text; }); return make(blob); };
    """)
    browser.click("Save CSV")
    assert browser.wait("return window.saved").splitlines()[3].startswith("learning_rate,0.0001,0.0002,")


def test_curves_are_drawn_by_every_axis(browser, world, address):
    go(browser, address, run_place(world, 0, "?tab=metrics"))
    for query in (
        "x=relative",
        "x=wall",
        "x=active",
        "x=metric:accuracy",
        "smooth=0.9&logy=1",
        "clip=1&logx=1",
    ):
        browser.run("location.hash = arguments[0]", run_place(world, 0, f"?tab=metrics&{query}"))
        browser.wait("return document.querySelectorAll('.u-over').length >= 4")
        pixels = """
            const canvas = document.querySelector('.plot canvas');
            const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            let blue = 0;
            for (let at = 0; at < data.length; at += 4) if (data[at + 2] > 180 && data[at] < 120 && data[at + 3] > 200) blue += 1;
            return blue > 150;
        """
        browser.wait(pixels)


CURVE = ".chart[aria-label^='loss']"


def test_who_zooms_in_sees_all_that_is_kept(browser, world, address):
    """A point in the middle of the first picture stands for eight values; one of them is a spike."""
    values = [at % 7 for at in range(30_000)]
    values[15_003] = 900
    info = {"kind": "List", "count": len(values), "stride": 1, "max": 900, "maxIndex": 15_003}
    world.stored = {
        "status": {"state": "RUNNING", "metrics": {"loss": values}, "metricsInfo": {"loss": info}}
    }
    world.metric_names = ["loss"]
    go(browser, address, run_place(world, 0, "?tab=metrics"))
    browser.wait_for("Thinned: the band keeps every peak. Zoom in for finer points.", f"{CURVE} .note")
    assert "from 0 to 900" in browser.run(f"return document.querySelector({CURVE!r}).ariaLabel")
    browser.run(f"document.querySelector({CURVE + ' .plot'!r}).focus()")
    for _ in range(8):
        browser.press("+")
    browser.wait_for("Every value is drawn: nothing finer is kept.", f"{CURVE} .note")
    assert "from 0 to 900" in browser.run(f"return document.querySelector({CURVE!r}).ariaLabel")
    browser.press("0")
    browser.wait_for("Zoom in for finer points.", f"{CURVE} .note")
    info["stride"] = 2
    values[:] = values[::2]
    go(browser, address, run_place(world, 0, "?tab=metrics"))
    browser.wait_for("Zoom in for finer points.", f"{CURVE} .note")
    browser.run(f"document.querySelector({CURVE + ' .plot'!r}).focus()")
    for _ in range(8):
        browser.press("+")
    browser.wait_for("The Run keeps every 2nd value", f"{CURVE} .note")


def test_a_link_keeps_what_is_zoomed_into(browser, world, address):
    values = [at % 7 for at in range(30_000)]
    info = {"kind": "List", "count": len(values), "stride": 1, "max": 6, "maxIndex": 6}
    world.stored = {
        "status": {"state": "RUNNING", "metrics": {"loss": values}, "metricsInfo": {"loss": info}}
    }
    world.metric_names = ["loss"]
    go(browser, address, run_place(world, 0, "?tab=metrics&zoom.loss=100:140:step"))
    browser.wait_for("Every value is drawn: nothing finer is kept.", f"{CURVE} .note")
    browser.run(f"document.querySelector({CURVE + ' .plot'!r}).focus()")
    browser.press("0")
    browser.wait_for("Zoom in for finer points.", f"{CURVE} .note")
    browser.wait("return !location.hash.includes('zoom')")
    browser.press("+")
    browser.wait(r"return /[?&]zoom\.loss=[\d.]+:[\d.]+:step$/.test(location.hash)")


def test_a_link_keeps_the_picture(browser, world, address):
    go(browser, address, run_place(world, 0, "?tab=metrics&x=active&smooth=0.5&logy=1"))
    browser.wait_for("0.50", "output")
    assert browser.run("return document.querySelector('.settings select').value") == "active"
    assert browser.run("return [...document.querySelectorAll('.check input')].map((one) => one.checked)") == [
        False,
        True,
        False,
    ]
