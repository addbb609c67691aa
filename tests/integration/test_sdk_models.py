"""The SDK's own models, of both lines: odd values that break no list, and exports that lose nothing between the lines."""

from __future__ import annotations

import copy
import json
import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from run_operator.api.exported import manifest, of_object
from run_operator.document.entity import parse
from run_operator.document.yaml_reader import Parsed
from run_operator.gateway.sdk_models import readable
from tests.support.builders import sdk_document as document
from tests.support.gateway_process import LINES
from tests.support.line_documents import written

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


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("C",)), min_size=1, max_size=8)
NUMBERS = st.integers(1, 9)
SPEC = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("function", "workflow", "image", "base_image", "command", "profile", "service_name"), TEXTS),
        **dict.fromkeys(("replicas", "run_as_user", "run_as_group", "fs_group"), NUMBERS),
        **dict.fromkeys(("args", "secrets", "instructions"), st.lists(TEXTS, min_size=1, max_size=3)),
        "envs": st.lists(st.fixed_dictionaries({"name": TEXTS, "value": TEXTS}), min_size=1, max_size=3),
        "resources": st.fixed_dictionaries({"cpu": st.just("500m")}, optional={"mem": st.just("1Gi"), "gpu": NUMBERS}),
        "service_ports": st.lists(st.fixed_dictionaries({"port": NUMBERS, "target_port": NUMBERS}), min_size=1, max_size=2),
        "service_type": st.sampled_from(["ClusterIP", "NodePort", "LoadBalancer"]),
        "source": st.fixed_dictionaries({"base64": st.just("eA==")}, optional={"lang": TEXTS, "handler": TEXTS}),
        "volumes": st.lists(
            st.fixed_dictionaries(
                {"volume_type": st.just("persistent_volume_claim"), "name": TEXTS, "mount_path": st.just("/data")},
                optional={"spec": st.just({"size": "1Gi"})},
            ),
            min_size=1,
            max_size=2,
        ),
    },
)  # fmt: skip
METADATA = st.fixed_dictionaries(
    {"name": TEXTS, "created": st.just("2026-11-29T10:00:00.000001+00:00")},
    optional={
        "version": TEXTS,
        "description": TEXTS,
        "labels": st.lists(TEXTS, min_size=1, max_size=3, unique=True),
        "relationships": st.lists(
            st.fixed_dictionaries({"type": st.just("consumes"), "dest": TEXTS}), min_size=1, max_size=2
        ),
        "created_by": TEXTS,
    },
)
UNKNOWN = st.dictionaries(
    st.sampled_from(["coming_soon", "x-y"]), st.recursive(NUMBERS, st.lists, max_leaves=4), max_size=2
)
RUNS = st.lists(
    st.tuples(st.sampled_from(["job", "serve", "build"]), SPEC, METADATA, UNKNOWN), min_size=30, max_size=30
)


def through_kubectl(exported: dict) -> dict:
    """What an export is after `runctl manifest | kubectl apply` and an export from the cluster."""
    applied = manifest(parse(Parsed(copy.deepcopy(exported), {})), namespace="p")
    return of_object(json.loads(json.dumps(applied)))


@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(RUNS)
@pytest.mark.parametrize(("first", "second"), [("0.15", "0.16"), ("0.16", "0.15")])
def test_an_export_of_one_line_loses_nothing_on_its_way_through_the_cluster_to_the_other(first, second, runs):
    made = []
    for action, spec, metadata, _ in runs:
        one = document(f"container+{action}:run")
        one["spec"] |= spec
        one["metadata"] |= metadata
        made.append(one)
    exported = written(first, made)
    for one, (_, _, _, unknown) in zip(exported, runs, strict=True):
        one["spec"] |= unknown  # as an export of a later version has
        one["metadata"] |= unknown
    applied = [through_kubectl(one) for one in exported]
    for before, after in zip(exported, applied, strict=True):
        assert {key: after[key] for key in ("kind", "id", "project", "spec", "metadata", "extensions")} == {
            key: before[key] for key in ("kind", "id", "project", "spec", "metadata", "extensions")
        }
    for before, after in zip(exported, written(second, [readable(one) for one in applied]), strict=True):
        known = {key: value for key, value in before["spec"].items() if key not in ("coming_soon", "x-y")}
        assert after["spec"] == known, "what the SDK itself does not know it leaves out"
        for key, value in before["metadata"].items():
            assert after["metadata"][key] == value
        assert (after["id"], after["kind"], after["project"]) == (
            before["id"],
            before["kind"],
            before["project"],
        )
