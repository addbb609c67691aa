"""Claims that exist already are not what the document asks for now: it is said, with what to do."""

from __future__ import annotations

import pytest

from run_operator.workloads.builder import build
from run_operator.workloads.types import Options
from run_operator.workloads.volumes import TYPES, shortcomings
from tests.support.builders import run

ELSEWHERE = "for a new, empty claim use another name for the volume"
ENLARGE = (
    "if its storage class allows it, enlarge it by kubectl patch pvc hello-data -n ml "
    """-p '{"spec":{"resources":{"requests":{"storage":"4Gi"}}}}'; """
)


def claim(**spec: str) -> dict:
    volume = {
        "volume_type": "persistent_volume_claim",
        "name": "data",
        "mount_path": "/data",
        "spec": spec,
    }
    one = run({"task": "container+job://demo/t", "image": "x", "volumes": [volume]})
    (made,) = build(one, 1, Options()).needs
    return made


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"size": "2Gi"}, []),
        ({"size": "2048Mi"}, []),
        ({"size": "2Gi", "storage_class": "slow"}, []),
        (
            {"size": "4Gi"},
            [f"claim hello-data has 2Gi, the document requests 4Gi: {ENLARGE}{ELSEWHERE}"],
        ),
        (
            {"size": "1Gi"},
            ["claim hello-data has 2Gi, the document requests 1Gi: a claim cannot shrink; " + ELSEWHERE],
        ),
        (
            {"size": "2Gi", "storage_class": "fast"},
            [
                "claim hello-data stays in the storage class slow, the document requests fast: a claim cannot change its storage class; "
                + ELSEWHERE
            ],
        ),
    ],
)
def test_what_a_claim_does_not_have_is_reported_with_what_to_do(wanted, said):
    there = {"spec": {"resources": {"requests": {"storage": "2Gi"}}, "storageClassName": "slow"}}
    assert shortcomings(claim(**wanted), there) == said


def test_an_odd_claim_is_no_mistake_of_ours():
    assert shortcomings(claim(size="2Gi"), {"spec": {"resources": {"requests": None}}}) == []


@pytest.mark.parametrize("volume_type", TYPES)
def test_every_type_is_mounted(volume_type):
    volume = {"volume_type": volume_type, "name": "data", "mount_path": "/data"}
    spec = build(run({"image": "x", "volumes": [volume]}), 1, Options()).child["spec"]["template"]["spec"]
    (mounted,) = [one for one in spec["volumes"] if one["name"] == "data"]
    assert len(mounted) == 2
