"""A key that is not used gets a sentence with the right word; what the platform writes gets none."""

from __future__ import annotations

import re
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from run_operator.document import known_fields
from run_operator.document.entity import load
from run_operator.document.errors import InvalidKindError
from run_operator.document.kinds import EntityType, of_run
from run_operator.document.known_fields import HINTS, RESOURCES, USED, right_word, unused
from run_operator.workloads.builder import SUPPORTED
from tests.support import fields_policy
from tests.support.crd_files import schema_of

ROOT = Path(__file__).parents[3]
EXPORTS = sorted((ROOT / "tests" / "data" / "exports").glob("*.yaml"))
DECLARED: dict[str, Any] = schema_of("runs")["properties"]["spec"]["properties"]["spec"]["properties"]


def volume(**entry: Any) -> dict[str, Any]:
    return {"volumes": [{"volume_type": "persistent_volume_claim", "name": "a", "mount_path": "/a", **entry}]}


@pytest.mark.parametrize(
    ("spec", "path", "meant"),
    [
        ({"env": [{"name": "A"}]}, "env", "envs"),
        ({"imge": "x"}, "imge", "image"),
        ({"Image": "x"}, "Image", "image"),
        ({"comand": "x"}, "comand", "command"),
        ({"volume": [1]}, "volume", "volumes"),
        ({"parameters": {"lr": 1}}, "parameters", "envs or args"),
        ({"volumeMounts": [1]}, "volumeMounts", "volumes"),
        ({"imagePullPolicy": "Always"}, "imagePullPolicy", "image_pull_policy"),
        ({"nodeSelector": {"a": "b"}}, "nodeSelector", "node_selector"),
        ({"containers": [1]}, "containers", "image, command and args beside each other, without a list of containers"),
        ({"memory": "1Gi"}, "memory", "resources.mem"),
        ({"suspend": True}, "suspend", "spec.suspend"),
        ({"backoff_limit": 3}, "backoff_limit", "spec.runPolicy.backoffLimit"),
        ({"envs": [{"name": "A", "valueFrom": {"x": 1}}]}, "envs[0].valueFrom", "secrets"),
        ({"source": {"filename": "a"}}, "source.filename", "source"),
        (volume(mountPath="/x"), "volumes[0].mountPath", "mount_path"),
        (volume(size="1Gi"), "volumes[0].size", "spec.size"),
        (volume(spec={"storageClassName": "fast"}), "volumes[0].spec.storageClassName", "storage_class"),
        (volume(volume_type="empty_dir", spec={"size": "1Gi"}), "volumes[0].spec.size", "size_limit"),
        (volume(volume_type="shared_volume", spec={"claim_name": "c"}), "volumes[0].spec.claim_name", "claimName"),
    ],
)  # fmt: skip
def test_the_right_word_is_named(spec, path, meant):
    (warnings,) = unused("container+job", {"image": "x", **spec})
    assert warnings.startswith(f"spec.spec.{path} is not used by ")
    assert warnings.endswith(f"; did you mean {meant}?")


def test_a_field_of_another_kind_says_whose_it_is():
    (warnings,) = unused("container+job", {"replicas": 2})
    assert (
        warnings
        == "spec.spec.replicas is not used by container+job, only by container+serve, container+deploy"
    )
    assert unused("container+serve", {"replicas": 2}) == []


@pytest.mark.parametrize("key", ["protocol", "name", "node_port"])
def test_a_field_of_a_part_says_so_too(key):
    ports = [{"port": 80, "target_port": 8080, key: "x"}]
    assert unused("container+serve", {"service_ports": ports}) == [
        f"spec.spec.service_ports[0].{key} is not used by service_ports"
    ]


def test_no_guess_is_better_than_a_wild_one():
    assert unused("container+job", {"colour": "red"}) == ["spec.spec.colour is not used by container+job"]


@pytest.mark.parametrize("nothing", [None, "", [], {}])
def test_what_says_nothing_is_no_mistake(nothing):
    assert unused("container+job", {"env": nothing, **volume(size=nothing)}) == []


def test_of_many_the_first_are_named():
    warnings = unused("container+job", {f"x{i}": 1 for i in range(13)})
    assert (len(warnings), warnings[-1]) == (11, "and 3 more")


def test_of_a_kind_with_other_fields_nothing_is_said():
    assert unused("kubeai-text+serve", {"env": {"A": "b"}, "files": [1]}) == []


@pytest.mark.parametrize("path", EXPORTS, ids=lambda path: path.stem)
def test_an_export_of_the_platform_is_clean(path):
    entity = load(path.read_bytes())
    if entity.type is EntityType.RUN:
        kind = of_run(entity.kind, entity.document["spec"].get("task"))
        assert unused(kind.label, entity.document["spec"]) == []


def test_every_kind_that_can_be_built_says_what_it_uses():
    assert set(SUPPORTED) == set(USED)


def test_every_field_that_is_used_is_declared_in_the_schema():
    assert set().union(*USED.values()) <= set(DECLARED)
    volume_type = DECLARED["volumes"]["items"]["properties"]
    assert set(volume_type) == known_fields.VOLUME
    taken = set().union(*known_fields.VOLUME_SPEC.values())
    assert set(volume_type["spec"]["properties"]) == taken - {"sizeLimit", "storageClass"}
    assert set(DECLARED["resources"]["properties"]) == set(RESOURCES)
    assert set(DECLARED["source"]["properties"]) == known_fields.SOURCE - {"init_function"}
    for name, known in (("envs", known_fields.VARIABLE), ("service_ports", known_fields.PORT)):
        assert set(DECLARED[name]["items"]["properties"]) == known


@pytest.mark.parametrize(
    ("kind", "key", "meant"),
    [
        ("python+job", "params", "parameters"),
        ("python+job", "args", "parameters"),
        ("python+serve", "init_function", "source.init_function"),
        ("python+job", "command", "source.handler"),
        ("container+job", "params", "envs or args"),
        ("container+job", "restartPolicy", "spec.runPolicy.backoffLimit"),
        ("container+build", "dockerfile", "instructions"),
        ("container+build", "from", "base_image"),
        ("container+build", "image", "base_image"),
        ("container+build", "requirements", "a RUN line in instructions"),
    ],
)
def test_a_kind_has_right_words_of_its_own(kind, key, meant):
    (sentence,) = unused(kind, {key: "x"})
    assert sentence.startswith(f"spec.spec.{key} is not used by {kind}")
    assert sentence.endswith(f"; did you mean {meant}?")


def test_a_field_of_another_kind_alone_is_told_without_a_word_that_is_not_better():
    assert unused("container+job", {"replicas": 2}) == [
        "spec.spec.replicas is not used by container+job, only by container+serve, container+deploy"
    ]


def test_hints_are_written_as_they_are_looked_up():
    for place, hints in HINTS.items():
        for word in hints:
            assert word == word.lower()
            assert "_" not in word
            assert right_word(word, (), place) == f"; did you mean {hints[word]}?"


def test_every_path_in_a_sentence_can_be_copied():
    warnings = unused("container+job", {"env": 1, **volume(size="1")})
    assert all(re.match(r"spec\.spec\.[\w.\[\]]+ is not used", one) for one in warnings)


def test_the_policy_of_the_cluster_knows_the_same_fields():
    assert fields_policy.FILE.read_text() == fields_policy.text(), "make docs"


@pytest.mark.parametrize(
    "spec",
    [
        {f"imag{number}": 1 for number in range(2000)},
        {"source": {f"cod{number}": 1 for number in range(2000)}},
        {"envs": [{"nam": 1}] * 2000},
        {"volumes": [{"volume_type": "empty_dir", "spec": {"siz": 1}}] * 2000},
    ],
)
def test_a_document_with_any_number_of_wrong_keys_costs_ten_searches(spec, monkeypatch):
    """A search takes 0.1 ms, in the process that all namespaces share."""
    searched = []
    monkeypatch.setattr("difflib.get_close_matches", lambda *key, **_: searched.append(key) or [])
    sentences = unused("container+job", {"image": "x", **spec})
    assert len(searched) == known_fields.MAX_SENTENCES
    assert sentences[-1] == "and 1990 more"


def test_of_a_key_of_a_megabyte_its_beginning_is_searched(monkeypatch):
    searched = []
    monkeypatch.setattr("difflib.get_close_matches", lambda key, *_, **__: searched.append(key) or [])
    unused("container+job", {"image": "x", "k" * 1_000_000: 1})
    assert [len(key) for key in searched] == [known_fields.MAX_KEY]


def test_of_references_of_a_megabyte_nothing_is_remembered():
    tracemalloc.start()
    try:
        for number in range(20):
            assert (
                of_run("container+run", f"container+job://{number}" + "x" * 1_000_000).label
                == "container+job"
            )
        assert tracemalloc.get_traced_memory()[0] < 1_000_000
        with pytest.raises(InvalidKindError, match="at most 256 characters"):
            of_run(f"container+{'x' * 300}:run", None)
    finally:
        tracemalloc.stop()
