"""Runs that nobody expects: odd values, very many, very long, gone; and addresses that somebody made up."""

from __future__ import annotations

import sys
from urllib.parse import quote

import pytest

from tests.support.page_server import TOKEN, World, page_server
from tests.support.page_tour import compare_place, complaints, go, run_place

FAULT = "cannot be shown"
NODES = "return document.querySelectorAll('*').length"
CHARTS = "return document.querySelectorAll('.u-over').length"
GREATEST = sys.float_info.max
VALUES = {
    "huge": [GREATEST, -GREATEST, 0, GREATEST],
    "tiny": [5e-324, 0, 1e-300],
    "flat": [7] * 10,
    "below_zero": [-1, -2, -3],
    "nan": [None] * 5,
    "gaps": [1, None, None, 2, None],
    "empty": [],
    "one": [3],
    "single": 4.5,
}


@pytest.fixture
def odd(world):
    """The first Run has one metric for each kind of odd values, and the comparison has them too."""
    world.stored = {"status": {"state": "RUNNING", "metrics": VALUES, "metricsInfo": {}}}
    world.metric_names = list(VALUES)
    row = world.rows[0]
    row["metric"] = {"name": "huge", "last": GREATEST, "spark": VALUES["huge"]}
    figures = {"last": GREATEST, "min": -GREATEST, "max": GREATEST}
    world.comparison = {
        "runs": world.rows[:3],
        "parameters": {"lr": [GREATEST, -GREATEST, 0], "huge": [5e-324, 0, None], "none": [None, None, ""]},
        "metrics": {name: [figures, {"last": 0, "min": 0, "max": 0}, None] for name in VALUES},
    }
    return world


@pytest.mark.parametrize("query", ["", "&logy=1&logx=1", "&x=metric:huge&clip=1", "&x=active&smooth=0.9"])
def test_odd_values_are_drawn_or_said(browser, odd, address, query):
    go(browser, address, run_place(odd, 0, f"?tab=metrics{query}"))
    browser.wait(f"{CHARTS} >= 2")
    browser.wait("return !document.querySelector('main').innerText.includes('Loading')")
    assert FAULT not in browser.text()
    for key in "+-0":
        browser.run("document.querySelector('.plot').focus()")
        browser.press(key)


@pytest.mark.parametrize("band", ["", "&band=sd", "&band=quartiles&logy=1", "&axes={}&sx=huge&sy=lr"])
def test_odd_values_are_compared(browser, odd, address, band):
    axes = quote('{"lr":[1,1,0.2,0.8],"huge (metric)":[0,1],"__proto__":[1,1]}')
    go(browser, address, compare_place(odd, 3, band.replace("{}", axes)))
    browser.wait(f"{CHARTS} >= 2")
    browser.wait_for("Scatter")
    assert FAULT not in browser.text()
    assert "huge (metric)" in browser.text(".axis-looks")
    bad = "return [...document.querySelectorAll('svg *')].filter((one) => /NaN|Infinity/.test(one.outerHTML)).length"
    assert browser.run(bad) == 0


def test_an_address_that_somebody_made_up_shows_what_there_is(browser, world, address):
    """Names that every object of the language has, and values of no kind."""
    made_up = "&colour=constructor&dash=__proto__&chart=toString&sx=valueOf&sy=hasOwnProperty&by=constructor"
    go(browser, address, compare_place(world, 3, f"{made_up}&band=x&smooth=9&axes=[[&metric=%00"))
    browser.wait_for("3 Runs compared")
    browser.wait_for("Scatter")
    assert FAULT not in browser.text()
    browser.run("location.hash = arguments[0]", run_place(world, 0, "?tab=x&x=metric:constructor&attempt=-1"))
    browser.wait_for("Attempts")
    browser.run("location.hash = arguments[0]", run_place(world, 0, "?tab=log&attempt=1e9&container=..%2F.."))
    browser.wait_for("epoch 399")
    browser.run("location.hash = '#/runs?sort=-nothing&q=\"&group=x&state=constructor'")
    browser.wait_for("0 of 12 Runs")
    assert FAULT not in browser.text()


def test_a_fault_in_one_view_is_said_and_leaves_the_others(browser, world, address):
    """A server of another version sends what this page does not know."""
    go(browser, address)
    world.details[world.rows[0]["name"]] = world.detail_of(world.rows[0]["name"]) | {"attempts": None}
    browser.run("location.hash = arguments[0]", run_place(world))
    browser.wait_for("This view cannot be shown", "[role=alert]")
    browser.run("location.hash = arguments[0]", run_place(world, 1))
    browser.wait_for("Attempts")
    browser.press("g")
    browser.wait_for("12 Runs")
    assert FAULT not in browser.text()
    assert browser.log() != []  # the fault is in the console too


def test_a_comparison_goes_on_without_a_run_that_is_gone(browser, world, address):
    go(browser, address, compare_place(world, 3))
    browser.wait_for("3 Runs compared")
    gone = world.rows.pop(1)
    browser.wait_for(f"research/{gone['name']} is not among them")
    browser.wait_for("2 Runs compared")
    browser.wait(f"{CHARTS} >= 2")
    # Its curve is that of the Run that stayed, not of the one whose place it took.
    metric = browser.run("return document.querySelector('.chart-title').textContent")
    last = [world.series_of(row["name"], metric)["points"]["value"][-1] for row in world.rows[:2]]
    browser.wait(
        "return [...document.querySelectorAll('.legend')[0].querySelectorAll('b')].map((one) => +one.textContent).join() === arguments[0]",
        ",".join(f"{one:.5g}" for one in last),
    )


def test_ten_thousand_runs_come_in_pages_and_scroll(browser):
    world = World(runs=10_000)
    with page_server(world) as address:
        browser.open(f"{address}#token={TOKEN}")
        browser.wait_for("10000 Runs")
        browser.run("const list = document.querySelector('.list-view'); list.scrollTop = list.scrollHeight")
        oldest = min(world.rows, key=lambda one: one["created"])
        browser.wait_for(oldest["title"], ".table")
        assert browser.run(NODES) < 2000
        browser.write("#filter", f"state:error loss<1 {world.rows[15]['title']}")
        browser.wait_for("1 of 10000 Runs")


def test_a_log_of_fifty_megabytes_and_a_bomb_of_colours(browser, world, address):
    bomb = "\x1b[31ma\x1b[32mb" * 20_000
    world.logs = f"{'x' * 120}\n" * 400_000 + f"{bomb}\n{'a' * 200_000}\nthe last line\n"
    go(browser, address, run_place(world, 0, "?tab=log"))
    browser.wait_for("the last line", ".log")
    browser.wait_for("lines that were read are no longer here")
    assert browser.run(NODES) < 2000
    browser.write("#log-search", "a")
    browser.wait_for("3 lines", ".log-view")
    assert browser.run(NODES) < 2000


def test_very_many_parameters_and_projects_are_few_elements(browser, world, address):
    many = {f"parameter-{at:05d}": "x" * 300 for at in range(3000)}
    row = world.rows[0]
    world.details[row["name"]] = world.detail_of(row["name"]) | {"parameters": many | {"long": "y" * 500_000}}
    go(browser, address, run_place(world))
    browser.wait_for("And 2801 more.", "#panel")
    assert browser.run(NODES) < 2000
    runs = [row | {"uid": f"u{at}", "name": f"r{at}", "title": f"r{at}"} for at in range(100)]
    parameters = {f"p{at}": list(range(100)) for at in range(500)}
    world.comparison = {"runs": runs, "parameters": parameters, "metrics": {}}
    browser.run("location.hash = '#/compare?run=research/r0'")
    browser.wait_for("440 more parameters are in the CSV file.")
    browser.wait_for("Scatter")
    assert browser.run(NODES) < 12_000
    world.rows += [
        row | {"uid": f"u{at}", "name": f"r{at}", "project": f"project-{at}"} for at in range(1000)
    ]
    world.changed()
    browser.press("g")
    browser.wait_for("1012 Runs")
    assert browser.run(NODES) < 2000


def test_long_names_stay_in_their_places(browser, world, address):
    """On a phone; every text as long as the server lets it be."""
    long = "long-" * 200
    row = world.rows[0]
    row |= {"title": long, "function": long, "project": long, "kind": long, "reason": long, "message": long}
    row |= {"labels": {long: long}, "user": long, "metric": {"name": long, "last": 1, "spark": [1, 2]}}
    detail = world.detail_of(row["name"])
    detail |= {"parameters": {long: long}, "results": {long: [long]}, "metrics": [], "document": long}
    detail["attempts"][0] |= {"message": long, "pod": long, "interruptedBy": long}
    detail["events"][0] |= {"message": long, "reason": long}
    world.details[row["name"]] = detail
    world.comparison = {
        "runs": world.rows[:3],
        "parameters": {long: [long, "b", "c"], "d": [1, 2, 3]},
        "metrics": {long: [{"last": at, "min": 0, "max": 3} for at in range(3)]},
    }
    go(browser, address)
    browser.resize(360, 740)
    places = {"#/runs?group=function": "long-", f"#/compare?{_names(world)}&colour={long}&band=ci": "Scatter"}
    places |= {run_place(world, 0, tab): "long-" for tab in ("", "?tab=document")}
    for place, text in places.items():
        browser.run("location.hash = arguments[0]", place)
        browser.wait_for(text, "main")
        browser.wait("return !document.body.innerText.includes('Loading')")
        assert browser.run(WIDE) == [], place
    assert complaints(browser) == {}
    browser.run("location.hash = arguments[0]", run_place(world))
    browser.wait_for("long-", ".lane-end")
    assert complaints(browser) == {}
    tabs = "return document.querySelector('.tabs').getBoundingClientRect().bottom"
    assert browser.run(tabs) <= 740, "what is wrong with the Run, and its parts, are not in the first screen"
    browser.run("location.hash = arguments[0]", f"#/compare?{_names(world)}&colour={long}")
    browser.wait_for("Scatter")
    assert browser.run("return document.querySelector('.key').clientHeight") < 100
    assert browser.run("return document.querySelector('tr.differs th').clientHeight") < 100


WIDE = """
    const scrolls = (one) => one && (/auto|scroll|hidden|clip/.test(getComputedStyle(one).overflowX) || scrolls(one.parentElement));
    return [...document.querySelectorAll('main *')].filter((one) => one.getBoundingClientRect().right > innerWidth + 1 && !scrolls(one.parentElement.closest('main *:not([data-scrolls])'))).map((one) => one.outerHTML.slice(0, 80))
"""


def _names(world):
    return "&".join(f"run=research/{row['name']}" for row in world.rows[:3])


def test_a_list_that_is_refused_for_now_is_asked_for_again(browser, world, address):
    world.refusals = [410, 429, 503]
    go(browser, address)
    assert world.refusals == []


def test_who_drags_a_slider_for_long_has_the_last_place_in_the_address(browser, world, address):
    """A browser ignores a new address that follows hundreds of others."""
    go(browser, address, run_place(world, 0, "?tab=metrics"))
    browser.wait(f"{CHARTS} >= 2")
    browser.run("""
        const slider = document.querySelector('[type=range]');
        for (let at = 0; at < 600; at += 1) {
            slider.value = (at % 90) / 100;
            slider.dispatchEvent(new Event('input', {bubbles: true}));
        }
    """)
    browser.wait_for("0.59", "output")
    browser.wait("return location.hash.endsWith('smooth=0.59')")
    browser.run("location.hash = arguments[0]", run_place(world, 1))
    browser.wait_for("Attempts")
    assert "smooth" not in browser.run("return location.hash")


def test_a_link_says_whose_namespace_it_shows(browser, world, address):
    go(browser, address)
    browser.wait("return location.hash.includes('ns=research')")
    browser.run("location.hash = '#/runs?ns=elsewhere&state=ERROR'")
    browser.wait("return document.querySelector('.top select').value === 'elsewhere'")
    assert browser.run("return location.hash") == "#/runs?ns=elsewhere&state=ERROR"
    browser.open(f"{address}#/runs?ns=research&state=ERROR")
    browser.click(world.rows[5]["title"], ".c-title a")
    browser.click("Runs", "a.back")
    browser.wait_for("1 of 12 Runs")
