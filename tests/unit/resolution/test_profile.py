"""Profiles: what they change of a Run, and what of them is refused with its line."""

from __future__ import annotations

from typing import Any

import pytest

from run_operator.api.references import Catalog
from run_operator.api.run import Run
from run_operator.resolution.resolve import Resolution, resolve
from run_operator.workloads.builder import build
from run_operator.workloads.fields import WorkloadError
from run_operator.workloads.types import Options
from tests.support.builders import SERVE, profiles, run


def with_profile(text: str, spec: dict[str, Any] | None = None, **top: Any) -> Resolution:
    catalog, source = Catalog(), profiles({"gpu": text})
    catalog.put(source)
    catalog = catalog.loaded(source)
    base = SERVE if top.get("kind", "").startswith("container+serve") else {"task": "container+job://demo/t"}
    return resolve(run(base | {"image": "x", "profile": "gpu"} | (spec or {}), **top), catalog, Options())


def applied(text: str, spec: dict[str, Any] | None = None, **top: Any) -> Run:
    made = with_profile(text, spec, **top)
    assert made.error is None, made.error
    return made.run


def pod_of(one: Run) -> dict[str, Any]:
    return build(one, 1, Options()).child["spec"]["template"]["spec"]


def test_its_resources_override_key_by_key():
    own = {"resources": {"cpu": "1", "mem": "1Gi", "disk": "4Gi"}}
    made = with_profile("resources: {cpu: 8, gpu: '1'}", own)
    assert made.run.spec["resources"] == {"cpu": 8, "mem": "1Gi", "disk": "4Gi", "gpu": "1"}
    assert made.warnings == ("the document's resources.cpu: the profile gpu decides",)


def test_its_replicas_and_ports_override():
    text = "replicas: 3\nservice_type: NodePort\nservice_ports: [{port: 9}]"
    made = build(applied(text, {"replicas": 1}, kind="container+serve:run"), 1, Options())
    assert made.child["spec"]["replicas"] == 3
    assert made.service["spec"]["type"] == "NodePort"
    assert [port["port"] for port in made.service["spec"]["ports"]] == [9]


def test_node_selector_and_tolerations_are_added():
    text = "node_selector: [{key: gpu, value: a100}]\ntolerations: [{key: gpu, operator: Exists}]"
    own = {
        "node_selector": [{"key": "zone", "value": "a"}],
        "tolerations": [{"key": "own", "operator": "Exists"}],
    }
    spec = pod_of(applied(text, own))
    assert spec["nodeSelector"] == {"zone": "a", "gpu": "a100"}
    assert [entry["key"] for entry in spec["tolerations"]] == ["own", "gpu"]


def test_affinity_priority_and_runtime_class_come_from_the_profile_alone():
    own = {"priority_class": "mine", "runtime_class": "mine", "affinity": {"nodeAffinity": {}}}
    made = with_profile("priority_class: high", own)
    spec = pod_of(made.run)
    assert spec["priorityClassName"] == "high"
    assert "runtimeClassName" not in spec
    assert "affinity" not in spec
    said = "the document's affinity, priority_class, runtime_class: the profile gpu decides"
    assert made.warnings == (said,)


def test_volumes_envs_and_labels_are_added_and_the_documents_environment_wins():
    text = """
volumes: [{volume_type: empty_dir, name: shm, mount_path: /dev/shm, spec: {medium: Memory}}]
envs: [{name: NCCL_DEBUG, value: WARN}, {name: MODE, value: fast}]
labels: {kueue.x-k8s.io/queue-name: gpus, team: ml}
"""
    one = applied(text, {"envs": [{"name": "MODE", "value": "mine"}]})
    made = build(one, 1, Options()).child
    pod = made["spec"]["template"]
    env = {entry["name"]: entry.get("value") for entry in pod["spec"]["containers"][0]["env"]}
    assert (env["NCCL_DEBUG"], env["MODE"]) == ("WARN", "mine")
    assert pod["spec"]["volumes"][0]["name"] == "shm"
    assert (one.queue, made["metadata"]["labels"]["kueue.x-k8s.io/queue-name"]) == ("gpus", "gpus")
    assert made["spec"]["suspend"] is True
    assert pod["metadata"]["labels"]["team"] == "ml"
    assert pod["metadata"]["labels"]["run-operator.io/attempt"] == "1"


def test_a_queue_the_run_names_itself_wins():
    own = {"kueue.x-k8s.io/queue-name": "mine"}
    assert applied("labels: {kueue.x-k8s.io/queue-name: gpus}", labels=own).queue == "mine"


def test_pull_policy_and_retries_count_where_the_run_names_none():
    text = "image_pull_policy: Always\nbackoff_limit: 2"
    assert pod_of(applied(text))["containers"][0]["imagePullPolicy"] == "Always"
    assert applied(text).policy.backoff_limit == 2
    own = applied(text, {"image_pull_policy": "Never"}, policy={"backoffLimit": 5})
    assert own.policy.backoff_limit == 5
    assert pod_of(own)["containers"][0]["imagePullPolicy"] == "Never"


@pytest.mark.parametrize("own", [{"name": "shm", "mount_path": "/x"}, {"name": "x", "mount_path": "/shm"}])
def test_a_volume_of_both_is_an_error_that_names_the_profile(own):
    text = "volumes: [{volume_type: empty_dir, name: shm, mount_path: /shm}]"
    error = with_profile(text, {"volumes": [{"volume_type": "empty_dir"} | own]}).error
    assert error.reason == "InvalidSpec"
    assert "is also used by a volume of the profile gpu" in str(error)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a: 1\nb: c: d", 2, "this is not YAML"),
        ("- x", 1, "it is not a map"),
        ("", None, "the file is empty"),
        ("resources:\n  cpu: '1'\n\nresorces: {}", 4, "'resorces' is unknown; use one of resources"),
        ("resources:\n  cpu: '1'\n  mem: x1", 3, "resources.mem: 'x1' is not a quantity"),
        ("volumes:\n- volume_type: nfs\n  name: a\n  mount_path: /a", 2, "'nfs' is unknown"),
        (
            "name: gpu\ndescription: x\nprofile:\n  resources: {gpu: 1}",
            3,
            "only the map under 'profile'",
        ),
        ("name: gpu\nreplicas: 1", 1, "'name' is unknown"),
        ("replicas: 0", 1, "replicas: 0 is not 1 to"),
        ("service_ports:\n- port: 1\n- port: 99999", 3, "service_ports[1].port: 99999 is not 1 to"),
        ("backoff_limit: -1", 1, "backoff_limit: -1 is not 0 to"),
        ("labels: {run-operator.io/run: x}", 1, "cannot be a label"),
        ("labels: {team: 'a b'}", 1, "cannot be a label"),
        ("tolerations: [{key: a, for: 3}]", 1, "is not known to Kubernetes"),
        (f"envs: [{{name: A, value: {'x' * 17000}}}]", None, "larger than 16384 bytes"),
    ],
)
def test_what_is_wrong_is_said_with_config_map_key_and_line(text, line, said):
    error = with_profile(text).error
    assert error.reason == "InvalidProfile"
    where = f"(ConfigMap ml/profiles, key gpu{f', line {line}' if line else ''})"
    assert where in str(error)
    assert said in str(error)


@pytest.mark.parametrize("odd", [["a"], {"a": 1}], ids=["a list", "a map"])
@pytest.mark.parametrize("key", ["name", "mount_path"])
def test_a_volume_of_an_odd_type_beside_those_of_a_profile_is_an_error_of_the_document(key, odd):
    text = "volumes:\n- {volume_type: empty_dir, name: scratch, mount_path: /scratch}\n"
    volumes = [{"volume_type": "empty_dir", "name": "x", "mount_path": "/x", key: odd}]
    made = with_profile(text, {"volumes": volumes})
    with pytest.raises(WorkloadError, match=key):
        build(made.run, 1, Options())


def test_its_annotations_reach_the_pods_and_go_before_the_operators_own():
    text = "annotations: {prometheus.io/scrape: 'true', karpenter.sh/do-not-disrupt: 'false'}"
    for one, kind in ((applied(text), "container+job"), (applied(text, kind="container+serve:run"), "serve")):
        marks = build(one, 1, Options()).child["spec"]["template"]["metadata"]["annotations"]
        assert marks["prometheus.io/scrape"] == "true", kind
        assert marks["karpenter.sh/do-not-disrupt"] == "false", kind
