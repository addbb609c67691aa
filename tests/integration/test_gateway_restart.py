"""`run.wait()` of the SDK while the API server is killed: the gateway waits for it, the program notices nothing."""

from __future__ import annotations

import contextlib
from pathlib import Path

from tests.support.gateway_process import GatewayProcess, SdkUser, account
from tests.support.harness import (
    CRDS,
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
        person.kubectl("apply", "-k", str(REPOSITORY / "crds"))
        person.kubectl("wait", "--for=condition=Established", *CRDS, "--timeout=30s")
        person.kubectl("apply", "-f", str(REPOSITORY / "manifests" / "base" / "user-roles.yaml"))
        gateway = GatewayProcess(kubeconfig, tmp_path)
        gateway.start()
        stack.callback(gateway.stop)
        person.apply(run_object("x", suspend=True))
        user = SdkUser(gateway.endpoint, account(person, "user", "edit"), tmp_path)
        waiting = user.begin("wait", "default", "x")
        stack.callback(waiting.kill)
        assert waiting.stdout is not None
        assert waiting.stdout.readline() == "waiting\n"
        for _ in range(2):
            kill_api_server(NAME, person)
        patch = (
            "--subresource=status",
            "--type=merge",
            "-p",
            '{"status": {"state": "COMPLETED", "message": "done"}}',
        )
        wait_for("the end", lambda: not person.kubectl("patch", "run", "x", *patch, check=False).returncode)
        assert user.end(waiting) == "COMPLETED"
