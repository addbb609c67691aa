"""`log_metric` from outside the pod: what the platform does, exactly once, with the right to do so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from run_operator import Cluster, get_run
from run_operator.api.pod_contract import path
from run_operator.client.errors import EntityError, ForbiddenError
from run_operator.metrics import outside_batch
from tests.support.clients import in_thread, job
from tests.support.harness import REPOSITORY, wait_for
from tests.support.metrics_pod import MetricsPod, published

ONE = {"single_value": True}
OVER = {"overwrite": True}
TABLE: list[tuple[Any, dict[str, bool], list[Any]]] = [
    # value, flags, and the result for: nothing, 1.0, [1.0]
    (2.0, {}, [[2.0], [1.0, 2.0], [1.0, 2.0]]),
    (2.0, OVER, [[2.0], [2.0], [2.0]]),
    (2.0, ONE, [2.0, 1.0, [1.0]]),
    (2.0, ONE | OVER, [2.0, 2.0, 2.0]),
    ([2.0, 3.0], {}, [[2.0, 3.0], [1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]),
    ([2.0, 3.0], OVER, [[2.0, 3.0], [2.0, 3.0], [2.0, 3.0]]),
    ([2.0, 3.0], ONE, [[2.0, 3.0], [1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]),
]


@pytest.mark.filterwarnings("ignore:.*already has a")
def test_log_metric_does_what_the_platform_does_where_that_does_not_crash(operator, cluster):
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


def test_log_metrics_is_one_write_and_puts_as_the_platform_does(operator, cluster, proxy, through):
    run = job(through, suspend=True)
    proxy.writes.clear()
    run.log_metrics({"a": 1, "b": [1, 2]})
    assert len(proxy.writes) == 1
    run.log_metrics({"a": 2, "b": 3})
    assert run.metrics == {"a": [1, 2], "b": [1, 2, 3]}
    run.log_metrics({"a": 9, "b": [9]}, overwrite=True)
    assert run.metrics == {"a": 9, "b": [9]}
    assert run.refresh().status.metricsInfo["b"]["count"] == 1


def test_a_single_value_that_is_kept_is_reported(operator, cluster):
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
def test_a_write_whose_answer_is_lost_counts_once(operator, cluster, proxy, through, lost):
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


def test_without_the_right_it_says_what_to_bind_and_nobody_needs_the_right_to_patch_a_status(
    operator, person, tmp_path
):
    somebody = person.somebody(tmp_path / "theirs", "run-operator-runs-only")
    theirs = Cluster.connect(kubeconfig=str(somebody.kubeconfig), namespace=person.namespace)
    run = job(theirs, suspend=True)
    with pytest.raises(ForbiddenError, match="--clusterrole=run-operator-metrics"):
        run.log_metric("loss", 1)
    person.let_someone("run-operator-metrics")
    account = f"--as=system:serviceaccount:{person.namespace}:someone"

    def can(*what: str) -> bool:
        return person.kubectl("auth", "can-i", *what, account, check=False).stdout.startswith("yes")

    wait_for("the right", lambda: can("create", "metricbatches"))
    assert not can("patch", "runs", "--subresource=status")
    run.log_metric("loss", 1)
    assert run.metrics == {"loss": [1]}
    assert person.items("metricbatch") == []
    theirs.close()


def test_a_run_of_another_namespace_is_out_of_reach_and_a_refusal_has_its_reason(operator, person, cluster):
    run = job(cluster, suspend=True)
    body = outside_batch.body(person.get("run", "x"), [{"k": "loss", "append": [1]}], "other")
    elsewhere = body | {"spec": body["spec"] | {"run": f"../../{person.namespace}/runs/x"}}
    assert "spec.run" in person.kubectl("create", "-f", "-", stdin=json.dumps(elsewhere), check=False).stderr
    body["spec"]["run"] = "y"
    person.apply(body)
    found = wait_for("an answer", lambda: person.get("metricbatch", "x-other").get("status"))
    assert (found["state"], "there is no Run" in found["message"]) == ("Refused", True)
    with pytest.raises(EntityError, match="64 metrics"):
        run.log_metrics({f"m{number}": number for number in range(65)})
    assert run.metrics == {}


INSIDE = """
import sys
from run_operator import Cluster, get_run
run = get_run("x", cluster=Cluster.connect(namespace=sys.argv[1], kubeconfig=sys.argv[2]))
for step in range(100):
    run.log_metric("loss", step)
run.log_metrics({"acc": 0.5, "both": [1, 2]})
run.log_metric("acc", 0.9, overwrite=True, single_value=True)
"""


def test_in_the_runs_own_pod_the_in_pod_sender_takes_it(operator, person, kubeconfig, tmp_path):
    """The program runs here instead of in the fake pod: with its token, the published module and no right to patch."""
    person.apply_run("x")
    pod = MetricsPod(person, operator.ingest_url, "x")
    for name, text in (published(person) | {"token": pod.token}).items():
        (tmp_path / name).write_text(text)
    environment = {
        "PYTHONPATH": f"{REPOSITORY / 'operator'}:{tmp_path}", "RUN_ATTEMPT": "1", "PATH": os.environ["PATH"],
        "RUN_METRICS_URL": operator.ingest_url + path(person.namespace, "x"),
        "RUN_METRICS_TOKEN_FILE": str(tmp_path / "token"), "RUN_METRICS_CA_FILE": str(tmp_path / "ca.crt"),
        "RUN_METRICS_FOLDER": str(tmp_path / "spool"),
    }  # fmt: skip
    command = [sys.executable, "-c", INSIDE, person.namespace, str(kubeconfig)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    status = person.status("x")
    assert status["metrics"] == {"loss": list(range(100)), "acc": 0.9, "both": [1, 2]}
    assert not [writer for writer in status["metricsIngest"].get("writers", {}) if "outside" in writer]
    spooled = "".join(file.read_text() for file in (tmp_path / "spool").rglob("*.jsonl"))
    assert spooled.count("loss") == 100
