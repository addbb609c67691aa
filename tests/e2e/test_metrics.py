"""Metrics from real pods: a program that is stopped and resumed while it logs a hundred thousand values."""

from __future__ import annotations

import math
from typing import Any

from tests.support.harness import Person, condition, wait_for

STEPS = 25_000
PYTHON = "docker.io/library/python:3.11"
PROGRAM = f"""
import math, os, signal, time
from runmetrics import log_metric

stop = []
signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
at = int(open("/data/step").read()) if os.path.exists("/data/step") else 0
while at < {STEPS} and not stop:
    log_metric("step", at)
    log_metric("loss", 1 / (at + 1))
    log_metric("wave", math.sin(at))
    log_metric("noise", (at * 7919 % 104729) / 104729)
    at += 1
    if at % 50 == 0:
        time.sleep(0.03)
with open("/data/step", "w") as file:
    file.write(str(at))
log_metric("done", at, single_value=True, overwrite=True)
"""
LOGGED = {
    "step": list(range(STEPS)),
    "loss": [1 / (at + 1) for at in range(STEPS)],
    "wave": [math.sin(at) for at in range(STEPS)],
    "noise": [(at * 7919 % 104729) / 104729 for at in range(STEPS)],
}


def count(person: Person, name: str) -> int:
    return int(person.status(name).get("metricsInfo", {}).get("loss", {}).get("count", 0))


def suspend(person: Person, name: str, desired: bool = True) -> None:
    assert person.patch_run(name, {"spec": {"suspend": desired}}).returncode == 0


def test_every_value_of_a_program_that_is_stopped_and_resumed_twice_counts_once(person):
    claim = {
        "volume_type": "persistent_volume_claim",
        "name": "data",
        "mount_path": "/data",
        "spec": {"size": "64Mi"},
    }
    spec: dict[str, Any] = {"volumes": [claim]}
    person.apply_run("train", "python3", "-c", PROGRAM, image=PYTHON, spec=spec)
    for goal, attempt in ((4_000, 2), (12_000, 3)):
        wait_for(f"{goal} values", lambda goal=goal: count(person, "train") > goal)
        suspend(person, "train")
        status = person.becomes("train", "STOPPED")
        assert status["attempts"][-1]["exitCode"] == 0
        assert status["metrics"]["done"] == count(person, "train")
        suspend(person, "train", False)
        wait_for("the next attempt", lambda attempt=attempt: person.status("train")["attempt"] == attempt)
    status = person.becomes("train", "COMPLETED")
    assert condition(status, "MetricsComplete")["reason"] == "Decimated"
    assert status["metrics"]["done"] == STEPS
    for name, logged in LOGGED.items():
        info = status["metricsInfo"][name]
        assert status["metrics"][name] == logged[:: info["stride"]]
        assert (info["count"], info["last"], info["sum"]) == (STEPS, logged[-1], math.fsum(logged))
        assert (info["min"], info["minIndex"]) == (min(logged), logged.index(min(logged)))
        assert (info["max"], info["maxIndex"]) == (max(logged), logged.index(max(logged)))


def test_curl_would_do_as_well(person):
    """The documented request, by hand: Python's own client stands in for curl, which the image has not."""
    program = """
import os, ssl, urllib.request
context = ssl.create_default_context(cafile=os.environ["RUN_METRICS_CA_FILE"])
token = open(os.environ["RUN_METRICS_TOKEN_FILE"]).read()
body = b'{"ops": [{"k": "loss", "append": [0.42]}, {"k": "acc", "set": 0.9}]}'
request = urllib.request.Request(os.environ["RUN_METRICS_URL"], body, {"Authorization": "Bearer " + token})
print(urllib.request.urlopen(request, context=context, timeout=20).status)
"""
    person.apply_run("by-hand", "python3", "-c", program, image=PYTHON)
    status = person.becomes("by-hand", "COMPLETED")
    assert status["metrics"] == {"loss": [0.42], "acc": 0.9}
    assert condition(status, "MetricsComplete")["reason"] == "AllPointsInStatus"


def test_a_pod_can_read_and_log_by_the_sdks_own_way_and_touch_nothing_else(person):
    """What the SDK sends, by hand: the image has none. The SDK itself: tests/integration/test_sdk_in_pods.py."""
    program = """
import json, os, ssl, urllib.error, urllib.request
context = ssl.create_default_context(cafile=os.environ["RUN_METRICS_CA_FILE"])
token = open(os.environ["RUN_METRICS_TOKEN_FILE"]).read()
def ask(method, path, body=None):
    url = os.environ["DHCORE_ENDPOINT"] + "/api/v1/-/" + os.environ["PROJECT_NAME"] + "/runs/" + path
    request = urllib.request.Request(url, method=method, headers={"Authorization": "Bearer " + token}, data=body)
    try:
        return json.load(urllib.request.urlopen(request, context=context))
    except urllib.error.HTTPError as error:
        return error.code
mine = os.environ["RUN_ID"]
print(os.environ["DHCORE_ACCESS_TOKEN"], flush=True)
print(ask("GET", mine)["id"], ask("PUT", mine + "/metrics/loss", b"[0.5]"), ask("GET", "other"), flush=True)
"""
    image = "docker.io/library/python:3.12-slim"
    person.apply_run("mine", "python3", "-c", program, image=image)
    person.becomes("mine", "COMPLETED")
    assert person.kubectl("logs", "job/mine").stdout.splitlines() == [
        "the-token-of-this-pod",
        "mine [0.5] 403",
    ]
    assert person.status("mine")["metrics"] == {"loss": [0.5]}
