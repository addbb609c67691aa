"""Settings: a flag and an environment variable each, and what is refused before anything starts."""

from __future__ import annotations

from dataclasses import dataclass

import click
import pytest
from click.testing import CliRunner

from run_operator import __main__ as operator
from run_operator.flags import BindAddress, BindAddressType, command, setting
from run_operator.gateway import __main__ as gateway
from run_operator.observability import logging
from run_operator.settings import Settings


@pytest.fixture(autouse=True)
def logged(monkeypatch) -> list[tuple[str, bool]]:
    """How logs were set up; for this process they are not."""
    reported = []
    monkeypatch.setattr(logging, "configure", lambda level, *, as_json: reported.append((level, as_json)))
    return reported


@dataclass(frozen=True)
class Few:
    places: tuple[str, ...] = setting((), "Where.", flag="--place", multiple=True)
    at_once: int = setting(4, "How many.", type=click.IntRange(1, 9))


@command(Few, "RUN_TEST", "few")
def few(settings: Few) -> None:
    """Say them."""
    click.echo(settings)


def test_a_setting_is_its_default_its_variable_or_its_flag():
    call = CliRunner(env={"RUN_TEST_AT_ONCE": "5", "RUN_TEST_PLACES": "a b"})
    assert CliRunner().invoke(few).stdout == f"{Few()}\n"
    assert call.invoke(few).stdout == f"{Few(('a', 'b'), 5)}\n"
    assert call.invoke(few, ["--place", "c", "--at-once", "6"]).stdout == f"{Few(('c',), 6)}\n"


def test_logs_are_set_up_first(logged):
    CliRunner(env={"RUN_TEST_LOG_LEVEL": "debug"}).invoke(few, ["--log-format", "text"])
    CliRunner().invoke(few)
    assert logged == [("debug", False), ("info", True)]


def test_the_help_says_all_there_is_to_know():
    reported = CliRunner().invoke(few, ["--help"], terminal_width=110).stdout
    assert "Say them." in reported
    for words in (
        "How many.",
        "env var: RUN_TEST_AT_ONCE",
        "default: 4",
        "1<=x<=9",
        "env var: RUN_TEST_LOG_LEVEL",
    ):
        assert words in reported


@pytest.mark.parametrize(
    ("program", "given", "said"),
    [
        (few, ["--at-once", "10"], "not in the range"),
        (few, ["--log-format", "xml"], "'json', 'text'"),
        (operator.main, ["--ingest-url", "http://here"], "use https://HOST:PORT, without a path"),
        (operator.main, ["--pod-api-url", "https://here/there"], "use https://HOST:PORT, without a path"),
        (operator.main, ["--ingest-bind-address", "8443"], "'8443' is not HOST:PORT, [IPv6]:PORT or :PORT"),
        (operator.main, ["--ingest-bind-address", "::1:8443"], "is not HOST:PORT, [IPv6]:PORT or :PORT"),
        (operator.main, ["--metrics-bind-address", ":65536"], "is not HOST:PORT, [IPv6]:PORT or :PORT"),
        (gateway.main, ["--project", "churn"], "use PROJECT=NAMESPACE, not 'churn'"),
        (gateway.main, ["--project", "churn="], "use PROJECT=NAMESPACE, not 'churn='"),
        (gateway.main, ["--project", "=ml"], "use PROJECT=NAMESPACE, not '=ml'"),
    ],
)
def test_a_wrong_one_is_refused_with_what_to_write(program, given, said):
    done = CliRunner().invoke(program, given, terminal_width=200)
    assert (done.exit_code, said in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("text", "address"),
    [(":8443", ("", 8443)), ("10.0.0.1:1", ("10.0.0.1", 1)), ("[::1]:8443", ("::1", 8443))],
)
def test_an_address_to_listen_on_is_read_as_it_is_written(text, address):
    found = BindAddressType().convert(text, None, None)
    assert (found, str(found)) == (BindAddress(*address), text)


def test_the_namespace_of_the_pod_is_known_by_the_variable_that_pods_have_for_it(monkeypatch):
    seen = []

    async def operate(settings: Settings) -> None:
        seen.append((settings.pod_namespace, settings.shared_profiles_namespace))

    monkeypatch.setattr(operator, "_operate", operate)
    CliRunner(env={"POD_NAMESPACE": "ml-system"}).invoke(operator.main)
    CliRunner(env={"POD_NAMESPACE": "ml-system"}).invoke(operator.main, ["--profiles-namespace", "shared"])
    assert seen == [("ml-system", "ml-system"), ("ml-system", "shared")]


def test_projects_are_read_as_pairs(monkeypatch):
    seen = []

    async def serve(settings: gateway.GatewaySettings) -> None:
        seen.extend(settings.projects)

    monkeypatch.setattr(gateway, "serve", serve)
    done = CliRunner(env={"RUN_GATEWAY_PROJECTS": "churn=ml b=c"}).invoke(gateway.main)
    assert (done.exit_code, seen) == (0, [("churn", "ml"), ("b", "c")])
