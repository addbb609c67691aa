"""`wait` while the API server itself is killed and started again, in a cluster that nobody else is in."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.harness import (
    OperatorProcess,
    Person,
    cluster_down,
    cluster_name,
    cluster_up,
    kill_api_server,
    wait_for,
)

NAME = cluster_name("restart")


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    one = Person(cluster_up(NAME, "control-plane", "--restarts"))
    try:
        one.install_crds()
        operator = OperatorProcess(one.kubeconfig, tmp_path / "log")
        operator.start()
        yield one
        operator.kill()
    finally:
        cluster_down(NAME)


def test_wait_survives_two_deaths_of_the_api_server(person):
    person.apply_run("x")
    person.becomes("x", "RUNNING")
    command = [
        sys.executable,
        "-m",
        "run_operator.client.cli",
        "wait",
        "x",
        "--timeout",
        "90",
        "--kubeconfig",
    ]
    with subprocess.Popen([*command, str(person.kubeconfig)], stderr=subprocess.PIPE, text=True) as waiting:
        assert waiting.stderr is not None
        assert waiting.stderr.readline().startswith("run x: RUNNING")
        for _ in range(2):
            kill_api_server(NAME, person)
        wait_for("the stop", lambda: person.patch_run("x", {"spec": {"suspend": True}}).returncode == 0)
        said = waiting.stderr.read()
        assert waiting.wait(60) == 0, said
    assert said.splitlines()[-1].startswith("run x: STOPPED")
