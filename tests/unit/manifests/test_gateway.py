"""The gateway's manifests: no rights, restricted, reached where its certificate says."""

from __future__ import annotations

from pathlib import Path

import yaml

from cluster.demo import sdk
from run_operator.settings import Settings

ROOT = Path(__file__).parents[3] / "manifests"
FOLDER = ROOT / "components" / "gateway"


def documents(name: str) -> list:
    return list(yaml.safe_load_all((FOLDER / name).read_text()))


def test_the_gateway_has_no_rights_and_no_token():
    names = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["resources"]
    subjects = [
        subject["name"] for name in names for one in documents(name) for subject in one.get("subjects", ())
    ]
    assert "run-operator-gateway" not in subjects
    (account,), (deployment,) = documents("service-account.yaml"), documents("deployment.yaml")
    pod = deployment["spec"]["template"]["spec"]
    assert account["automountServiceAccountToken"] is pod["automountServiceAccountToken"] is False
    assert not [one for one in pod["volumes"] if "projected" in one]


def test_the_operator_may_write_its_certificate_and_nothing_else():
    secret, role, _ = documents("certificate.yaml")
    (patch,) = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["patches"]
    added = {one["value"]["name"]: one["value"]["value"] for one in yaml.safe_load(patch["patch"])}
    assert added["RUN_OPERATOR_GATEWAY_TLS_SECRET"] == sdk.SECRET
    assert added["RUN_OPERATOR_GATEWAY_SERVICE"] == documents("service.yaml")[0]["metadata"]["name"]
    assert secret["metadata"]["name"] == sdk.SECRET
    rule = {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [sdk.SECRET]}
    assert role["rules"] == [rule | {"verbs": ["get", "patch"]}]


def test_its_pod_is_restricted():
    pod = documents("deployment.yaml")[0]["spec"]["template"]["spec"]
    container = pod["containers"][0]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "memory" in container["resources"]["limits"]


def test_prometheus_finds_what_its_pods_count():
    (service,) = documents("metrics-service.yaml")
    (deployment,) = documents("deployment.yaml")
    (port,) = service["spec"]["ports"]
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    assert {one["name"]: one["containerPort"] for one in container["ports"]}[port["targetPort"]] == port[
        "port"
    ]
    annotations = {"prometheus.io/scrape": "true", "prometheus.io/port": str(port["port"])}
    assert service["metadata"]["annotations"] == annotations
    assert service["spec"]["selector"].items() <= deployment["spec"]["template"]["metadata"]["labels"].items()
    assert "metrics-service.yaml" in yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["resources"]


def test_one_pod_of_a_run_is_kept_at_one_replica_of_the_operator():
    service = yaml.safe_load((ROOT / "base" / "ingest-service.yaml").read_text())
    assert service["spec"]["sessionAffinity"] == "ClientIP"


def test_one_client_is_kept_at_one_replica_and_the_demo_knows_the_port():
    (service,) = documents("service.yaml")
    assert service["metadata"]["name"] == Settings().gateway_service
    assert service["spec"]["sessionAffinity"] == "ClientIP"
    overlay = yaml.safe_load((ROOT / "overlays" / "demo" / "kustomization.yaml").read_text())
    patch = {one["path"]: one["value"] for one in yaml.safe_load(overlay["patches"][0]["patch"])}
    assert patch["/spec/ports/0/nodePort"] == sdk.NODE_PORT
