"""A Job that its controller has forgotten is made again: with a real Job controller that was frozen at a bad moment.

The cluster's own controller manager stands still meanwhile, and another one, with the Job controller alone, is behind a
proxy. It makes a pod, and does not hear of it before somebody deletes the Job. So it waits for that pod when the next Job has
the name of the first: Kubernetes before 1.37 waits for five minutes.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.test_interruptions import events, pod_of
from tests.support.damage import CONTROLLERS, Damage
from tests.support.harness import (
    OperatorProcess,
    Person,
    cluster_down,
    cluster_name,
    cluster_up,
    free_port,
    wait_for,
)
from tests.support.proxy import Proxy

NAME = cluster_name("forgotten")
FIXED_IN = 37
"""The minor of Kubernetes."""
SOON = (
    "from run_operator.lifecycle import forgotten_job; forgotten_job.NO_POD_FOR = 10.0; "
    "from run_operator.__main__ import main; main()"
)
"""The operator, with ten seconds in the place of two minutes."""


@pytest.fixture(scope="module")
def administrator() -> Iterator[Person]:
    person = Person(cluster_up(NAME, "control-plane"))
    try:
        served = json.loads(person.kubectl("get", "--raw", "/version").stdout)
        if int(served["minor"]) >= FIXED_IN:
            pytest.skip("the Job controller of this Kubernetes does not wait for pods of an earlier Job")
        person.install_crds()
        wait_for("the account", lambda: person.get("serviceaccount", "default"))
        yield person
    finally:
        cluster_down(NAME)


@contextmanager
def job_controller(command: list[str], kubeconfig: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A controller manager with one controller, beside the one whose command this is."""
    other = {
        "--kubeconfig": str(kubeconfig),
        "--secure-port": str(free_port()),
        "--controllers": "job-controller",
        "--use-service-account-credentials": "false",
    }
    kept = [one for one in command if one.partition("=")[0] not in other]
    with log.open("ab") as file:
        process = subprocess.Popen(
            [*kept, *(f"{key}={value}" for key, value in other.items())], stdout=file, stderr=file
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.timeout(180)
def test_a_job_that_its_controller_forgot_is_made_again_in_the_same_attempt(administrator, tmp_path):
    person, damage = administrator, Damage(NAME, administrator)
    proxy = Proxy(person.kubeconfig, tmp_path)
    proxy.start()
    operator = OperatorProcess(person.kubeconfig, tmp_path / "operator.log")
    operator.program = ("-c", SOON)
    command = damage.command(CONTROLLERS)
    try:
        operator.start()
        with (
            damage.frozen(CONTROLLERS),
            job_controller(command, proxy.kubeconfig, tmp_path / "log") as controller,
        ):
            person.apply_run("warm", "sleep")
            person.becomes("warm", "RUNNING")
            proxy.mute = lambda path: path.endswith("/pods")
            person.apply_run("x", "sleep", policy={"activeDeadlineSeconds": 6000})
            person.becomes("x", "RUNNING")
            os.kill(controller.pid, signal.SIGSTOP)
            person.kubectl("delete", "job", "x", "--wait=false")
            second = wait_for(
                "the next Job",
                lambda: (job := person.get("job", "x")) and person.status("x").get("attempt") == 2 and job,
            )
            proxy.mute = lambda _: False
            os.kill(controller.pid, signal.SIGCONT)
            proxy.cut_streams()
            wait_for(
                "the look of its controller", lambda: person.get("job", "x")["status"].get("startTime"), 30
            )
            assert not [
                pod
                for pod in person.items("pods")
                if pod["metadata"]["labels"].get("run-operator.io/attempt") == "2"
            ]
            (said,) = wait_for("the event", lambda: events(person, "JobForgotten"))
            assert "has no pod, and its controller reports no reason" in said
            pod_of(person, "x", 2)
            status = person.becomes("x", "RUNNING")
            third = person.get("job", "x")
            assert third["metadata"]["uid"] != second["metadata"]["uid"]
            assert status["attempt"] == 2
            assert 5900 < third["spec"]["activeDeadlineSeconds"] < 5995
    finally:
        operator.kill()
        proxy.stop()
