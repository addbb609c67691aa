"""What a person sees on the page of Runs, in a real browser, of real pods."""

from __future__ import annotations

import pytest

from tests.support.browser import chromium
from tests.support.gateway_process import GatewayProcess, account
from tests.support.harness import wait_for
from tests.support.ui_process import runctl_ui

PYTHON = "docker.io/library/python:3.11"
HOSTILE = '<img src=x onerror="window.harmed=1">'
PROGRAM = f"""
import os, time
from runmetrics import log_metric
print("attempt", os.environ["RUN_ATTEMPT"], "begins", flush=True)
print('{HOSTILE} \\x1b[31mred\\x1b[0m', flush=True)
at = 0
while True:
    log_metric("loss", 1 / (at + 1))
    log_metric('{HOSTILE}', at)
    at += 1
    time.sleep(0.1)
"""


@pytest.fixture(scope="module")
def window(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture
def someone(person, tmp_path):
    """May look, and may stop and resume."""
    return person.somebody(tmp_path / "kubeconfig", "view", "run-operator-view", "run-operator-edit")


@pytest.fixture
def browser(window, someone):
    """It shows the list of the person's namespace, as `runctl ui` opened it."""
    with runctl_ui(someone) as address:
        window.open(address)
        window.wait_for("There are no Runs here yet")
        window.log()
        yield window
        assert window.run("return [window.harmed, document.images.length]") == [None, 0]
        window.call("POST", "url", {"url": "about:blank"})


def program(person, name):
    envs = [{"name": "LR", "value": name}, {"name": "NOTE", "value": HOSTILE}]
    person.apply_run(name, "python3", "-c", PROGRAM, image=PYTHON, spec={"envs": envs})


def go(browser, place):
    browser.run("location.hash = arguments[0]", place)


def last_value(browser):
    return float(browser.run("return document.querySelector('.legend b')?.textContent ?? ''") or "nan")


def test_a_run_is_seen_from_its_start_to_its_end(browser, person):
    program(person, "first")
    program(person, "second")
    browser.wait_for("first")
    browser.wait("return document.querySelectorAll('.row .state-running').length === 2", deadline=60)

    browser.click("first", ".c-title a")
    browser.wait_for("Attempts")
    browser.click("Metrics", "[role=tab]")
    browser.wait("return document.querySelector('.legend b')", deadline=60)
    before = last_value(browser)
    wait_for("a curve that grows", lambda: last_value(browser) not in (before, float("nan")))

    browser.click("Stop", ".buttons button")
    browser.wait_for("stopped", ".run-head", deadline=60)
    assert person.status("first")["state"] == "STOPPED"
    browser.click("Resume", ".buttons button")
    browser.wait_for("running", ".run-head", deadline=60)
    browser.click("Overview", "[role=tab]")
    browser.wait_for("#2", ".timeline")
    assert "Suspended" in browser.text(".timeline")

    browser.click("Log", "[role=tab]")
    browser.wait_for("attempt 2 begins", ".log", deadline=60)
    go(browser, f"#/runs/{person.namespace}/first?tab=log&attempt=1")
    browser.wait_for("attempt 1 begins", ".log", deadline=60)
    browser.wait_for(HOSTILE, ".log")
    assert browser.run("return document.querySelector('.ansi-red').textContent") == "red"

    go(browser, f"#/compare?run={person.namespace}/first&run={person.namespace}/second")
    browser.wait_for("LR", "tr.differs")
    assert "NOTE" not in browser.text("table")
    browser.wait("return document.querySelectorAll('.u-over').length >= 2")

    go(browser, f"#/runs/{person.namespace}/second")
    browser.click("Delete", ".run-head .buttons button")
    browser.click("Delete", "dialog .buttons button")
    browser.wait_until_gone("second", ".table")
    wait_for("the Run deleted", lambda: person.get("run", "second") is None)


def test_who_loses_a_right_reads_which(browser, person):
    person.apply_run("mine", "sleep", "600")
    browser.click("mine", ".c-title a")
    browser.wait_for("running", ".run-head", deadline=60)
    person.kubectl("delete", "rolebinding", "run-operator-edit")
    browser.click("Stop", ".buttons button")
    browser.wait_for(f"you may not patch runs.run-operator.io in {person.namespace}", ".buttons")
    assert person.status("mine")["state"] == "RUNNING"


def test_who_signed_in_at_the_gateway_stays_there_while_it_starts_anew(window, kubeconfig, person, tmp_path):
    gateway = GatewayProcess(kubeconfig, tmp_path)
    gateway.start()
    window.open(f"{gateway.endpoint}/ui/#/runs?ns={person.namespace}")
    window.write("#token", account(person, "editor", "edit"))
    window.click("Sign in", "button[type=submit]")
    window.wait_for("There are no Runs here yet")
    person.apply_run("first", "sleep", "600")
    window.wait_for("first", ".table")
    gateway.stop()
    window.wait_for("The server has not answered", "[role=alert]")
    person.apply_run("later", "sleep", "600")
    gateway.start()
    window.wait_for("later", ".table")
    window.wait_until_gone("The server has not answered")
    assert gateway.stop() == 0
