"""Runs distinguished by colour, stroke and chart, and drawn as groups with a band; Runs found by a query."""

from __future__ import annotations

import pytest

from tests.support.page_tour import compare_place, go, run_place

TITLES = "return [...document.querySelectorAll('.chart-title')].map((one) => one.textContent)"
CHOOSE = """
    const choice = [...document.querySelectorAll('label.choice')].find((one) => one.innerText.startsWith(arguments[0])).querySelector('select');
    choice.value = arguments[1]; choice.dispatchEvent(new Event('change', {bubbles: true}));
"""
SAVED = """
    const make = URL.createObjectURL;
    URL.createObjectURL = (blob) => { blob.text().then((text) => { window.saved = text; }); return make(blob); };
"""


def test_groups_have_a_colour_a_stroke_a_chart_and_a_band(browser, world, address):
    world.buckets = False
    go(browser, address, compare_place(world, 8))
    browser.wait_for("8 Runs compared")
    for label, value in (("Colour", "learning_rate"), ("Stroke", "optimizer"), ("Lines", "sd")):
        browser.run(CHOOSE, label, value)
    browser.wait_for("optimizer = sgd", ".key")
    browser.wait_for("Band: one standard deviation (n - 1) on each side.", ".chart .note")
    assert (
        browser.run(
            "return document.querySelectorAll('.key path[stroke-dasharray]:not([stroke-dasharray=\"\"])').length"
        )
        == 1
    )
    browser.run(SAVED)
    browser.click("Save accuracy as CSV", ".chart-menu button")
    head, first = browser.wait("return window.saved").splitlines()[:2]
    group = '"learning_rate = 0.0001, optimizer = adamw'
    assert head.startswith(f'step,{group} upper",{group} lower",{group} (mean of 2)"')
    high, low, mean = map(float, first.split(",")[1:4])
    one, two = (world.series_of(world.rows[at]["name"], "accuracy")["points"]["value"][0] for at in (0, 4))
    deviation = abs(one - two) / 2**0.5
    assert (high - mean, mean - low) == pytest.approx((deviation, deviation))
    browser.run(CHOOSE, "Charts", "batch_size")
    browser.wait_for("batch_size = 96", ".charts")
    assert browser.run(TITLES)[:3] == [f"loss, batch_size = {size}" for size in (32, 64, 96)]
    looks = "colour=learning_rate&dash=optimizer&band=sd&chart=batch_size"
    browser.wait("return location.hash.includes(arguments[0])", looks)


def test_runs_are_found_by_a_query(browser, world, address):
    world.rows[2] |= {"metric": {"name": "val/loss", "last": 0.01, "spark": []}}
    go(browser, address)
    for query, found in (
        ("state:error,pending", "2 of 12 Runs"),
        ("-state:completed attempt>1", "3 of 12 Runs"),
        ("val/loss<=0.01", "1 of 12 Runs"),
        ("age<1min", "0 of 12 Runs"),
    ):
        browser.write("#filter", query)
        browser.wait_for(found, ".count")


def test_parts_of_a_run_have_addresses_of_their_own(browser, world, address):
    go(browser, address, run_place(world, 0, "?tab=document&as=resolved"))
    browser.wait_for("docker.io/library/python:3.12", "#panel")
    browser.run("location.hash = arguments[0]", run_place(world, 0, "?tab=log&find=epoch+7:&only=1"))
    browser.wait_for("epoch 7:", ".log")
    assert "epoch 8:" not in browser.text(".log")
