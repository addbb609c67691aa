"""A service whose init container cannot fetch what its program needs says why, in the runner's words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from run_operator.children import ContainerView
from run_operator.children.service_readiness import read
from tests.support.builders import NOW, deployment, replica

SAID = "InvalidSource: http://nobody/model cannot be fetched: no such host"


def container(name: str, state: str, **more: Any) -> ContainerView:
    base = ContainerView(name, name == "fetch", "image", False, 0, state, "", "", None, None, "", "")
    return base._replace(**more)


def seen(*containers: ContainerView) -> str:
    pod = replica(False)
    pod = replace(pod, facts=pod.facts._replace(containers=containers))
    found = read(deployment(), (pod,), NOW, 10.0)
    return f"{found.reason}: {found.message}"


def test_the_reason_is_that_of_the_runner_and_the_advice_names_the_container():
    waits = container("main", "waiting", reason="PodInitializing")
    failed = container(
        "fetch", "waiting", reason="CrashLoopBackOff", restarts=2, last_exit_code=1, last_message=SAID
    )
    said = seen(failed, waits)
    assert said.startswith(f"CrashLoopBackOff: fetch exited with code 1, {SAID}")
    assert "kubectl logs deployment/hello -c fetch --previous" in said


def test_one_that_has_done_its_work_says_nothing():
    done = container("fetch", "terminated", exit_code=0, restarts=1)
    assert seen(done, container("main", "running")).startswith("NotReady")
