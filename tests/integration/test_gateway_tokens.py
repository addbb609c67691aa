"""Tokens that expire while a program of the real SDK uses them: renewed by a provider, by hand, or not at all."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest

from run_operator import get_run
from tests.support.gateway_process import SdkUser, account
from tests.support.harness import Person, wait_for
from tests.support.issuer import Issuer

ROLES = ("edit", "run-operator-metrics")


@pytest.fixture
def run(operator: Any, person: Person) -> str:
    person.apply_run("x")
    person.becomes("x", "RUNNING")
    return "x"


def token(person: Person, *bound: str) -> str:
    return person.kubectl("create", "token", "user", "--duration=1h", *bound).stdout.strip()


def that_ends(person: Person) -> str:
    """A token that is good until the Secret `life` is deleted."""
    person.kubectl("create", "secret", "generic", "life")
    return token(person, "--bound-object-kind=Secret", "--bound-object-name=life")


def test_a_token_is_renewed_while_a_program_logs_and_no_value_is_lost(gateway, person, run, tmp_path, line):
    account(person, "user", *ROLES)
    with Issuer(lambda: token(person)) as issuer:
        user = SdkUser(
            gateway.endpoint, that_ends(person), tmp_path, line,
            DHCORE_ISSUER=issuer.url, DHCORE_CLIENT_ID="notebook", DHCORE_REFRESH_TOKEN="r1",
        )  # fmt: skip
        program = user.begin("renewed", person.namespace, run)
        wait_for("its first value", lambda: person.status(run).get("metrics"))
        assert not issuer.asked
        person.kubectl("delete", "secret", "life")
        count = user.end(program)
    asked = {
        "grant_type": "refresh_token",
        "client_id": "notebook",
        "refresh_token": "r1",
        "scope": "credentials",
    }
    assert issuer.asked == [asked], "once, and the new one is kept"
    assert person.status(run)["metrics"]["loss"] == list(range(count))


def test_who_reads_with_one_token_and_writes_with_the_next_is_the_same(gateway, person, run, cluster):
    """As when a token is renewed between the two, and another program has logged an equal value meanwhile."""
    account(person, "user", *ROLES)
    path = f"{gateway.endpoint}/api/v1/-/{person.namespace}/runs/{run}/metrics"
    other = get_run(run, cluster=cluster)
    other.log_metric("loss", 1)
    assert ask("GET", path, token(person)) == {"loss": [1]}
    other.log_metric("loss", 1)
    assert ask("PUT", f"{path}/loss", token(person), [1, 1]) == [1, 1, 1]


def ask(method: str, url: str, bearer: str, body: Any = None) -> Any:
    request = urllib.request.Request(  # noqa: S310 - of this test's own making
        url, method=method, headers={"Authorization": f"Bearer {bearer}"},
        data=None if body is None else json.dumps(body).encode(),
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return json.loads(answer.read())


def test_without_a_provider_a_token_is_renewed_by_hand(gateway, person, tmp_path, line):
    """As docs/gateway.md says: in the environment, and the client is reset, or one call fails."""
    good = account(person, "user", *ROLES)
    person.kubectl("create", "serviceaccount", "gone")
    ended = person.kubectl("create", "token", "gone").stdout.strip()
    person.kubectl("delete", "serviceaccount", "gone")
    user = SdkUser(gateway.endpoint, ended, tmp_path, line)
    found = user.run("by_hand", person.namespace, ended, good)
    assert found["ended"].startswith("UnauthorizedError")
    assert "set DHCORE_ACCESS_TOKEN" in found["ended"]
    no_refresh = "ClientError: Auth type access_token_only does not support refresh."
    assert (found["too_late"], found["again"]) == (no_refresh, person.namespace)
    assert found["in_time"] == [no_refresh, person.namespace]
