"""The operator with the rights of the manifests and no others: a whole life of a Run, with metrics."""

from __future__ import annotations

import yaml

from tests.harness import REPOSITORY, OperatorProcess, Person, condition, wait_for
from tests.metrics_pod import MetricsPod

NEEDED = ("namespace.yaml", "service-account.yaml", "roles.yaml", "metrics-ca.yaml")


def service_account(kubeconfig, path):
    """A kubeconfig of the operator's own account."""
    home = Person(kubeconfig, "run-operator")
    for name in NEEDED:
        home.kubectl("apply", "-f", str(REPOSITORY / "manifests" / "base" / name))
    token = home.kubectl("create", "token", "run-operator", "--duration=1h").stdout.strip()
    config = yaml.safe_load(kubeconfig.read_text())
    config["users"] = [{"name": config["users"][0]["name"], "user": {"token": token}}]
    path.write_text(yaml.safe_dump(config))
    return path


def test_the_rights_of_the_manifests_are_enough(alone, kubeconfig, person, tmp_path):
    log = tmp_path / "log"
    account = service_account(kubeconfig, tmp_path / "kubeconfig")
    operator = OperatorProcess(account, log, own_namespace="run-operator")
    try:
        operator.start()
        for name, kind in (("job", "container+job"), ("web", "container+deploy")):
            person.apply_run(name, kind=kind)
            person.becomes(name, "RUNNING")
            pod = MetricsPod(person, operator.metrics_url, name)
            assert pod.log("loss", 1, 2, 3)[0] == 202
            pod.settle()
            pod.close()
            assert person.status(name)["metrics"] == {"loss": [1, 2, 3]}
            assert condition(person.status(name), "MetricsComplete")["reason"] == "Receiving"
            person.patch_run(name, {"spec": {"suspend": True}})
            person.becomes(name, "STOPPED")
        wait_for("the story", lambda: person.items("events", "--field-selector=reason=Suspended"))
        refused = {
            code for name, labels, _ in operator.metrics() if (code := labels.get("code")) in ("401", "403")
        }
        assert not refused, log.read_text()[-3000:]
    finally:
        operator.kill()
