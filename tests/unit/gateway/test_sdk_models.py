"""What the SDK's own models refuse is left out, and nothing else."""

from __future__ import annotations

import pytest

from run_operator.gateway.sdk_models import ID, readable
from tests.support.builders import sdk_document as document


def test_what_is_left_out_is_named_and_the_rest_stays():
    one = document()
    one["spec"] |= {"envs": [{"name": "A", "value": 1}], "args": ["a"], "unknown": {"kept": 1}, "image": None}
    one["status"]["message"] = "as it was"
    found = readable(one)
    assert found["spec"] == {
        "task": "container+job://p/t",
        "args": ["a"],
        "unknown": {"kept": 1},
        "image": None,
    }
    assert found["status"]["message"] == (
        "as it was; left out, because the SDK cannot read it: spec.envs (kubectl shows it)"
    )
    assert one["spec"]["envs"], "the object's own document is not touched"


def test_what_the_sdk_reads_stays_as_it_is():
    one = document()
    one["spec"] |= {
        "envs": [{"name": "A", "value": "1"}], "replicas": 2, "resources": {"cpu": "500m", "mem": "1Gi", "gpu": 1},
        "volumes": [{"volume_type": "persistent_volume_claim", "name": "v", "mount_path": "/v", "spec": {"size": "1Gi"}}],
        "service_ports": [{"port": 80, "target_port": 8080}], "secrets": ["s"], "source": {"base64": "eA==", "lang": "sh"},
    }  # fmt: skip
    assert readable(one) == one


@pytest.mark.parametrize(
    ("entity_id", "good"),
    [
        ("a-b-1", True),
        ("3f" * 16, True),
        ("A", False),
        ("a--b", False),
        ("-a", False),
        ("a.b", False),
        ("a" * 256, False),
    ],
)
def test_ids_of_the_sdk(entity_id, good):
    assert bool(ID.fullmatch(entity_id)) is good
