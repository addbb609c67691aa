"""Python functions that do harm, that are stopped at a bad moment, and what other Runs notice of them."""

from __future__ import annotations

import base64
import json
import subprocess
import sys

import pytest

from tests.e2e.conftest import NAME
from tests.support.harness import REPOSITORY, wait_for
from tests.support.index_pod import name_index, serve_wheels
from tests.support.python_runs import failed, function, suspend
from tests.support.wheel_index import wheel

pytestmark = pytest.mark.timeout(900)
"""The first test that needs the image of functions makes it, which takes minutes."""


@pytest.fixture
def store(person, python_runtime) -> str:
    """The project of the namespace has a bucket and credentials of its own; its name."""
    command = [sys.executable, "-m", "cluster", "store", person.namespace, "--name", NAME]
    subprocess.run(command, cwd=REPOSITORY, check=True)
    return person.namespace


def test_an_import_without_end_is_stopped_or_ended_by_its_deadline(person):
    code = "print('importing', flush=True)\nwhile True:\n    pass\n"
    function(person, "stopped", code)
    function(person, "late", code, policy={"activeDeadlineSeconds": 10})
    wait_for("its line", lambda: "importing" in person.kubectl("logs", "job/stopped", check=False).stdout)
    suspend(person, "stopped", True)
    assert person.becomes("stopped", "STOPPED")["attempts"][0]["exitCode"] == 143
    assert failed(person, "late")[0] == "DeadlineExceeded"


@pytest.mark.parametrize("value", ["1", "pd.DataFrame({'a': [1]})"])
def test_an_output_that_leaves_its_folder_is_refused(person, store, value):
    code = (
        "import pandas as pd\nfrom digitalhub_runtime_python import handler\n"
        f"@handler(outputs=['../x'])\ndef run(project):\n    return {value}\n"
    )
    function(person, "leaves", code, python_version="PYTHON3_12", project=store)
    reason, message = failed(person, "leaves")
    assert reason in ("InvalidResult", "OutputsFailed")
    assert "../x" in message
    assert "run_runner" not in person.kubectl("logs", "job/leaves").stdout
    assert person.items("dataitems") == []


UPLOADS = """
import os
from runmetrics import log_metric

def run(project):
    attempt = int(os.environ["RUN_ATTEMPT"])
    log_metric("attempt", attempt)
    there = os.path.exists("large")
    project.log_artifact(name="small", kind="artifact", source=__file__)
    if attempt == 1:
        with open("large", "wb") as file:
            file.truncate(4 << 30)
        project.log_artifact(name="large", kind="artifact", source="large")
    return there
"""


def test_a_stop_during_an_upload_and_the_attempt_after_it(person, store):
    function(person, "uploads", UPLOADS, python_version="PYTHON3_12", project=store)

    def states() -> dict[tuple[str, str], str]:
        attempt = "run-operator.io/attempt"
        return {
            (one["spec"]["name"], one["metadata"]["labels"][attempt]): one["spec"]["status"]["state"]
            for one in person.items("artifacts")
        }

    wait_for("the upload", lambda: states().get(("large", "1")) == "UPLOADING", 120)
    suspend(person, "uploads", True)
    stopped = person.becomes("uploads", "STOPPED", 90)
    assert stopped["attempts"][0]["exitCode"] == 143
    assert "results" not in stopped
    suspend(person, "uploads", False)
    status = person.becomes("uploads", "COMPLETED", 120)
    assert status["results"] == {"output_0": False}
    assert status["metrics"]["attempt"] == [1, 2]
    assert states() == {("small", "1"): "READY", ("large", "1"): "UPLOADING", ("small", "2"): "READY"}
    latest = next(
        one
        for one in person.items("artifacts")
        if one["metadata"]["labels"]["run-operator.io/attempt"] == "2"
    )
    assert status["outputs"] == {"small": f"store://{store}/artifact/artifact/small:{latest['spec']['id']}"}
    everything = json.dumps(person.items("runs,events,artifacts,jobs,pods,configmaps,runlogs"))
    secret = person.get("secret", "run-operator-store")["data"]["AWS_SECRET_ACCESS_KEY"]
    for credential in (secret, base64.b64decode(secret).decode()):
        assert credential not in everything + person.kubectl("logs", "job/uploads").stdout


def test_source_and_requirements_are_those_of_one_run(person, python_runtime):
    name_index(
        person, serve_wheels(person, {"tinywheel-1.0-py3-none-any.whl": wheel("tinywheel", "1.0", "")})
    )
    code = "import os, tinywheel\nopen('left-behind', 'w').close()\ndef run():\n    return 'there'\n"
    function(person, "first", code, python_version="PYTHON3_12", requirements=["tinywheel"])
    assert person.becomes("first", "COMPLETED", 120)["results"] == {"output_0": "there"}
    code = (
        "import os\ndef run():\n    left = [f for _, _, names in os.walk('/shared') for f in names if f[-3:] == '.py']\n"
        "    caches = [os.path.join(*one) for one in os.walk(os.path.expanduser('~/.cache'))]\n"
        "    try:\n        import tinywheel\n    except ImportError:\n        tinywheel = None\n"
        "    return ' '.join(left), ' '.join(caches), tinywheel is None\n"
    )
    function(person, "second", code, python_version="PYTHON3_12")
    results = person.becomes("second", "COMPLETED", 120)["results"]
    assert results == {"output_0": "main.py", "output_1": "", "output_2": True}


FORKS = """
import os, time

def run():
    while True:
        if os.fork() == 0:
            time.sleep(300)
            os._exit(0)
"""


def test_a_function_that_forks_without_end_fails_alone(person):
    """The kubelet bounds the processes of a pod (podPidsLimit)."""
    function(person, "forks", FORKS)
    function(person, "beside", "def run():\n    return 'as ever'\n")
    reason, message = failed(person, "forks")
    assert reason == "HandlerFailed"
    assert "BlockingIOError: [Errno 11] Resource temporarily unavailable" in message
    assert person.becomes("beside", "COMPLETED")["results"] == {"output_0": "as ever"}
