"""Every field of the SDK's own models with something odd in it: what the gateway answers both lines can read."""

from __future__ import annotations

import json
import subprocess

from run_operator.gateway.sdk_models import readable
from tests.support.gateway_process import LINES

ODD = [
    1, 1.5, True, "odd text", "7", ["x"], [1], {"a": 1}, [{"name": 1}], [{"name": "a", "value": "b"}], "", "-1",
    [{"port": 80, "target_port": "x"}], [{"port": 80, "target_port": 8080}], {"cpu": "1", "mem": "x"}, {"cpu": "1", "mem": 2},
    [{"volume_type": "empty_dir", "name": "a", "mount_path": "/a", "spec": {"size_limit": 1}}], [None], {"source": 1},
    [{"volume_type": "odd", "name": "a", "mount_path": "/a"}], [{"type": "consumes", "dest": "d"}], {"code": "x"},
]  # fmt: skip
FIELDS = {
    "spec": (
        "volumes", "resources", "envs", "secrets", "profile", "function", "workflow", "task", "args", "source", "image",
        "base_image", "image_pull_policy", "command", "replicas", "service_ports", "service_type", "service_name",
        "instructions", "run_as_user", "run_as_group", "fs_group", "unknown",
    ),
    "metadata": ("relationships", "labels", "description", "version", "created", "unknown"),
    "status": ("message", "transitions", "metrics", "outputs", "results", "unknown"),
}  # fmt: skip
READER = """
import json, sys, warnings
warnings.simplefilter("ignore")
from digitalhub.factory.entity import entity_factory
def refused(document):
    try:
        entity_factory.build_entity_from_dict(document)
    except Exception as error:
        return type(error).__name__
print(json.dumps([refused(one) for one in json.load(sys.stdin)]))
"""


def document(kind: str = "container+job:run") -> dict:
    task = kind.removesuffix(":run")
    return {
        "kind": kind, "id": "x", "project": "p", "name": "x", "key": f"store://p/run/{kind}/x", "user": "u", "extensions": [],
        "metadata": {"project": "p", "name": "x"}, "spec": {"task": f"{task}://p/t"}, "status": {"state": "RUNNING"},
    }  # fmt: skip


def odd_documents() -> list[dict]:
    found = []
    for kind in ("container+job:run", "container+serve:run", "container+build:run"):
        for part, fields in FIELDS.items():
            for field in fields:
                for value in ODD:
                    one = document(kind)
                    one[part][field] = value
                    found.append(one)
    for part in ("metadata", "spec", "status", "extensions"):
        found += [document() | {part: value} for value in ODD]
    return found


def test_whatever_a_field_holds_the_sdk_can_read_the_answer(line):
    documents = [readable(one) for one in odd_documents()]
    done = subprocess.run(
        [LINES[line], "-c", READER], input=json.dumps(documents), capture_output=True, text=True, check=True, timeout=100,
        env={"DHCORE_ENDPOINT": "http://127.0.0.1:1"},
    )  # fmt: skip
    refused = {
        f"{json.dumps({part: one[part] for part in ('spec', 'metadata', 'extensions')})}: {why}"
        for one, why in zip(documents, json.loads(done.stdout), strict=True)
        if why
    }
    assert not refused
