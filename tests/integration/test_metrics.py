"""Metrics on a real API server: tokens, pods and patches are real, only the kubelet is not."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time

import pytest

from run_operator.api.pod_contract import audience, path
from run_operator.api.raw import parse
from tests.support.harness import condition, wait_for
from tests.support.metrics_pod import MetricsPod, published, running_pod, token


@pytest.fixture
def logging(operator, person):
    """A Run whose pod is about to log, by name; `again`: of a Run that runs already."""
    made = []

    def start(name: str, *, again: bool = False, **top) -> MetricsPod:
        if not again:
            person.apply_run(name, **top)
        person.becomes(name, "RUNNING")
        made.append(MetricsPod(person, operator.ingest_url, name))
        return made[-1]

    yield start
    for pod in made:
        pod.close()


def printed(person, run: str, where: str) -> str:
    return person.kubectl("get", "run", run, "-o", f"jsonpath={{{where}}}").stdout


def test_a_logged_list_is_printed_as_a_plain_list_within_seconds(person, logging):
    pod = logging("train")
    code, reply = pod.log("loss", 0.5, 1.0, 2.25, 1e-7, 1e22, None)
    assert (code, reply["accepted"]) == (202, 1)
    wait_for("the list", lambda: printed(person, "train", ".status.metrics.loss"), 7)
    assert printed(person, "train", ".status.metrics.loss") == "[0.5,1,2.25,1e-7,1e+22,null]"
    assert pod.poll() == {"accepted": 1, "committed": 1, "notes": []}
    status = person.status("train")
    arrivals = status["metricsInfo"]["loss"].pop("arrivals")
    assert (arrivals["counts"], arrivals["seconds"][-1] - arrivals["seconds"][0]) == (
        [0, 6],
        pytest.approx(2),
    )
    assert abs((parse(arrivals["since"]) or 0) - time.time()) < 60
    assert status["metricsInfo"]["loss"] == {
        "kind": "List", "count": 6, "stride": 1, "min": 1e-7, "minIndex": 3, "max": 1e22, "maxIndex": 4,
        "sum": 1e22, "sumRest": pytest.approx(3.7500001), "nonFinite": 1, "firstNonFinite": 5,
    }  # fmt: skip
    assert set(status["metricsIngest"]["writers"].values()) == {1}
    pod.log("loss", 0.125)
    wait_for("the next", lambda: printed(person, "train", ".status.metrics.loss").endswith(",null,0.125]"), 7)
    shown = person.kubectl("get", "run", "train").stdout
    assert "SUMMARY" in shown
    assert "loss 0.125 (n=7)" in shown


def test_single_values_and_all_operations(person, logging):
    pod = logging("ops")
    ops = [
        {"k": "acc", "set": 0.9}, {"k": "acc", "set": 0.1}, {"k": "lr", "put": 1}, {"k": "lr", "put": 2},
        {"k": "loss", "append": [1, 2, 3]}, {"k": "loss", "truncate": 2}, {"k": "a/b~c", "replace": [9]},
    ]  # fmt: skip
    code, reply = pod.post({"writer": "main", "seq": 1, "ops": ops})
    assert (code, len(reply["notes"])) == (202, 1)
    wait_for("them", lambda: person.status("ops").get("metrics"))
    assert person.status("ops")["metrics"] == {"acc": 0.9, "lr": [1, 2], "loss": [1, 2], "a/b~c": [9]}
    assert person.status("ops")["metricsInfo"]["acc"]["ignored"] == 1


class TestWhoIsRefused:
    def test_without_a_token_of_this_run(self, person, logging):
        pod = logging("guarded")
        batch = {"ops": [{"k": "x", "put": 1}]}
        assert pod.post(batch, token="")[0] == 401
        assert pod.post(batch, token="a.b.c")[0] == 401
        assert pod.post(batch, token=token(person, pod.name, "https://kubernetes.default.svc"))[0] == 401
        assert pod.post(batch, token=token(person, "", audience(pod.uid)))[0] == 403
        forged = pod.token[:-4] + ("AAAA" if not pod.token.endswith("AAAA") else "BBBB")
        assert pod.post(batch, token=forged)[0] == 401
        assert pod.post(batch)[0] == 202

    def test_another_runs_pod(self, person, logging):
        one, other = logging("one"), logging("other")
        batch = {"ops": [{"k": "x", "put": 1}]}
        assert one.post(batch, token=other.token)[0] == 401
        assert one.post(batch, token=token(person, other.name, audience(one.uid)))[0] == 403

    def test_a_pod_with_forged_labels(self, person, logging):
        pod = logging("target")
        raw = person.get("pod", pod.name)
        forged = {
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "forged", "labels": raw["metadata"]["labels"]},
            "spec": {"containers": [{"name": "main", "image": "busybox"}], "nodeName": "fake-0"},
        }  # fmt: skip
        for label in ("batch.kubernetes.io/controller-uid", "controller-uid", "job-name"):
            forged["metadata"]["labels"].pop(label, None)
        person.apply(forged)
        code, reply = pod.post(
            {"ops": [{"k": "x", "put": 1}]}, token=token(person, "forged", audience(pod.uid))
        )
        assert (code, "does not belong" in reply["error"]) == (403, True)

    def test_a_deleted_pod_and_a_late_attempt(self, person, logging):
        pod = logging("twice")
        assert pod.log("loss", 1)[0] == 202
        person.patch_run("twice", {"spec": {"suspend": True}})
        person.becomes("twice", "STOPPED")
        wait_for("refused", lambda: pod.post({"writer": "main", "ops": []})[0] == 410)
        person.patch_run("twice", {"spec": {"suspend": False}})
        wait_for("the next attempt", lambda: person.status("twice")["attempt"] == 2)
        person.becomes("twice", "RUNNING")
        assert pod.log("loss", 2)[0] == 410
        second = logging("twice", again=True)
        assert second.name != pod.name
        assert second.log("loss", 3)[0] in (200, 202)
        wait_for("both attempts' values", lambda: person.status("twice").get("metrics") == {"loss": [1, 3]})
        assert person.status("twice")["metricsIngest"]["attempt"] == 2

    def test_a_run_recreated_under_its_name(self, person, logging):
        old = logging("phoenix")
        assert old.log("loss", 1)[0] == 202
        person.kubectl("delete", "run", "phoenix")
        person.apply_run("phoenix")
        person.becomes("phoenix", "RUNNING")
        running_pod(person, "phoenix")
        assert old.log("loss", 2)[0] in (401, 410)
        new = logging("phoenix", again=True)
        assert new.log("loss", 7)[0] == 202
        wait_for("the new ones", lambda: person.status("phoenix").get("metrics") == {"loss": [7]})


def test_the_operators_own_status_passes_at_the_largest_budget(person, logging):
    """Half a megabyte of metrics, and a stop is still said; the lists survive it."""
    pod = logging("large", policy={"metrics": {"statusBudget": "512Ki"}})
    for _ in range(3):
        for key in "abc":
            assert pod.log(key, *[0.12345678901234567 + i for i in range(4000)])[0] in (200, 202)
    pod.settle()
    text = json.dumps(person.status("large")["metrics"], separators=(",", ":"))
    assert 262_144 < len(text) <= 524_288
    person.patch_run("large", {"spec": {"suspend": True}})
    status = person.becomes("large", "STOPPED")
    assert status["metricsInfo"]["a"]["count"] == 12_000


def test_a_commit_costs_one_patch_and_no_reconcile(operator, person, logging):
    pod = logging("cheap")
    pod.log("loss", 1)
    pod.settle()
    wait_for("quiet", lambda: _value(operator, "run_operator_events_queued") == 0)
    writes, reconciles = operator.writes(), _value(operator, "run_operator_reconciles_total")
    pod.log("loss", 2)
    pod.settle()
    assert operator.writes()["patch runs"] == writes["patch runs"] + 1
    assert _value(operator, "run_operator_reconciles_total") == reconciles


def test_what_pods_need_is_there_before_the_first_pod_and_written_once(operator, person):
    for name in ("first", "second"):
        person.apply_run(name)
        person.becomes(name, "RUNNING")
    assert set(published(person)) == {"ca.crt", "runmetrics.py", "sitecustomize.py"}
    made = [
        one["metadata"]["creationTimestamp"]
        for one in person.items("configmaps", "-l", "app.kubernetes.io/name=run-operator-metrics")
    ]
    assert len(made) == 2
    assert max(made) <= min(pod["metadata"]["creationTimestamp"] for pod in person.items("pods"))


def test_an_operator_that_was_killed_goes_on_from_the_status(operator, person, logging):
    pod = logging("again")
    pod.log("loss", 1, 2)
    pod.settle()
    operator.kill()
    pod.close()
    operator.start()
    code, reply = pod.log("loss", 3)
    assert (code, reply["accepted"]) == (202, 2)
    pod.settle()
    assert person.status("again")["metrics"] == {"loss": [1, 2, 3]}
    assert running_pod(person, "again") == pod.name


def _value(operator, name: str) -> float:
    return sum(value for found, _, value in operator.metrics() if found == name)


PROGRAM = """
from runmetrics import flush, log_metric, log_metrics, truncate_metric

for step in range(5000):
    log_metric("loss", 1 / (step + 1))
    log_metrics({"step": step})
log_metric("accuracy", 0.9, single_value=True)
log_metric("accuracy", 0.93, single_value=True, overwrite=True)
log_metric("odd", [float("nan"), 1, 2.5])
assert flush(60)
truncate_metric("loss", 4000)
log_metric("loss", [7.0] * 3)
"""


def test_the_module_in_the_pods_speaks_the_language_of_the_ingest(person, logging, operator, tmp_path):
    """The program runs here instead of in the fake pod, with the pod's token and the published authority."""
    pod = logging("module", policy={"metrics": {"statusBudget": "512Ki"}})
    files = published(person)
    (tmp_path / "runmetrics.py").write_text(files["runmetrics.py"])
    (tmp_path / "ca.crt").write_text(files["ca.crt"])
    (tmp_path / "token").write_text(pod.token)
    environment = {
        "PYTHONPATH": str(tmp_path), "RUN_ATTEMPT": "1", "PATH": os.environ["PATH"],
        "RUN_METRICS_URL": operator.ingest_url + path(person.namespace, "module"),
        "RUN_METRICS_TOKEN_FILE": str(tmp_path / "token"), "RUN_METRICS_CA_FILE": str(tmp_path / "ca.crt"),
        "RUN_METRICS_FOLDER": str(tmp_path / "spool"),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    status = person.status("module")
    loss = [1 / (step + 1) for step in range(4000)] + [7.0] * 3
    assert status["metrics"]["loss"] == loss
    assert status["metrics"]["step"] == list(range(5000))
    assert status["metrics"]["accuracy"] == 0.93
    assert status["metrics"]["odd"] == [None, 1, 2.5]
    info = status["metricsInfo"]["loss"]
    assert (info["count"], info["rewinds"], info["sum"]) == (4003, 1, math.fsum(loss))
    assert len(status["metricsIngest"]["ended"]) == 1
    assert "*.jsonl" in status["metricsIngest"]["fullResolution"]


class TestTheEnd:
    """`kwok-complete` pods end at once: here the pod's end is written by hand."""

    def test_a_program_that_said_goodbye_has_all_its_points_in_the_status(self, person, logging):
        pod = logging("good")
        pod.log("loss", 3, 2, 1)
        assert condition(person.status("good"), "MetricsComplete").get("reason") in (None, "Receiving")
        pod.log("loss", 0, end=True)
        pod.settle()
        assert condition(person.status("good"), "MetricsComplete")["status"] == "Unknown"
        person.end_pod(pod.name)
        status = person.becomes("good", "COMPLETED")
        assert condition(status, "MetricsComplete")["reason"] == "AllPointsInStatus"
        assert status["metrics"] == {"loss": [3, 2, 1, 0]}
        assert "writers" not in status["metricsIngest"]
        assert pod.poll()["error"] == "the Run has ended: it accepts no more metrics"

    def test_one_that_was_killed_has_lost_a_writer_and_what_came_in_is_there(self, person, logging):
        pod = logging("bad")
        pod.log("loss", 3)
        pod.settle()
        pod.log("loss", 2)
        person.end_pod(pod.name)
        status = person.becomes("bad", "COMPLETED")
        assert status["metrics"] == {"loss": [3, 2]}
        assert condition(status, "MetricsComplete")["reason"] == "WriterLost"

    def test_a_list_that_was_thinned(self, person, logging):
        pod = logging("long", policy={"metrics": {"statusBudget": 2048}})
        pod.log("loss", *[0.123456789] * 5000, end=True)
        pod.settle()
        person.end_pod(pod.name)
        status = person.becomes("long", "COMPLETED")
        assert condition(status, "MetricsComplete")["reason"] == "Decimated"
        assert status["metricsInfo"]["loss"]["count"] == 5000
