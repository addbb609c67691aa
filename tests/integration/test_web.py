"""The page's server on a real API server: what viewers see as it happens, what they may not, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

from run_operator import get_run
from tests.support.gateway_process import GatewayProcess, account
from tests.support.harness import OperatorProcess, Person, wait_for
from tests.support.proxy import Proxy
from tests.support.web_viewer import UiProcess, Viewer

LOG = "\x1b[31mred\x1b[0m\x1b]0;title\x07 first\r\nlast\x00\n"


@pytest.fixture
def viewer(gateway: GatewayProcess, person: Person) -> Viewer:
    """Who may edit in the namespace."""
    return Viewer(f"{gateway.endpoint}/ui/", account(person, "editor", "edit"))


@pytest.fixture(scope="module")
def proxy(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """To the API server; fake nodes have no logs, so it answers for them."""
    one = Proxy(kubeconfig, tmp_path_factory.mktemp("proxy"))
    one.answer = lambda _, path: web.Response(text=LOG) if "/log?" in path else None
    one.start()
    yield one
    one.stop()


@pytest.fixture(scope="module")
def ui(proxy: Proxy) -> Iterator[UiProcess]:
    """With the rights of a kubeconfig."""
    one = UiProcess(proxy.kubeconfig, "default")
    yield one
    code, said = one.interrupt()
    assert (code, said) == (0, "Ctrl-C ends it.\n")


def test_a_run_appears_changes_and_goes_while_somebody_looks(operator, person, viewer, cluster):
    with viewer.open(f"api/runs/stream?namespace={person.namespace}") as rows:
        rows.wait("synced")
        person.apply_run("seen", "sleep", "60")
        row = rows.row("seen", lambda one: one["state"] == "RUNNING")
        assert row.keys() >= {"uid", "project", "kind", "created", "attempt", "labels", "message"}
        get_run("seen", cluster=cluster).log_metric("loss", [3.0, 2.0])
        assert rows.row("seen", lambda one: one["metric"] is not None)["metric"]["spark"] == [3.0, 2.0]
        (listed,) = viewer.get(f"api/runs?namespace={person.namespace}&limit=10")["items"]
        assert (listed["uid"], listed["name"]) == (row["uid"], "seen")
        person.kubectl("delete", "run", "seen", "--wait=false")
        rows.wait("gone", lambda uids: row["uid"] in uids)


def test_a_logged_value_a_stop_and_a_resume_are_seen_at_once(operator, person, viewer, cluster):
    person.apply_run("live", "sleep", "60")
    person.becomes("live", "RUNNING")
    path = f"api/namespaces/{person.namespace}/runs/live"
    with viewer.open(f"{path}/stream") as stream:
        first = stream.wait("detail")
        assert first["rights"] == {"stop": None, "resume": None, "delete": None, "logs": None}
        get_run("live", cluster=cluster).log_metric("loss", [1.0, 2.0, 5.0])
        points = stream.wait("metrics", lambda data: "loss" in data)["loss"]
        assert (points["step"], points["value"], points["max"]) == ([0, 1, 2], [1.0, 2.0, 5.0], 5.0)
        get_run("live", cluster=cluster).log_metric("loss", 4.0)
        more = stream.wait("metrics", lambda data: data["loss"]["from"] == 3)["loss"]
        assert (more["step"], more["value"]) == ([3], [4.0])
        assert viewer.ask("POST", f"{path}/stop").json["state"] == "STOP"
        stopped = stream.wait("detail", lambda data: data["row"]["state"] == "STOPPED")
        assert stopped["attempts"][0]["state"] == "stopped"
        assert [one["phase"] for one in stopped["attempts"][0]["phases"]][-2:] == ["stopping", "stopped"]
        stream.wait("detail", lambda data: {"Started"} <= {one["reason"] for one in data["events"]})
        assert viewer.ask("POST", f"{path}/resume").status == 202
        stream.wait("detail", lambda data: (data["row"]["state"], data["row"]["attempt"]) == ("RUNNING", 2))
        (series,) = viewer.get(f"{path}/metrics?name=loss")["series"]
        assert series["points"]["value"] == [1.0, 2.0, 5.0, 4.0]
        assert viewer.ask("DELETE", path).status == 202
        stream.wait("gone")
    again = viewer.ask("POST", f"{path}/stop")
    assert (again.status, again.error["reason"]) == (404, "NotFound")


def test_runs_beside_each_other(operator, person, viewer, cluster):
    for name, rate in (("a", "0.1"), ("b", "0.2")):
        person.apply_run(name, "sleep", "60", spec={"envs": [{"name": "LR", "value": rate}]})
        get_run(name, cluster=cluster).log_metric("loss", float(rate), single_value=True)
    keys = "&".join(f"run={person.namespace}/{name}" for name in "ba")
    found = viewer.get(f"api/compare?{keys}")
    assert [row["name"] for row in found["runs"]] == ["b", "a"]
    assert found["parameters"]["envs.LR"] == ["0.2", "0.1"]
    assert [one["last"] for one in found["metrics"]["loss"]] == [0.2, 0.1]
    assert found["lost"] == []
    gone = f"{person.namespace}/gone"
    found = viewer.get(f"api/compare?{keys}&run={gone}")
    assert [row["name"] for row in found["runs"]] == ["b", "a"]
    assert [one["run"] for one in found["lost"]] == [gone]
    assert viewer.ask("GET", f"api/compare?run={gone}").status == 404


def test_who_lacks_a_right_reads_which_one(operator, gateway, person):
    person.apply_run("other")
    watching = Viewer(f"{gateway.endpoint}/ui/", account(person, "watcher", "view"))
    path = f"api/namespaces/{person.namespace}/runs/other"
    missing = f"patch runs.run-operator.io in {person.namespace}"
    assert watching.get(path)["rights"] == {
        "stop": missing,
        "resume": missing,
        "delete": f"delete runs.run-operator.io in {person.namespace}",
        "logs": None,
    }
    for method, action, needed in (("POST", "/stop", "patch"), ("DELETE", "", "delete")):
        refused = watching.ask(method, path + action)
        assert (refused.status, refused.error["reason"]) == (403, "Forbidden")
        assert refused.error["missing"] == f"{needed} runs.run-operator.io in {person.namespace}"
    assert person.get("run", "other")["spec"].get("suspend") in (None, False)


def test_tenants_share_nothing(operator, gateway, person, viewer, kubeconfig):
    other = Person(kubeconfig, f"{person.namespace}-b")
    other.kubectl("create", "namespace", other.namespace)
    theirs = Viewer(f"{gateway.endpoint}/ui/", account(other, "editor", "edit"))
    other.apply_run("secret", suspend=True)
    with viewer.open(f"api/runs/stream?namespace={person.namespace}") as mine:
        mine.wait("synced")
        for where in (f"namespace={other.namespace}", ""):
            refused = viewer.ask("GET", f"api/runs/stream?{where}")
            assert (refused.status, refused.error["missing"].split()[0]) == (403, "list")
        with theirs.open(f"api/runs/stream?namespace={other.namespace}") as stream:
            assert stream.row("secret")["state"]
        assert viewer.ask("GET", f"api/namespaces/{other.namespace}/runs/secret").status == 403
        assert b"secret" not in mine.text
    session = viewer.get("api/session")
    assert (session["mode"], session["user"]["name"].rpartition(":")[2]) == ("gateway", "editor")
    assert viewer.get("api/namespaces")["all"] is False
    other.kubectl("delete", "namespace", other.namespace, "--wait=false")


def test_logs_of_a_program_that_runs_and_of_one_that_is_gone(alone, person, proxy, ui, tmp_path):
    own = OperatorProcess(proxy.kubeconfig, tmp_path / "log", namespaces=person.namespace)
    own.start()
    try:
        person.apply_run("x", "sleep", "60")
        person.becomes("x", "RUNNING")
        path = f"api/namespaces/{person.namespace}/runs/x"
        safe = b"\x1b[31mred\x1b[0m first\r\nlast\n"
        with ui.viewer.open(f"{path}/logs?follow=1") as live:
            assert live.ended.wait(20)
            assert live.text == safe
        person.patch_run("x", {"spec": {"suspend": True}})
        person.becomes("x", "STOPPED")
        wait_for("what is kept", lambda: person.items("runlogs"))
        wait_for("its pod gone", lambda: not person.items("pods"))
        kept = ui.viewer.ask("GET", f"{path}/logs?attempt=1")
        assert (kept.status, kept.body, kept.headers["content-type"]) == (
            200,
            safe,
            "text/plain; charset=utf-8",
        )
        tail = ui.viewer.ask("GET", f"{path}/logs?attempt=1&tail=1")
        assert (tail.body, tail.headers["x-log-note"][:24]) == (b"last\n", "only the end is shown of")
        (source,) = ui.viewer.get(f"{path}/logs/sources")["items"]
        assert (source["attempt"], source["container"], source["live"]) == (1, "main", False)
        none = ui.viewer.ask("GET", f"{path}/logs?attempt=2")
        assert (none.body, none.headers["x-log-note"]) == (
            b"",
            "the program wrote nothing, or its log was not stored",
        )
    finally:
        own.kill()


def test_the_list_goes_on_when_the_api_server_was_away(person, proxy, ui):
    person.apply_run("before", suspend=True)
    with ui.viewer.open(f"api/runs/stream?namespace={person.namespace}") as rows:
        rows.row("before")
        proxy.pause()
        proxy.cut_streams()
        rows.wait("problem", lambda data: data["error"]["reason"] == "Unavailable")
        person.apply_run("after", suspend=True)
        proxy.unpause()
        assert rows.row("after")["name"] == "after"


def test_a_server_that_stops_ends_its_streams_and_the_next_one_goes_on(operator, gateway, person, viewer):
    with viewer.open(f"api/runs/stream?namespace={person.namespace}") as rows:
        rows.wait("synced")
        assert gateway.stop() == 0
        rows.wait("expired")
        assert rows.ended.wait(10)
    gateway.start()
    with viewer.open(f"api/runs/stream?namespace={person.namespace}") as rows:
        rows.wait("synced")


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "", {"Host": "evil.example"}, 421),
        ("GET", "api/session", {"Host": "evil.example:80"}, 421),
        ("GET", "api/runs", {"Authorization": ""}, 401),
        ("GET", "api/runs", {"Authorization": "Bearer wrong"}, 401),
        ("GET", "api/runs/stream", {"Authorization": "Bearer wrong"}, 401),
        ("POST", "api/namespaces/default/runs/x/stop", {"Origin": "https://evil.example"}, 403),
        ("POST", "api/namespaces/default/runs/x/stop", {"Sec_Fetch_Site": "cross-site"}, 403),
        ("GET", "../../../../etc/passwd", {}, 404),
        ("GET", "%2e%2e/%2e%2e/pyproject.toml", {}, 404),
        ("GET", "..%2flimits.py", {}, 404),
        ("POST", "", {}, 405),
        ("OPTIONS", "api/runs", {}, 404),
        ("GET", "api/namespaces/..%2f..%2fsecrets/runs/x", {}, 400),
        ("GET", "api/namespaces/default/runs/x%3fwatch=1", {}, 400),
        ("GET", "api/runs?limit=100000", {}, 400),
        ("GET", "api/runs?continue=%0a", {}, 400),
        ("GET", "api/compare?" + "&".join(f"run=a/b{number}" for number in range(101)), {}, 400),
        ("GET", "api/runs?namespace=" + "a" * 16_050, {}, 414),
        ("GET", "nothing.js", {}, 404),
        ("PUT", "api/namespaces/default/runs/x", {}, 405),
    ],
)
def test_what_is_refused(ui, method, path, headers, status):
    reply = ui.viewer.ask(method, path, **headers)
    assert (reply.status, reply.json["error"]["message"] != "") == (status, True), reply.body
    assert "access-control-allow-origin" not in reply.headers


def test_one_viewer_has_no_more_streams_than_its_share(ui):
    streams = [ui.viewer.open("api/runs/stream?namespace=default") for _ in range(32)]
    refused = ui.viewer.ask("GET", "api/runs/stream?namespace=default")
    assert (refused.status, refused.error["reason"]) == (429, "TooManyStreams")
    assert int(refused.headers["retry-after"]) >= 1
    for stream in streams:
        with stream:
            pass
    wait_for("a place", lambda: ui.viewer.ask("GET", "api/namespaces/default/runs/none/logs").status == 404)


def test_the_page_itself_needs_no_token_and_says_what_it_may_load(ui):
    reply = Viewer(ui.address).ask("GET", "", Accept_Encoding="gzip")
    assert (reply.status, reply.headers["content-encoding"]) == (200, "gzip")
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert (reply.headers["x-frame-options"], reply.headers["referrer-policy"]) == ("DENY", "no-referrer")
    assert Viewer(ui.address).ask("GET", "", If_None_Match=reply.headers["etag"]).status == 304
    session = Viewer(ui.address).get("api/session")
    assert (session["mode"], session["user"]) == ("loopback", None)
