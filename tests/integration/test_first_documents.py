"""Documents written by hand: the usual mistakes are named before a pod starts, the smallest correct ones run."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.harness import REPOSITORY, Person, condition, wait_for

GOOD: dict[str, Any] = {"image": "docker.io/library/busybox:1.36", "command": "kwok-complete"}
VOLUME: dict[str, Any] = {"volume_type": "persistent_volume_claim", "name": "data", "mount_path": "/data"}


def document(spec: dict[str, Any], kind: str = "container+job:run", **top: Any) -> dict[str, Any]:
    return {
        "apiVersion": "run-operator.io/v1alpha1",
        "kind": "Run",
        "metadata": {"name": "first"},
        "spec": {"kind": kind, "spec": spec, **top},
    }


def volume(**entry: Any) -> dict[str, Any]:
    return GOOD | {"volumes": [VOLUME | entry]}


def warnings_of(person: Person, body: dict[str, Any]) -> str:
    """What the person hears: from kubectl, else from the status."""
    done = person.kubectl("apply", "-f", "-", stdin=json.dumps(body), check=False)
    if done.returncode:
        return done.stderr

    def status() -> str:
        found = person.status("first")
        known = condition(found, "NotApplied").get("message", "")
        return f"{known} {found.get('message', '')}" if known or found.get("state") == "ERROR" else ""

    return wait_for("a word about the document", status)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (document(GOOD | {"env": [{"name": "LR", "value": "0.1"}]}), "spec.spec.env is not used by container+job; did you mean envs?"),
        (document(GOOD | {"volume": [VOLUME]}), "did you mean volumes?"),
        (document(GOOD | {"secret": ["s"]}), "did you mean secrets?"),
        (document(GOOD | {"parameters": {"lr": 0.1}}), "spec.spec.parameters is not used by container+job; did you mean envs or args?"),
        (document({"imge": "busybox", "command": "true"}), "did you mean image?"),
        (document(GOOD | {"imagePullPolicy": "Always"}), "did you mean image_pull_policy?"),
        (document(GOOD | {"volumeMounts": [{"name": "a"}]}), "did you mean volumes?"),
        (document(GOOD | {"nodeSelector": {"a": "b"}}), "did you mean node_selector?"),
        (document(volume(mount_path=None, mountPath="/data")), "spec.spec.volumes[0].mount_path"),
        (document(volume(volume_type="shared_volume", spec={"claim_name": "c"})), "volumes[0].spec.claim_name is not used by shared_volume; did you mean claimName?"),
        (document(volume(volume_type="pvc")), "volume_type is one of persistent_volume_claim"),
        (document(GOOD | {"envs": [{"name": "LR", "value": 0.1}]}), 'spec.spec.envs[0].value in body must be of type string: "number"'),
        (document(GOOD | {"args": ["--epochs", 3]}), 'spec.spec.args[1] in body must be of type string: "integer"'),
        (document(GOOD | {"command": "python3 train.py --lr 0.1"}), "write python3 as command, and the rest as a list in args"),
        (document(GOOD | {"environment": {"LR": "0.1"}}), "spec.spec.environment is not used by container+job; did you mean envs?"),
        (document(volume(size="5Gi")), "spec.spec.volumes[0].size is not used by volumes; did you mean spec.size?"),
        (document(volume(mount_path="data")), "spec.spec.volumes[0].mount_path"),
        (document(GOOD | {"command": ["sh", "-c"]}), 'spec.spec.command in body must be of type string: "array"'),
        (document(GOOD | {"replicas": "2"}), 'spec.spec.replicas in body must be of type integer: "string"'),
        (document(GOOD | {"resources": {"memory": "1Gi"}}), "spec.spec.resources.memory: is unknown; use one of cpu, mem, gpu, disk; did you mean mem?"),
        (document(GOOD | {"resources": {"requests": {"cpu": 1}}}), "did you mean cpu, mem, gpu and disk without requests?"),
        (document(GOOD | {"memory": "1Gi"}), "did you mean resources.mem?"),
        (document(GOOD | {"suspend": True}), "did you mean spec.suspend?"),
        (document({"containers": [GOOD]}), "did you mean image, command and args beside each other"),
        (document(GOOD, image="busybox"), 'supported values: "written as spec.spec.image"'),
        (document(GOOD | {"task": "train"}), "spec.spec.task: Invalid value"),
        (document(GOOD, kind="container"), "a Run's kind is <runtime>+<action>:run"),
        (document(GOOD, kind="container+serve:run"), "spec.spec.service_ports: is missing"),
    ],
    ids=str,
)  # fmt: skip
def test_a_usual_mistake_is_named_with_its_path_and_the_right_word(operator, person, body, said):
    assert said in warnings_of(person, body)


@pytest.mark.parametrize(
    "spec",
    [
        GOOD,
        {"image": GOOD["image"], "command": "sh", "args": ["-c", "kwok-complete"]},
        GOOD | {"envs": [{"name": "LR", "value": "0.1"}]},
        GOOD | {"resources": {"cpu": "100m", "mem": "64Mi"}},
        GOOD | {"source": {"source": "train.py", "code": "print(1)"}},
    ],
    ids=str,
)
def test_the_smallest_correct_ones_run(operator, person, spec):
    person.apply(document(spec))
    status = person.becomes("first", "COMPLETED")
    assert status["attempt"] == 1
    assert not condition(status, "NotApplied")
    (pod,) = person.items("pods")
    env = {one["name"]: one.get("value") for one in pod["spec"]["containers"][0]["env"]}
    assert (env["RUN_ID"], env["PROJECT_NAME"]) == ("first", person.namespace)


def test_an_event_tells_it_too(operator, person):
    person.apply(document(GOOD | {"env": 1}))
    person.becomes("first", "COMPLETED")
    events = wait_for("the Event", lambda: person.items("events", "--field-selector", "reason=NotApplied"))
    assert "did you mean envs?" in json.dumps(events)


def test_kubectl_warns_at_once_where_the_policies_are_installed(person):
    """By a policy of the API server, which refuses nothing: the Run is stored all the same."""
    person.kubectl("apply", "-f", str(REPOSITORY / "manifests" / "components" / "policies" / "fields.yaml"))

    def warned() -> str:
        spec = GOOD | {"env": 1, "nodeSelector": {"a": "b"}, "colour": "red", "replicas": 2, "nothing": None}
        odd = document(spec, suspend=True) | {"metadata": {"generateName": "odd-"}}
        return person.kubectl("create", "-f", "-", stdin=json.dumps(odd)).stderr

    shown = wait_for("the policy", warned)
    assert "spec.spec.env is not used by container+job; did you mean envs?" in shown
    assert "did you mean node_selector?" in shown
    assert "spec.spec.colour is not used by container+job" in shown
    assert "nothing" not in shown
    assert "mean replicas" not in shown
    build = document(
        {"base_image": "x", "image": "y", "dockerfile": "FROM x"}, "container+build:run", suspend=True
    )
    shown = person.kubectl(
        "create", "-f", "-", stdin=json.dumps(build | {"metadata": {"generateName": "odd-"}})
    ).stderr
    others = "container+job, container+serve, container+deploy"
    said = f"spec.spec.image is not used by container+build, only by {others}; did you mean base_image?"
    assert said in shown
    assert "did you mean instructions?" in shown
    clean = json.dumps(document(GOOD, suspend=True))
    assert "Warning" not in person.kubectl("apply", "-f", "-", stdin=clean).stderr
