"""What a security review found in manifests and in the way to a release: F20 and F24."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
SCRAPERS = [{"namespaceSelector": {"matchLabels": {"metrics": "enabled"}}}]


def documents(path: str) -> list[Any]:
    return [one for one in yaml.safe_load_all((ROOT / "manifests" / path).read_text()) if one]


@pytest.mark.parametrize(
    ("folder", "name"), [("base", "run-operator"), ("components/gateway", "run-operator-gateway")]
)
def test_f20_metrics_are_open_to_namespaces_with_the_label_alone(folder, name):
    """Each port with `/metrics` is in one rule, and that has a `from`."""
    deployment = documents(f"{folder}/deployment.yaml")[0]
    (policy,) = documents(f"{folder}/network-policy.yaml")
    pods = deployment["spec"]["template"]
    assert policy["spec"]["podSelector"]["matchLabels"].items() <= pods["metadata"]["labels"].items()
    assert "Ingress" in policy["spec"]["policyTypes"]
    (service,) = documents(f"{folder}/metrics-service.yaml")
    named = {one["name"]: one["containerPort"] for one in pods["spec"]["containers"][0]["ports"]}
    for port in (one for one in service["spec"]["ports"] if one["targetPort"] != "ingest"):
        number = named.get(port["targetPort"], port["targetPort"])
        rules = [rule for rule in policy["spec"]["ingress"] if number in [p["port"] for p in rule["ports"]]]
        assert [rule.get("from") for rule in rules] == [SCRAPERS], f"port {number} of {name}"
    assert all(rule["ports"] for rule in policy["spec"]["ingress"]), "no rule opens every port"


def test_f24_a_release_has_a_list_of_parts_a_provenance_and_a_signature_of_its_digest():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yaml").read_text())
    steps = workflow["jobs"]["image"]["steps"]
    (build,) = [one["with"] for one in steps if one.get("id") == "build"]
    assert build["sbom"] is True
    assert build["provenance"] == "mode=max"
    (sign,) = [one for one in steps if "cosign sign" in one.get("run", "")]
    assert '"$IMAGE@$DIGEST"' in sign["run"]
    (attested,) = [one["with"] for one in steps if "attest-build-provenance" in one.get("uses", "")]
    digest = "${{ steps.build.outputs.digest }}"
    assert attested["subject-digest"] == sign["env"]["DIGEST"] == digest


def test_f24_somebody_can_be_told_of_a_weakness():
    assert "report" in (ROOT / "SECURITY.md").read_text().lower()
