"""The CRD and the manifests: described, least rights, restricted."""

from __future__ import annotations

from pathlib import Path

import yaml

from run_operator.resources import policy
from run_operator.resources.states import State

ROOT = Path(__file__).parents[3]
CRD = yaml.safe_load((ROOT / "crds" / "runs.yaml").read_text())
SCHEMA = CRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


def properties(schema: dict, path: str = ""):
    for name, inner in schema.get("properties", {}).items():
        yield f"{path}.{name}", inner
        yield from properties(inner, f"{path}.{name}")
    if "items" in schema:
        yield f"{path}[]", schema["items"]
        yield from properties(schema["items"], f"{path}[]")


def test_every_field_says_what_it_is():
    silent = [
        path for path, inner in properties(SCHEMA) if "description" not in inner and path != ".metadata"
    ]
    assert silent == []


def test_the_schema_and_the_model_agree():
    run_policy = SCHEMA["properties"]["spec"]["properties"]["runPolicy"]["properties"]
    assert run_policy["backoffLimit"]["default"] == policy.DEFAULT_BACKOFF_LIMIT
    assert run_policy["activeDeadlineSeconds"]["default"] == policy.DEFAULT_ACTIVE_DEADLINE
    assert run_policy["terminationGracePeriodSeconds"]["default"] == policy.DEFAULT_GRACE_PERIOD
    status = SCHEMA["properties"]["status"]["properties"]
    assert {str(state) for state in State} <= set(status["state"]["enum"])
    assert status["conditions"]["x-kubernetes-list-map-keys"] == ["type"]


def test_the_operator_may_read_no_secrets_and_nothing_by_wildcard():
    roles = list(yaml.safe_load_all((ROOT / "manifests" / "base" / "roles.yaml").read_text()))
    rules = roles[0]["rules"]
    assert not [rule for rule in rules if "secrets" in rule["resources"]]
    assert not [rule for rule in rules if "*" in rule["resources"] + rule["verbs"] + rule["apiGroups"]]


def test_the_operators_pod_is_restricted():
    deployment = yaml.safe_load((ROOT / "manifests" / "base" / "deployment.yaml").read_text())
    spec = deployment["spec"]["template"]["spec"]
    container = spec["containers"][0]["securityContext"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert container["allowPrivilegeEscalation"] is False
    assert container["readOnlyRootFilesystem"] is True
    assert spec["enableServiceLinks"] is False
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}
