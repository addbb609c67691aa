"""Python functions in real pods, in a namespace that enforces the restricted Pod Security Standard."""

from __future__ import annotations

import base64
import json
import subprocess
import sys

import pytest

from run_operator import Cluster, get_run
from tests.e2e.conftest import NAME
from tests.support.harness import REPOSITORY, condition, wait_for
from tests.support.python_runs import PLAIN, apply_export, failed, function
from tests.support.wheel_index import wheel

pytestmark = pytest.mark.timeout(900)
"""The first test that needs the image of functions makes it, which takes minutes."""


def test_what_a_handler_returns_is_in_the_status(person):
    code = "def run(x, rate=0.5):\n    print('epochs', x)\n    return x * 2, rate, 'fine'\n"
    function(person, "double", code, parameters={"x": 21})
    status = person.becomes("double", "COMPLETED")
    assert status["results"] == {"output_0": 42, "output_1": 0.5, "output_2": "fine"}
    assert status["resultsInfo"]["attempt"] == 1
    assert person.kubectl("logs", "job/double").stdout == "epochs 21\n"


@pytest.mark.parametrize(
    ("code", "reason", "said"),
    [
        ("def run(x:\n    pass\n", "ImportFailed", "SyntaxError"),
        ("def other():\n    pass\n", "HandlerNotFound", "its functions are: other"),
        (
            "def run():\n    raise ValueError('no such colour')\n",
            "HandlerFailed",
            "ValueError: no such colour",
        ),
        ("import sys\ndef run():\n    sys.exit(3)\n", "HandlerFailed", "sys.exit(3)"),
        ("def run():\n    return 'x' * (1 << 30)\n", "ResultsTooLarge", "64 KiB"),
        ("def run():\n    return {1, 2}\n", "InvalidResult", "builtins.set"),
        ("def run(y):\n    pass\n", "InvalidArguments", "missing a required argument: 'y'"),
    ],
)
def test_a_function_that_cannot_do_its_work_says_why(person, code, reason, said):
    function(person, "bad", code)
    found, message = failed(person, "bad")
    assert (found, said in message) == (reason, True), message
    log = person.kubectl("logs", "job/bad").stdout
    assert "run_runner" not in log


def test_a_function_is_stopped_and_the_next_attempt_starts_clean(person):
    code = (
        "import os, time\nfrom runmetrics import log_metric\n"
        "def run():\n"
        "    log_metric('attempt', int(os.environ['RUN_ATTEMPT']))\n"
        "    assert 'mine' not in os.listdir('.')\n"
        "    open('mine', 'w').close()\n"
        "    if os.environ['RUN_ATTEMPT'] == '1':\n        print('waiting', flush=True)\n        time.sleep(300)\n"
        "    return 'done'\n"
    )
    function(person, "long", code)
    person.becomes("long", "RUNNING")
    wait_for("the handler", lambda: "waiting" in person.kubectl("logs", "job/long", check=False).stdout)
    person.kubectl("patch", "run", "long", "--type=merge", "-p", '{"spec": {"suspend": true}}')
    stopped = person.becomes("long", "STOPPED")
    assert "results" not in stopped
    assert stopped["attempts"][0]["exitCode"] == 143
    person.kubectl("patch", "run", "long", "--type=merge", "-p", '{"spec": {"suspend": false}}')
    status = person.becomes("long", "COMPLETED")
    assert status["results"] == {"output_0": "done"}
    assert status["resultsInfo"]["attempt"] == 2
    assert status["metrics"]["attempt"] == [1, 2]


class TestExports:
    def test_one_that_ran_on_a_laptop_shows_how_it_ended(self, person):
        name = apply_export(person, "python-job-local")
        status = person.becomes(name, "COMPLETED")
        assert status["results"] == {"output_0": 42}
        assert condition(status, "Finished")["reason"] == "LocalExecution"
        assert person.kubectl("get", "jobs", "-o", "name").stdout == ""

    def test_a_service_answers(self, person, python_runtime):
        name = apply_export(person, "python-serve-from-backend")
        person.becomes(name, "RUNNING", 120)
        wait_for("the address", lambda: person.status(name).get("service"))
        there = Cluster.connect(kubeconfig=str(person.kubeconfig), namespace=person.namespace)
        run = get_run(name, cluster=there)
        answer = wait_for("an answer", lambda: (a := run.invoke()).ok and a)
        there.close()
        assert answer.text == "2"

    def test_what_is_missing_is_named(self, person):
        full, minimal = apply_export(person, "python-job-full"), apply_export(person, "python-job-minimal")
        wait_for(
            "the profile",
            lambda: condition(person.status(full), "Resolved").get("reason") == "ProfileNotFound",
        )
        wait_for(
            "the task", lambda: condition(person.status(minimal), "Resolved").get("reason") == "TaskNotFound"
        )
        build = apply_export(person, "python-build-full")
        wait_for("the function", lambda: person.status(build).get("reason") == "FunctionNotFound")

    def test_one_of_the_old_line_runs(self, person, python_runtime):
        changes = {"local_execution: true": "local_execution: false", "  - numpy<2\n": "  - numpy\n"}
        name = apply_export(person, "legacy-0.13-python-job", replaced=changes)
        status = person.becomes(name, "COMPLETED", 120)
        assert status["results"] == {"output_0": 42}
        assert person.kubectl("logs", f"job/{name}").stdout == "x 21\n"

    def test_a_function_is_found_by_its_name(self, person, python_runtime):
        apply_export(person, "function-python")
        reference = "python://demo/double:c74edbd293ce4d1089a04d3f9ca79b2e"
        name = apply_export(
            person,
            "python-job-minimal",
            replaced={
                "  local_execution: false": f"  function: {reference}\n  parameters: {{x: 4}}\n  local_execution: false"
            },
        )
        status = person.becomes(name, "COMPLETED", 120)
        assert status["results"] == {"output_0": 8}
        assert status["resolved"]["function"]["reference"] == reference


class TestSdkInTheImage:
    def test_named_outputs_and_the_project(self, person, python_runtime):
        code = (
            "from digitalhub_runtime_python import handler\n"
            "@handler(outputs=['accuracy', 'kind'])\n"
            "def run(project, x):\n    return x, project.name\n"
        )
        function(person, "named", code, python_version="PYTHON3_12", parameters={"x": 0.5})
        status = person.becomes("named", "COMPLETED", 120)
        assert status["results"] == {"accuracy": 0.5, "kind": "demo"}

    def test_plain_values_need_no_sdk(self, person, python_runtime):
        code = "import sys\ndef run():\n    return 'digitalhub' in sys.modules\n"
        function(person, "plain", code, python_version="PYTHON3_11")
        assert person.becomes("plain", "COMPLETED", 120)["results"] == {"output_0": False}


INDEX = """
import http.server, os, time
class Index(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        if self.path == '/simple/tinywheel/':
            body = b'<a href="/files/tinywheel-1.0-py3-none-any.whl">tinywheel-1.0-py3-none-any.whl</a>'
        elif self.path.startswith('/files/'):
            body = open('/files/tinywheel-1.0-py3-none-any.whl', 'rb').read()
        elif self.path == '/simple/slow/':
            print('asked for slow', flush=True)
            time.sleep(300)
        else:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header('Content-Type', 'text/html' if self.path.startswith('/simple') else 'application/zip')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer(('', 8000), Index).serve_forever()
"""


@pytest.fixture
def index(person, python_runtime) -> list[dict[str, str]]:
    """A wheel index in the cluster, as variables of a Run."""
    data = base64.b64encode(wheel("tinywheel", "1.0", "VALUE = 'from the index'\n")).decode()
    context = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    objects = [
        {
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "wheels"},
            "binaryData": {"tinywheel-1.0-py3-none-any.whl": data},
        },
        {
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "index", "labels": {"app": "index"}},
            "spec": {
                "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
                "volumes": [{"name": "files", "configMap": {"name": "wheels"}}],
                "containers": [
                    {
                        "name": "index", "image": PLAIN, "command": ["python3", "-c", INDEX], "securityContext": context,
                        "volumeMounts": [{"name": "files", "mountPath": "/files"}],
                        "readinessProbe": {"tcpSocket": {"port": 8000}, "periodSeconds": 1},
                    }
                ],
            },
        },
        {
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "index"},
            "spec": {"selector": {"app": "index"}, "ports": [{"port": 8000}]},
        },
    ]  # fmt: skip
    for one in objects:
        person.kubectl("create", "-f", "-", stdin=json.dumps(one))
    person.kubectl("wait", "--for=condition=Ready", "pod/index", "--timeout=60s")
    url = f"http://index.{person.namespace}:8000/simple/"
    return [{"name": "UV_INDEX_URL", "value": url}, {"name": "PIP_INDEX_URL", "value": url}]


class TestRequirements:
    def test_they_are_installed_from_the_index(self, person, index):
        code = "import tinywheel\ndef run():\n    return tinywheel.VALUE\n"
        function(person, "needs", code, python_version="PYTHON3_12", requirements=["tinywheel"], envs=index)
        assert person.becomes("needs", "COMPLETED", 120)["results"] == {"output_0": "from the index"}

    def test_one_that_is_not_there_is_named(self, person, index):
        code = "def run():\n    pass\n"
        function(
            person, "lacks", code, python_version="PYTHON3_12", requirements=["nothing-like-this"], envs=index
        )
        reason, message = failed(person, "lacks")
        assert (reason, "nothing-like-this" in message) == ("RequirementsFailed", True), message

    def test_a_stop_ends_the_installer(self, person, index):
        code = "def run():\n    return 'never'\n"
        function(person, "waits", code, python_version="PYTHON3_12", requirements=["slow"], envs=index)
        wait_for("the installer", lambda: "asked for slow" in person.kubectl("logs", "index").stdout)
        person.kubectl("patch", "run", "waits", "--type=merge", "-p", '{"spec": {"suspend": true}}')
        status = person.becomes("waits", "STOPPED", 30)
        assert status["attempts"][0]["exitCode"] == 143


@pytest.fixture
def store(person, python_runtime) -> str:
    """The project of the namespace has a bucket and credentials of its own; its name."""
    command = [sys.executable, "-m", "cluster", "store", person.namespace, "--name", NAME]
    subprocess.run(command, cwd=REPOSITORY, check=True)
    return person.namespace


class TestEntities:
    def test_what_one_function_stores_is_the_input_of_the_next(self, person, store):
        makes = (
            "import pandas as pd\nfrom digitalhub_runtime_python import handler\n"
            "@handler(outputs=['dataset', 'rows'])\n"
            "def run(project):\n"
            "    project.log_artifact(name='notes', kind='artifact', source=__file__)\n"
            "    return pd.DataFrame({'a': [1, 2, 3]}), 3\n"
        )
        function(person, "makes", makes, python_version="PYTHON3_12", project=store)
        made = person.becomes("makes", "COMPLETED", 180)
        assert made["results"] == {"rows": 3}
        assert made["outputs"]["dataset"].startswith(f"store://{store}/dataitem/table/dataset:")
        assert made["outputs"]["notes"].startswith(f"store://{store}/artifact/artifact/notes:")
        reads = "def run(di, factor):\n    return int(di.as_df()['a'].sum()) * factor\n"
        function(
            person,
            "reads",
            reads,
            python_version="PYTHON3_12",
            project=store,
            inputs={"di": made["outputs"]["dataset"]},
            parameters={"factor": 7},
        )
        assert person.becomes("reads", "COMPLETED", 180)["results"] == {"output_0": 42}

    def test_an_input_that_is_not_there_is_named(self, person, store):
        key = f"store://{store}/dataitem/table/nothing:1c2d3e4f"
        function(
            person,
            "lost",
            "def run(di):\n    pass\n",
            python_version="PYTHON3_12",
            project=store,
            inputs={"di": key},
        )
        reason, message = failed(person, "lost")
        assert reason == "InputsFailed"
        assert (
            f"the input di ({key}) cannot be read: the project {store} has no dataitem nothing:1c2d3e4f"
            in message
        )
