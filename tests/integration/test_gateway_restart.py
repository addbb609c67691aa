"""`run.wait()` of the SDK while the API server is killed: the gateway waits for it, the program notices nothing."""

from __future__ import annotations

from pathlib import Path

from tests.gateway_process import GatewayProcess, SdkUser, account
from tests.harness import (
    CRDS,
    REPOSITORY,
    Person,
    cluster_down,
    cluster_name,
    cluster_up,
    kill_api_server,
    run_object,
)

NAME = cluster_name("gateway")


def test_wait_outlives_the_api_server(tmp_path: Path) -> None:
    kubeconfig = cluster_up(NAME, "control-plane", "--restarts")
    try:
        person = Person(kubeconfig)
        person.kubectl("apply", "-k", str(REPOSITORY / "crds"))
        person.kubectl("wait", "--for=condition=Established", *CRDS, "--timeout=30s")
        person.kubectl("apply", "-f", str(REPOSITORY / "manifests" / "base" / "user-roles.yaml"))
        gateway = GatewayProcess(kubeconfig, tmp_path)
        gateway.start()
        person.apply(run_object("x", suspend=True))
        user = SdkUser(gateway.endpoint, account(person, "user", "edit"), tmp_path)
        waiting = user.begin("wait", "default", "x")
        assert waiting.stdout is not None
        assert waiting.stdout.readline() == "waiting\n"
        kill_api_server(NAME, person)
        for _ in range(2):  # the second kill is answered only once the first is over
            kill_api_server(NAME, person)
        done = {"op": "add", "path": "/status", "value": {"state": "COMPLETED"}}
        person.kubectl(
            "patch",
            "run",
            "x",
            "--subresource=status",
            "--type=merge",
            "-p",
            '{"status":{"state":"COMPLETED"}}',
        )
        assert done["value"]["state"] == user.end(waiting)
        assert gateway.stop() == 0
    finally:
        cluster_down(NAME)
