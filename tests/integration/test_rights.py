"""The operator with the rights of the manifests and no others: a whole life of a Run, with metrics."""

from __future__ import annotations

from tests.support.harness import OperatorProcess, condition, operators_account, wait_for
from tests.support.metrics_pod import MetricsPod


def test_the_rights_of_the_manifests_are_enough(alone, kubeconfig, person, tmp_path):
    log = tmp_path / "log"
    account = operators_account(kubeconfig, tmp_path / "kubeconfig")
    operator = OperatorProcess(account, log, namespace="run-operator")
    try:
        operator.start()
        for name, kind in (("job", "container+job"), ("web", "container+deploy")):
            person.apply_run(name, kind=kind)
            person.becomes(name, "RUNNING")
            pod = MetricsPod(person, operator.ingest_url, name)
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
