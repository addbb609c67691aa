"""The `Run` object of Python against a real API server: every method, and `wait` under fire."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from run_operator import (
    Cluster,
    Run,
    delete_run,
    get_run,
    import_run,
    list_runs,
    load_run,
    new_run,
    update_run,
)
from run_operator.client import following, kube
from run_operator.client.errors import (
    BackendError,
    BadRequestError,
    EntityAlreadyExistsError,
    EntityError,
    EntityNotExistsError,
    ForbiddenError,
    RunDeletedError,
    UnsupportedError,
    WaitTimeoutError,
)
from run_operator.document.entity import load
from run_operator.document.kinds import EntityType
from tests.harness import EXPORTS, REPOSITORY, Person, run_object, wait_for
from tests.proxy import Proxy

JOB = {
    "kind": "container+job:run",
    "task": "container+job://demo/t",
    "image": "docker.io/library/busybox:1.36",
}
SERVICE = JOB | {
    "kind": "container+serve:run",
    "task": "container+serve://demo/t",
    "service_ports": [{"port": 80, "target_port": 5678}],
}
RUNS = sorted(path for path in EXPORTS.glob("*.yaml") if load(path.read_bytes()).type is EntityType.RUN)


@pytest.fixture
def cluster(kubeconfig: Path, person: Person) -> Iterator[Cluster]:
    one = Cluster.connect(kubeconfig=str(kubeconfig), namespace=person.namespace)
    yield one
    one.close()


def job(cluster: Cluster, uuid: str = "x", **more: Any) -> Run:
    return new_run("demo", uuid=uuid, cluster=cluster, **(JOB | more))


def in_thread(do: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    """Run it beside the test; what it returns or raises is put into the list."""
    came: list[Any] = []

    def run() -> None:
        try:
            came.append(do())
        except Exception as error:  # noqa: BLE001 - the test looks at it
            came.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, came


# -- the entity


def test_a_new_run_is_created_as_the_sdk_would_and_found_by_key_id_and_name(operator, cluster):
    run = job(cluster, labels=["a"], args=["1e3", "kwok-complete"])
    assert run.id == run.name == run.object_name == "x"
    assert run.key == "store://demo/run/container+job:run/x"
    assert (run.metadata.labels, run.spec.args, run.spec.task) == (
        ["a"],
        ["1e3", "kwok-complete"],
        JOB["task"],
    )
    for found in (get_run(run.key, cluster=cluster), get_run("x", "demo", cluster=cluster)):
        assert found.spec == run.spec
    with pytest.raises(EntityNotExistsError, match="of project demo, not other"):
        get_run("x", "other", cluster=cluster)
    with pytest.raises(EntityNotExistsError, match="Entity does not exists"):
        get_run("y", cluster=cluster)


def test_a_run_under_another_name_is_found_by_its_id(operator, cluster, person):
    person.apply_run("x")
    person.apply({**person.get("run", "x"), "metadata": {"name": "other"}})
    cluster.delete(following.RUNS, "x")
    wait_for("x gone", lambda: person.get("run", "x") is None)
    assert get_run("x", "demo", cluster=cluster).object_name == "other"
    assert get_run("other", cluster=cluster).id == "x"
    hashed = job(cluster, "ends-like-a-hash-0123456789")
    assert hashed.object_name != hashed.id
    for identifier in (hashed.id, hashed.object_name, hashed.key):
        assert get_run(identifier, cluster=cluster).object_name == hashed.object_name


def test_save_creates_once_and_updates_what_may_change(operator, cluster, person):
    run = job(cluster)
    with pytest.raises(
        EntityAlreadyExistsError, match=r"^Entity already exists\. Response: .*save\(update=True\)"
    ):
        run.save()
    run.metadata["description"] = "second"
    person.patch_run("x", {"spec": {"runPolicy": {"ttlSecondsAfterFinished": 9999}}})
    assert run.save(update=True) is run
    spec = person.get("run", "x")["spec"]
    assert spec["metadata"]["description"] == "second"
    assert spec["runPolicy"]["ttlSecondsAfterFinished"] == 9999
    version = person.get("run", "x")["metadata"]["generation"]
    assert update_run(run).metadata.description == "second"
    assert person.get("run", "x")["metadata"]["generation"] == version
    run.spec["args"] = ["new"]
    with pytest.raises(BadRequestError, match="only while the Run is STOPPED"):
        run.save(update=True)
    run.kind = "container+build:run"
    run.spec["task"] = "container+build://demo/t"
    with pytest.raises(EntityError, match=r"the kind of run x is 'container\+job:run' and cannot become"):
        run.save(update=True)


def test_save_with_update_creates_what_is_not_there(operator, cluster, person):
    run = job(cluster)
    run.delete()
    wait_for("gone", lambda: person.get("run", "x") is None)
    with pytest.raises(EntityNotExistsError):
        run.refresh()
    with pytest.raises(EntityNotExistsError):
        run.delete()
    run.save(update=True)
    assert person.get("run", "x")["spec"]["spec"] == run.spec


def test_delete_never_hits_a_run_of_the_same_name_that_came_later(operator, cluster, person):
    old = job(cluster)
    delete_run("x", cluster=cluster)
    wait_for("gone", lambda: person.get("run", "x") is None)
    job(cluster)
    with pytest.raises(BackendError, match="another one than the one meant"):
        old.delete()
    assert person.get("run", "x") is not None


def test_an_export_has_what_happened_and_no_reader_takes_its_texts_for_numbers(
    operator, cluster, tmp_path, monkeypatch
):
    from ruamel.yaml import YAML  # noqa: PLC0415 - a YAML 1.2 reader

    run = job(cluster, args=["kwok-complete", "1e3", "yes", "0x10", "12:30"]).wait(log_info=False, timeout=60)
    run.folder = tmp_path
    path = run.export()
    assert path == str(tmp_path / "runs-x.yaml")
    assert [p.name for p in tmp_path.iterdir()] == ["runs-x.yaml"]
    for read in (yaml.safe_load, YAML(typ="safe", pure=True).load):
        found = read(Path(path).read_text())
        assert list(found) == [
            "kind",
            "metadata",
            "spec",
            "status",
            "project",
            "id",
            "name",
            "key",
            "extensions",
        ]
        assert found["spec"]["args"] == ["kwok-complete", "1e3", "yes", "0x10", "12:30"]
        assert found["status"]["state"] == "COMPLETED"
        assert found["status"]["attempts"][0]["exitCode"] == 0
    run.folder = tmp_path / "vanished"
    with pytest.raises(FileNotFoundError):
        run.export()


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.stem)
def test_every_export_is_imported_exported_and_imported_again(cluster, person, tmp_path, path):
    before = load(path.read_bytes()).document
    run = import_run(path, suspend=True, cluster=cluster)
    with pytest.raises(EntityError, match=r"already exists\. If you want to update it, use load instead"):
        import_run(path, cluster=cluster)
    run.folder = tmp_path
    after = load(Path(run.export()).read_bytes()).document
    same = ("kind", "metadata", "spec", "project", "id", "name", "key", "user", "extensions")
    assert {k: after.get(k) for k in same} == {
        k: before.get(k, [] if k == "extensions" else None) for k in same
    }
    again = import_run(run.export(), reset_id=True, suspend=True, cluster=cluster)
    assert again.spec == run.spec
    assert again.id != run.id


def test_load_creates_or_updates_and_keeps_the_status_in_the_document(operator, cluster, person):
    path = EXPORTS / "container-job-completed.yaml"
    exported = load(path.read_bytes()).document
    run = load_run(path, cluster=cluster)
    stored = person.get("run", run.object_name)["spec"]
    assert stored["status"]["state"] == exported["status"]["state"] == "COMPLETED"
    assert load_run(path, cluster=cluster).id == run.id


def test_runs_are_listed_by_everything_the_original_knows(operator, cluster, person):
    job(cluster, "a", args=["kwok-complete"]).wait(log_info=False, timeout=60)
    job(cluster, "b", function="container://demo/f:1")
    new_run("other", uuid="c", cluster=cluster, **(SERVICE | {"task": "container+serve://other/t"}))
    person.becomes("b", "RUNNING")

    def names(**wanted: Any) -> list[str]:
        return [run.id for run in list_runs(cluster=cluster, **wanted)]

    assert names() == ["a", "b", "c"]
    assert names(project="demo") == ["a", "b"]
    assert names(project="demo", state="COMPLETED") == ["a"]
    assert names(kind="container+serve:run") == names(action="serve") == ["c"]
    assert names(function="container://demo/f:1") == ["b"]
    assert names(created="20") == ["a", "b", "c"]
    assert names(q="complete") == names(name="a") == ["a"]
    assert names(state="no,such=state\\") == names(user="nobody") == []


# -- its life


def test_wait_tells_states_and_returns_the_run(operator, cluster, capsys):
    run = job(cluster, args=["kwok-complete"])
    assert run.wait(timeout=60) is run
    assert run.status.state == "COMPLETED"
    said = capsys.readouterr().out.splitlines()
    assert said[-1].startswith("run x: COMPLETED: exited with code 0")
    assert run.wait(timeout=5).status.state == "COMPLETED"


def test_wait_ends_with_the_failure_too_and_with_a_service_that_is_ready(operator, cluster):
    assert job(cluster, "f", args=["kwok-fail"]).wait(log_info=False, timeout=60).status.state == "ERROR"
    service = new_run("demo", uuid="s", cluster=cluster, **SERVICE).wait(log_info=False, timeout=60)
    assert service.status.service["url"] == f"s.{cluster.namespace}:80"


def test_a_wait_that_takes_too_long_says_so_and_leaves_the_run_alone(operator, cluster, person):
    run = job(cluster)
    person.becomes("x", "RUNNING")
    with pytest.raises(WaitTimeoutError, match=r"run x is RUNNING after 0\.3 s") as caught:
        run.wait(log_info=False, timeout=0.3)
    assert caught.value.state == "RUNNING"
    assert person.status("x")["state"] == "RUNNING"


def test_a_deletion_ends_the_wait(operator, cluster, person):
    run = job(cluster)
    person.becomes("x", "RUNNING")
    thread, came = in_thread(lambda: run.wait(log_info=False, timeout=60))
    run.delete()
    thread.join(30)
    assert isinstance(came[0], RunDeletedError)


def test_stop_and_resume_keep_their_promises(operator, cluster, person):
    run = job(cluster)
    person.becomes("x", "RUNNING")
    run.stop(wait=True, timeout=60)
    assert run.status.state == "STOPPED"
    assert person.items("pods") == []
    generation = person.get("run", "x")["metadata"]["generation"]
    run.stop()
    assert person.get("run", "x")["metadata"]["generation"] == generation
    assert run.wait(log_info=False, timeout=5).status.state == "STOPPED"
    assert run.resume() is None
    run.resume(wait=True, timeout=60)
    assert (run.status.state, run.status.attempt) == ("RUNNING", 2)


def test_a_stop_right_after_a_resume_is_over_only_when_the_operator_knows_of_it(operator, cluster, person):
    run = job(cluster)
    run.stop(wait=True, timeout=60)
    for _ in range(10):
        run.resume()
        run.stop(wait=True, timeout=60)
        raw = person.get("run", "x")
        assert raw["status"]["observedGeneration"] == raw["metadata"]["generation"]
        assert not [pod for pod in person.items("pods") if pod["status"]["phase"] in ("Pending", "Running")]
    run.metadata["description"] = "edited while it is stopped"
    run.save(update=True)
    assert run.wait(log_info=False, timeout=60).status.state == "STOPPED"


def test_wait_right_after_a_resume_does_not_take_the_old_stop_for_the_end(operator, cluster):
    run = job(cluster, args=["kwok-complete"], suspend=True)
    run.wait(log_info=False, timeout=60)
    run.resume()
    assert run.wait(log_info=False, timeout=60).status.state == "COMPLETED"


@pytest.mark.parametrize("verb", ["stop", "resume"])
def test_a_finished_run_is_neither_stopped_nor_resumed_in_silence(operator, cluster, verb):
    run = job(cluster, args=["kwok-complete"]).wait(log_info=False, timeout=60)
    with pytest.raises(EntityError, match="run x is COMPLETED already"):
        getattr(run, verb)()


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


# -- metrics from outside the pod

ONE = {"single_value": True}
OVER = {"overwrite": True}
TABLE: list[tuple[Any, dict[str, bool], list[Any]]] = [
    # value, flags, and what becomes of: nothing, 1.0, [1.0]
    (2.0, {}, [[2.0], [1.0, 2.0], [1.0, 2.0]]),
    (2.0, OVER, [[2.0], [2.0], [2.0]]),
    (2.0, ONE, [2.0, 1.0, [1.0]]),
    (2.0, ONE | OVER, [2.0, 2.0, 2.0]),
    ([2.0, 3.0], {}, [[2.0, 3.0], [1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]),
    ([2.0, 3.0], OVER, [[2.0, 3.0], [2.0, 3.0], [2.0, 3.0]]),
    ([2.0, 3.0], ONE, [[2.0, 3.0], [1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]),
]


@pytest.mark.filterwarnings("ignore:.*kept")
def test_log_metric_does_what_the_platform_does_where_that_does_not_crash(cluster):
    run = job(cluster, suspend=True)
    expected = {}
    for row, (value, flags, ends) in enumerate(TABLE):
        for column, end in enumerate(ends):
            key = f"{row}-{column}"
            if column:
                run.log_metric(key, 1.0, single_value=column == 1)
            run.log_metric(key, value, **flags)
            expected[key] = end
    assert run.metrics == expected


def test_log_metrics_is_one_write_and_puts_as_the_platform_does(cluster, proxy, through):
    run = job(through, suspend=True)
    proxy.writes.clear()
    run.log_metrics({"a": 1, "b": [1, 2]})
    assert len(proxy.writes) == 1
    run.log_metrics({"a": 2, "b": 3})
    assert run.metrics == {"a": [1, 2], "b": [1, 2, 3]}
    run.log_metrics({"a": 9, "b": [9]}, overwrite=True)
    assert run.metrics == {"a": 9, "b": [9]}
    assert run.refresh().status.metricsInfo["b"]["count"] == 1


def test_a_single_value_that_is_kept_is_told(cluster):
    run = job(cluster, suspend=True)
    run.log_metric("a", 1, single_value=True)
    with pytest.warns(UserWarning, match="'a'"):
        run.log_metric("a", 2, single_value=True)


def test_two_clients_lose_nothing_and_double_nothing(operator, kubeconfig, person):
    clusters = [Cluster.connect(kubeconfig=str(kubeconfig), namespace=person.namespace) for _ in range(2)]
    run = job(clusters[0])
    person.becomes("x", "RUNNING")

    def log(who: int) -> None:
        mine = get_run("x", cluster=clusters[who])
        for number in range(25):
            mine.log_metric("both", who * 1000 + number)

    threads = [in_thread(lambda who=who: log(who)) for who in range(2)]
    for thread, _ in threads:
        thread.join(90)
    assert [came for _, came in threads] == [[None], [None]]
    logged = run.metrics["both"]
    assert sorted(logged) == sorted([*range(25), *range(1000, 1025)])
    assert [value for value in logged if value < 1000] == list(range(25))
    for one in clusters:
        one.close()


@pytest.mark.parametrize("lost", ["request", "answer"])
def test_a_write_whose_answer_is_lost_counts_once(cluster, proxy, through, lost):
    run = job(through, suspend=True)
    broken = []

    def break_off(number: int) -> None:
        if len(broken) < 3:
            broken.append(number)
            raise ConnectionResetError("the test")

    setattr(proxy, "before_write" if lost == "request" else "after_write", break_off)
    for number in range(5):
        run.log_metric("loss", number)
    assert len(broken) == 3
    assert run.metrics == {"loss": [0, 1, 2, 3, 4]}


def test_without_the_right_it_says_what_to_bind(cluster, person, kubeconfig, tmp_path):
    person.kubectl("apply", "-f", str(REPOSITORY / "manifests" / "base" / "user-roles.yaml"))
    person.kubectl("create", "serviceaccount", "someone")
    someone = f"--serviceaccount={person.namespace}:someone"
    person.kubectl("create", "rolebinding", "edit", "--clusterrole=run-operator-edit", someone)
    person.kubectl("create", "rolebinding", "view", "--clusterrole=run-operator-view", someone)
    config = yaml.safe_load(kubeconfig.read_text())
    config["users"][0]["user"] = {"token": person.kubectl("create", "token", "someone").stdout.strip()}
    (tmp_path / "theirs").write_text(yaml.safe_dump(config))
    theirs = Cluster.connect(kubeconfig=str(tmp_path / "theirs"), namespace=person.namespace)
    run = job(theirs, suspend=True)
    with pytest.raises(ForbiddenError, match="--clusterrole=run-operator-log-metrics"):
        run.log_metric("loss", 1)
    person.kubectl("create", "rolebinding", "log", "--clusterrole=run-operator-log-metrics", someone)
    wait_for(
        "the right",
        lambda: person.kubectl(
            "auth",
            "can-i",
            "patch",
            "runs/status",
            f"--as=system:serviceaccount:{person.namespace}:someone",
            check=False,
        ).stdout.startswith("yes"),
    )
    run.log_metric("loss", 1)
    assert run.metrics == {"loss": [1]}
    theirs.close()


# -- under fire


@pytest.fixture
def proxy(kubeconfig: Path, tmp_path: Path) -> Iterator[Proxy]:
    one = Proxy(kubeconfig, tmp_path)
    one.start()
    yield one
    one.stop()


@pytest.fixture
def through(proxy: Proxy, person: Person) -> Iterator[Cluster]:
    one = Cluster.connect(kubeconfig=str(proxy.kubeconfig), namespace=person.namespace)
    yield one
    one.close()


def end(person: Person, name: str) -> None:
    """Bring the Run to an end from the outside."""
    person.patch_run(name, {"spec": {"suspend": True}})


def test_wait_goes_on_through_cut_streams(operator, person, proxy, through):
    run = job(through)
    person.becomes("x", "RUNNING")
    thread, came = in_thread(lambda: run.wait(log_info=False, timeout=60))
    for _ in range(3):
        wait_for("a stream to cut", proxy.cut_streams)
    end(person, "x")
    thread.join(60)
    assert came[0].status.state == "STOPPED"


@pytest.mark.parametrize("status", [410, 429, 500, 503])
def test_wait_goes_on_through_whatever_the_api_server_answers(operator, person, proxy, through, status):
    from aiohttp import web  # noqa: PLC0415 - this test only

    run = job(through)
    person.becomes("x", "RUNNING")
    answered: list[str] = []

    def refuse(method: str, path: str) -> web.Response | None:
        if "watch=true" not in path or len(answered) >= 4:
            return None
        answered.append(path)
        return web.json_response({"message": "no", "code": status}, status=status)

    proxy.answer = refuse
    thread, came = in_thread(lambda: run.wait(log_info=False, timeout=60))
    wait_for("the refusals", lambda: len(answered) == 4)
    end(person, "x")
    thread.join(60)
    assert came[0].status.state == "STOPPED"


def test_wait_goes_on_through_an_api_server_that_is_gone_for_a_while(operator, person, proxy, through):
    """The proxy is the API server as the client sees it: first it resets every connection, then it is back."""
    run = job(through)
    person.becomes("x", "RUNNING")
    thread, came = in_thread(lambda: run.wait(log_info=False, timeout=60))
    wait_for("a stream to cut", proxy.cut_streams)
    proxy.pause()
    end(person, "x")
    person.becomes("x", "STOPPED")
    assert thread.is_alive()
    proxy.unpause()
    thread.join(60)
    assert came[0].status.state == "STOPPED"


def test_a_run_deleted_and_made_again_while_nobody_looked_is_not_the_one_waited_for(
    operator, person, proxy, through
):
    run = job(through)
    person.becomes("x", "RUNNING")
    thread, came = in_thread(lambda: run.wait(log_info=False, timeout=60))
    wait_for("a stream to cut", proxy.cut_streams)
    proxy.pause()
    person.kubectl("delete", "run", "x", "--wait=true")
    person.apply_run("x")
    proxy.unpause()
    thread.join(60)
    assert isinstance(came[0], RunDeletedError)


def test_two_people_who_stop_and_resume_at_once_end_in_a_wish_of_one_of_them(operator, cluster, person):
    run = job(cluster)
    person.becomes("x", "RUNNING")
    threads = [in_thread(wish) for wish in (run.stop, get_run("x", cluster=cluster).resume) * 3]
    for thread, _ in threads:
        thread.join(60)
    assert [came for _, came in threads] == [[None]] * 6
    wished = person.get("run", "x")["spec"]["suspend"]
    person.becomes("x", "STOPPED" if wished else "RUNNING")


def test_runs_are_listed_in_pages(cluster, person, monkeypatch):
    monkeypatch.setattr(kube, "PAGE", 7)
    person.apply([run_object(f"r{number:02}", suspend=True) for number in range(20)])
    assert [run.id for run in list_runs("demo", cluster=cluster)] == [f"r{number:02}" for number in range(20)]


# -- what a kubelet would answer, which fake nodes do not have


def kubelet(proxy: Proxy, *lines: str) -> list[str]:
    """Answer requests for logs, and to services, in its place; returns the paths that were asked for."""
    from aiohttp import web  # noqa: PLC0415

    asked: list[str] = []

    def answer(method: str, path: str) -> web.Response | None:
        if "/log?" not in path and "/proxy/" not in path:
            return None
        asked.append(f"{method} {path}")
        if "/proxy/" in path:
            return web.json_response({"path": path}, status=200)
        stamped = (f"2026-11-24T10:00:00.{at:09}Z {line}" for at, line in enumerate(lines))
        return web.Response(
            text="".join(f"{line}\n" for line in (stamped if "timestamps" in path else lines))
        )

    proxy.answer = answer
    return asked


def test_logs_are_told_by_pod_and_attempt_and_each_line_once(operator, person, proxy, through, capsys):
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
    """The stream of a container that still runs ends; what it tells again is not told twice."""
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
