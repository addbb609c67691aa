"""The CRD and the manifests: described, least rights, restricted."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from run_operator import __version__
from run_operator.api import policy
from run_operator.api.conditions import State
from run_operator.api.constants import LABEL_PROFILES, LABEL_RUN
from run_operator.api.exported import KEPT
from run_operator.api.references import Profile, ProfilesView
from run_operator.engine.watched_kinds import WATCHED
from run_operator.resolution.profile import profile_spec
from run_operator.settings import Settings
from tests.support.crd_files import schema_of

ROOT = Path(__file__).parents[3]
DOCUMENTS = ("runs", "functions", "tasks", "artifacts", "dataitems", "models", "containerimages")


SCHEMA = schema_of("runs")


RESOLVED = {
    "function": {"reference", "id", "name", "uid", "generation", "spec"},
    "task": {"reference", "function", "name", "uid", "generation", "spec"},
    "profile": {"reference", "namespace", "name", "uid", "spec"},
    "runtime": {"reference", "namespace", "name", "uid", "generation", "spec"},
}


def properties(schema: dict, path: str = ""):
    for name, inner in schema.get("properties", {}).items():
        yield f"{path}.{name}", inner
        yield from properties(inner, f"{path}.{name}")
    if "items" in schema:
        yield f"{path}[]", schema["items"]
        yield from properties(schema["items"], f"{path}[]")


@pytest.mark.parametrize("name", [*DOCUMENTS, "runtimes", "clusterruntimes", "runlogs", "metricbatches"])
def test_every_field_says_what_it_is(name):
    found = properties(schema_of(name))
    assert [path for path, inner in found if "description" not in inner and path != ".metadata"] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_key_of_an_export_has_its_place(name):
    assert set(KEPT) <= set(schema_of(name)["properties"]["spec"]["properties"])


def test_the_operator_may_read_what_it_watches_and_people_may_write_what_runs_refer_to():
    manifests = ROOT / "manifests" / "base"
    files = ("rights/roles.yaml", "cluster-roles.yaml")
    rules = [
        rule for file in files for rule in next(yaml.safe_load_all((manifests / file).read_text()))["rules"]
    ]
    for resource in WATCHED:
        allowed = {
            verb
            for rule in rules
            if resource.group in rule["apiGroups"] and resource.plural in rule["resources"]
            for verb in rule["verbs"]
        }
        assert {"list", "watch"} <= allowed, resource
    roles = {
        one["metadata"]["name"]: one
        for one in yaml.safe_load_all((manifests / "user-roles.yaml").read_text())
    }
    view, edit = roles["run-operator-view"], roles["run-operator-edit"]
    assert set(DOCUMENTS) <= set(view["rules"][0]["resources"])
    assert set(DOCUMENTS) <= set(edit["rules"][0]["resources"])
    assert set(view["rules"][1]["verbs"]) == {"get", "list", "watch"}
    assert set(edit["rules"][1]["verbs"]) == {"delete", "deletecollection"}, "nobody writes RunLogs"
    assert view["rules"][1]["resources"] == edit["rules"][1]["resources"] == ["runlogs"]
    for role in roles.values():
        writes = [rule for rule in role["rules"] if "runs/status" in rule["resources"]]
        assert all(set(rule["verbs"]) <= {"get", "list", "watch"} for rule in writes), (
            "only the operator writes a status"
        )
    for name in ("metrics", "runs-only"):
        assert "labels" not in roles[f"run-operator-{name}"]["metadata"], "it is aggregated to nobody"


def test_the_schema_and_the_model_agree():
    run_policy = SCHEMA["properties"]["spec"]["properties"]["runPolicy"]["properties"]
    assert run_policy["backoffLimit"]["default"] == policy.DEFAULT_BACKOFF_LIMIT
    assert str(policy.DEFAULT_ACTIVE_DEADLINE) in run_policy["activeDeadlineSeconds"]["description"]
    assert run_policy["terminationGracePeriodSeconds"]["default"] == policy.DEFAULT_GRACE_PERIOD
    status = SCHEMA["properties"]["status"]["properties"]
    parts = status["resolved"]["properties"]
    kept = {name: set(part["properties"]) for name, part in parts.items() if name != "signature"}
    assert kept == RESOLVED
    assert {str(state) for state in State} <= set(status["state"]["enum"])
    assert status["conditions"]["x-kubernetes-list-map-keys"] == ["type"]


def documents(name: str) -> list:
    return list(yaml.safe_load_all((ROOT / "manifests" / "base" / name).read_text()))


def test_the_operator_may_read_no_secrets_and_nothing_by_wildcard():
    rules = documents("rights/roles.yaml")[0]["rules"]
    assert not [rule for rule in rules if "secrets" in rule["resources"]]
    assert not [rule for rule in rules if "*" in rule["resources"] + rule["verbs"] + rule["apiGroups"]]


def test_but_for_its_own_one_by_name():
    _, role, _ = documents("ingest-ca.yaml")
    assert role["metadata"]["namespace"] == "run-operator"
    assert role["rules"] == [
        {
            "apiGroups": [""],
            "resources": ["secrets"],
            "resourceNames": [Settings().ingest_ca_secret],
            "verbs": ["get", "patch"],
        }
    ]


def test_the_service_of_the_ingest_leads_where_the_pods_are_sent():
    container = documents("deployment.yaml")[0]["spec"]["template"]["spec"]["containers"][0]
    env = {entry["name"]: entry.get("value", "") for entry in container["env"]}
    (service,) = documents("ingest-service.yaml")
    (port,) = service["spec"]["ports"]
    assert env["INGEST_SERVICE"] == service["metadata"]["name"]
    url = f"https://$(INGEST_SERVICE).$(POD_NAMESPACE).svc:{port['port']}"
    assert env["RUN_OPERATOR_INGEST_URL"] == env["RUN_OPERATOR_POD_API_URL"] == url
    assert list(env).index("POD_NAMESPACE") < list(env).index("RUN_OPERATOR_INGEST_URL")
    assert {"name": port["targetPort"], "containerPort": 8443} in container["ports"]
    scrapes, ingest = documents("network-policy.yaml")[0]["spec"]["ingress"]
    assert ingest["ports"] == [{"port": port["port"], "protocol": "TCP"}]
    assert ingest["from"][0]["podSelector"]["matchExpressions"] == [{"key": LABEL_RUN, "operator": "Exists"}]
    assert scrapes["from"] == [{"namespaceSelector": {"matchLabels": {"metrics": "enabled"}}}]


def test_pods_of_the_first_version_find_the_ingest_where_it_was():
    container = documents("deployment.yaml")[0]["spec"]["template"]["spec"]["containers"][0]
    env = {entry["name"]: entry.get("value", "") for entry in container["env"]}
    (service,) = documents("metrics-service.yaml")
    assert env["METRICS_SERVICE"] == service["metadata"]["name"] == "run-operator-metrics"
    assert env["RUN_OPERATOR_INGEST_HOSTS"] == "$(METRICS_SERVICE).$(POD_NAMESPACE).svc"
    assert {"port": 8443, "targetPort": "ingest"}.items() <= service["spec"]["ports"][1].items()


def test_the_operators_pod_is_restricted():
    deployment = yaml.safe_load((ROOT / "manifests" / "base" / "deployment.yaml").read_text())
    spec = deployment["spec"]["template"]["spec"]
    container = spec["containers"][0]["securityContext"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert container["allowPrivilegeEscalation"] is False
    assert container["readOnlyRootFilesystem"] is True
    assert spec["enableServiceLinks"] is False
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}


def test_the_example_profiles_can_be_used():
    raw = yaml.safe_load((ROOT / "manifests" / "examples" / "profiles.yaml").read_text())
    assert raw["metadata"]["labels"][LABEL_PROFILES] == "true"
    view = ProfilesView.from_object(raw)
    for name, text in view.texts.items():
        assert profile_spec(name, Profile(view, text))


def test_the_version_is_the_programs_own_everywhere():
    """`runctl version` reads it there."""
    crds = [path for path in (ROOT / "crds").glob("*.yaml") if path.name != "kustomization.yaml"]
    labelled = [*map(yaml.safe_load, (path.read_text() for path in crds)), documents("deployment.yaml")[0]]
    assert len(labelled) > 5
    assert {one["metadata"]["labels"]["app.kubernetes.io/version"] for one in labelled} == {__version__}


def test_who_prunes_keeps_the_crds():
    wanted = {
        "argocd.argoproj.io/sync-options": "Prune=false,Delete=false",
        "kustomize.toolkit.fluxcd.io/prune": "disabled",
        "helm.sh/resource-policy": "keep",
    }
    for path in (ROOT / "crds").glob("*.yaml"):
        raw = yaml.safe_load(path.read_text())
        if raw["kind"] == "CustomResourceDefinition":
            assert raw["metadata"]["annotations"].items() >= wanted.items(), path.name
