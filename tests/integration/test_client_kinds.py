"""Logs, services and results: what needs a program that runs, whose kubelet the tests stand in for."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from run_operator import new_run
from run_operator.client.errors import EntityError, EntityNotExistsError, UnsupportedError
from tests.support.clients import SERVICE, job, kubelet
from tests.support.harness import REPOSITORY, wait_for


def test_logs_and_metrics_of_a_run_that_never_ran_are_empty_and_of_no_run_an_error(operator, cluster, person):
    run = job(cluster, suspend=True)
    assert run.metrics == {}
    assert run.logs() == list(run.logs(attempt=1)) == []
    run.delete()
    wait_for("gone", lambda: person.get("run", "x") is None)
    with pytest.raises(EntityNotExistsError):
        run.logs()


@pytest.mark.parametrize("value", ["1.5", None, True, {}, [[1]], "abc", [None], float("nan")])
def test_log_metric_refuses_with_the_originals_words(operator, cluster, value):
    run = job(cluster, suspend=True)
    with pytest.raises(
        ValueError, match=r"Invalid metric value\. Must be a list of floats or ints or a float or an int"
    ):
        run.log_metric("loss", value)


def test_what_a_kind_does_not_have_is_said(operator, cluster):
    run = job(cluster, suspend=True)
    for ask in (run.results, run.invoke, lambda: run.image):
        with pytest.raises(UnsupportedError, match=r"a Run of kind container\+job:run has no"):
            ask()
    service = new_run("demo", uuid="s", cluster=cluster, suspend=True, **SERVICE)
    with pytest.raises(EntityError, match=r"^Url not specified and service not found on run status"):
        service.invoke()


def test_what_kinds_that_do_not_run_yet_would_have_is_refused_with_the_reason(operator, cluster, person):
    key = "store://demo/artifact/artifact/a:1"
    build = job(
        cluster, "b", kind="container+build:run", task="container+build://demo/t", base_image="b", image=None
    )
    train = job(cluster, "p", kind="dbt+transform:run", task="dbt+transform://demo/t", inputs={"data": key})
    for name, reason in (("b", "BuilderMissing"), ("p", "RuntimeNotFound")):
        wait_for(reason, lambda one=name, why=reason: person.status(one).get("reason") == why)
    for run in (build, train):
        run.refresh()
    with pytest.raises(
        UnsupportedError, match=r"this Run has no outputs: dbt\+transform needs a ClusterRuntime"
    ):
        train.outputs()
    with pytest.raises(
        UnsupportedError, match=r"run b has built no image \(it is CREATED: container\+build needs a"
    ):
        build.image  # noqa: B018
    with pytest.raises(UnsupportedError, match=r"a Run of kind container\+build:run has no inputs"):
        build.inputs()


def test_logs_are_named_by_pod_and_attempt_and_each_line_comes_once(operator, person, proxy, through, capsys):
    asked = kubelet(proxy, "one", "two \N{SNOWMAN}", "")
    run = job(through, args=["kwok-complete"])
    run.wait(timeout=60)
    said = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("run x:")]
    assert said == ["one", "two \N{SNOWMAN}", ""]
    (log,) = run.logs()
    assert (log.text, log.container, log.attempt) == ("one\ntwo \N{SNOWMAN}\n\n", "main", 1)
    assert [line.text for line in run.logs(follow=True)] == said
    assert run.logs(attempt=2) == list(run.logs(follow=True, attempt=2)) == []
    assert all("container=main" in path for path in asked)


def test_a_log_that_is_cut_goes_on_where_it_was(operator, person, proxy, through):
    """The stream of a container that still runs ends; what it repeats is not shown twice."""
    asked = kubelet(proxy, "one", "two")
    run = job(through)
    person.becomes("x", "RUNNING")
    lines = run.logs(follow=True)
    assert [next(lines).text, next(lines).text] == ["one", "two"]
    wait_for("more tries", lambda: sum("sinceTime=2026-11-24T10" in path for path in asked) >= 2)
    run.stop()
    assert list(lines) == []


def test_a_service_is_called_through_the_api_server(operator, person, proxy, through):
    asked = kubelet(proxy)
    run = new_run("demo", uuid="s", cluster=through, **SERVICE).wait(log_info=False, timeout=60)
    base = f"http://s.{person.namespace}:80"
    proxied = f"/api/v1/namespaces/{person.namespace}/services/s:80/proxy"
    assert run.invoke().json() == {"path": f"{proxied}/"}
    assert run.invoke(url=f"{base}/v2/models?a=1", params={"b": "c d"}).ok
    assert run.invoke(json={"x": 1}).status_code == 200
    assert run.invoke("put", data="text").text.startswith("{")
    assert asked == [
        f"GET {proxied}/",
        f"GET {proxied}/v2/models?a=1&b=c+d",
        f"POST {proxied}/",
        f"PUT {proxied}/",
    ]
    for foreign in ("http://elsewhere/", f"{base}@evil/", f"{base}/../../../secrets"):
        with pytest.raises(EntityError, match="Invalid URL"):
            run.invoke(url=foreign)
    assert len(asked) == 4


def test_the_script_of_the_readme(operator, proxy, person, tmp_path, monkeypatch, capsys):
    """As it is printed there; the program is ended, while it is stopped, by an edit that fake nodes understand."""
    kubelet(proxy, "hello")
    (script,) = re.findall(r"```python\n(.*?)```", (REPOSITORY / "README.md").read_text(), re.DOTALL)
    assert len([line for line in script.splitlines() if line and not line.startswith((" ", "from"))]) <= 10
    config = yaml.safe_load(proxy.kubeconfig.read_text())
    config["contexts"][0]["context"]["namespace"] = person.namespace
    proxy.kubeconfig.write_text(yaml.safe_dump(config))
    monkeypatch.setenv("KUBECONFIG", str(proxy.kubeconfig))
    monkeypatch.chdir(tmp_path)
    # Before each of the script's writes: the API server takes it while the Run is STOPPED, before the resume.
    ending = {"spec": {"spec": {"args": ["kwok-complete"]}}}
    proxy.before_write = lambda _: person.patch_run("hello", ending) and None
    names: dict[str, Any] = {}
    exec(compile(script, "README.md", "exec"), names)  # noqa: S102 - that is the test
    names["run"].cluster.close()
    said = capsys.readouterr().out
    assert "hello" in said.splitlines()
    assert (tmp_path / "runs-hello.yaml").exists()
    assert person.items("runs")
