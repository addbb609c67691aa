"""The `Run` object and `runctl` with real pods: lines as they come, services from outside, the README as it is printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from run_operator import Cluster, new_run
from tests.support.harness import REPOSITORY, Person, wait_for

BUSYBOX = "docker.io/library/busybox:1.36"
JOB = {"kind": "container+job:run", "task": "container+job://demo/t", "image": BUSYBOX, "command": "sh"}


@pytest.fixture
def cluster(kubeconfig: Path, person: Person) -> Iterator[Cluster]:
    one = Cluster.connect(kubeconfig=str(kubeconfig), namespace=person.namespace)
    yield one
    one.close()


def test_the_script_of_the_readme(kubeconfig, person, tmp_path):
    (script,) = re.findall(r"```python\n(.*?)```", (REPOSITORY / "README.md").read_text(), re.DOTALL)
    config = yaml.safe_load(kubeconfig.read_text())
    config["contexts"][0]["context"]["namespace"] = person.namespace
    (tmp_path / "config").write_text(yaml.safe_dump(config))
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=110,
        env=os.environ | {"KUBECONFIG": str(tmp_path / "config"), "PYTHONPATH": str(REPOSITORY / "operator")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "hello" in done.stdout.splitlines()
    assert "exited with code 0" in done.stdout
    assert yaml.safe_load((tmp_path / "runs-hello.yaml").read_text())["status"]["state"] == "COMPLETED"


def test_every_line_is_reported_once_and_in_order_while_the_program_writes(cluster):
    program = "i=0; while [ $i -lt 300 ]; do echo line $i; i=$((i+1)); [ $((i % 50)) = 0 ] && sleep 0.5; done"
    run = new_run("demo", uuid="x", cluster=cluster, args=["-c", program], **JOB)
    lines = [line.text for line in run.logs(follow=True)]
    assert lines == [f"line {number}" for number in range(300)]
    (log,) = run.logs()
    assert log.text.splitlines() == lines


def test_a_service_is_called_from_outside_and_through_runctl(cluster, kubeconfig, person):
    service: dict[str, Any] = {
        "kind": "container+serve:run", "task": "container+serve://demo/t", "image": "docker.io/hashicorp/http-echo:1.0",
        "args": ["-text=hello"], "service_ports": [{"port": 80, "target_port": 5678}],
    }  # fmt: skip
    run = new_run("demo", uuid="echo", cluster=cluster, **service).wait(log_info=False, timeout=90)
    answer = wait_for("an answer", lambda: (a := run.invoke()).ok and a)
    assert answer.text.strip() == "hello"
    command = [sys.executable, "-m", "run_operator.client.cli", "invoke", "echo", "-n", person.namespace]
    environment = os.environ | {"KUBECONFIG": str(kubeconfig), "PYTHONPATH": str(REPOSITORY / "operator")}
    assert (
        subprocess.run(command, env=environment, capture_output=True, check=True).stdout.strip() == b"hello"
    )


def test_a_program_and_a_person_log_the_same_metric(cluster, person):
    program = "import time, runmetrics\nfor i in range(60):\n    runmetrics.log_metric('loss', i); time.sleep(0.2)\n"
    job = JOB | {"image": "docker.io/library/python:3.11", "command": "python3"}
    run = new_run("demo", uuid="x", cluster=cluster, args=["-c", program], **job)
    person.becomes("x", "RUNNING")
    for number in range(1000, 1010):
        run.log_metric("loss", number)
    assert run.wait(log_info=False, timeout=90).status.state == "COMPLETED"
    logged = run.metrics["loss"]
    assert [value for value in logged if value < 1000] == list(range(60))
    assert [value for value in logged if value >= 1000] == list(range(1000, 1010))
