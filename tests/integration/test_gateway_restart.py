"""`run.wait()` of the SDK while the API server is killed: the gateway waits for it, the program notices nothing."""

from __future__ import annotations

import contextlib
from pathlib import Path

from tests.support.gateway_process import LINES, GatewayProcess, SdkUser, account
from tests.support.harness import (
    REPOSITORY,
    Person,
    cluster_down,
    cluster_name,
    cluster_up,
    kill_api_server,
    run_object,
    wait_for,
)

NAME = cluster_name("gateway")


def test_wait_outlives_the_api_server(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        kubeconfig = cluster_up(NAME, "control-plane", "--restarts")
        stack.callback(cluster_down, NAME)
        person = Person(kubeconfig)
        person.install_crds()
        person.kubectl("apply", "-f", str(REPOSITORY / "manifests" / "base" / "user-roles.yaml"))
        gateway = GatewayProcess(kubeconfig, tmp_path)
        gateway.start()
        stack.callback(gateway.stop)
        person.apply(run_object("x", suspend=True))
        token = account(person, "user", "edit")
        users = [SdkUser(gateway.endpoint, token, tmp_path, line) for line in LINES]
        programs = [user.begin("wait", "default", "x") for user in users]
        for program in programs:
            stack.callback(program.kill)
            assert program.stdout is not None
            assert program.stdout.readline() == "waiting\n"
        for _ in range(2):
            kill_api_server(NAME, person)
        patch = (
            "--subresource=status",
            "--type=merge",
            "-p",
            '{"status": {"state": "COMPLETED", "message": "done"}}',
        )
        wait_for("the end", lambda: not person.kubectl("patch", "run", "x", *patch, check=False).returncode)
        for user, program in zip(users, programs, strict=True):
            assert user.end(program) == "COMPLETED"
