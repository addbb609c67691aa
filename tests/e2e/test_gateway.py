"""The SDK over HTTPS through the gateway's pods, to real pods and back."""

from __future__ import annotations

import base64

from tests.support.gateway_process import LINES, SdkUser, account
from tests.support.harness import Person, wait_for

SECRET = "run-operator-gateway-tls"  # noqa: S105 - a name


def test_the_sdk_runs_a_program_and_reads_what_it_wrote(kubeconfig, person, tmp_path):
    home = Person(kubeconfig, "run-operator")
    host = home.get("nodes")["items"][0]["status"]["addresses"][0]["address"]
    host = kubeconfig.read_text().partition("server: https://")[2].partition(":")[0] or host
    home.kubectl("annotate", "secret", SECRET, f"run-operator.io/hosts={host}", "--overwrite")
    wait_for("its certificate", lambda: host in issued_for(home))
    home.kubectl("rollout", "restart", "deployment/run-operator-gateway")
    home.kubectl("rollout", "status", "deployment/run-operator-gateway", "--timeout=90s")
    authority = tmp_path / "ca.crt"
    authority.write_bytes(base64.b64decode(home.get("secret", SECRET)["data"]["ca.crt"]))
    token = account(person, "user", "edit", "run-operator-metrics")
    endpoint = f"https://{host}:30843"
    for line in LINES:
        user = SdkUser(endpoint, token, tmp_path, line, REQUESTS_CA_BUNDLE=str(authority))
        found = user.run("logged", person.namespace, "echo one; echo zwö; sleep 2")
        assert (found["state"], found["logs"]) == ("COMPLETED", ["one\nzwö\n"])
        assert found["metrics"] == {"loss": [0.5]}
        for desired in ("stop", "resume"):
            assert found[desired].startswith("BadRequestError")
            assert "COMPLETED already" in found[desired]
    assert not home.get("serviceaccount", "run-operator-gateway").get("secrets")


def issued_for(home: Person) -> str:
    return str(
        home.get("secret", SECRET)["metadata"].get("annotations", {}).get("run-operator.io/issued-for")
    )
