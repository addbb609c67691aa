"""An admin's defaults: only where the document says nothing, and as of the Run's first status."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from run_operator.api.policy import DEFAULT_ACTIVE_DEADLINE, PolicyDefaults
from run_operator.engine.namespace_defaults import GOOD_FOR, NamespaceDefaults, with_annotations
from run_operator.kube.errors import TransientError
from run_operator.lifecycle.status_builder import StatusBuilder
from tests.support.builders import NOW, run

WIDE = PolicyDefaults(ttl_after_finished=600, active_deadline=3600)


def test_they_count_where_the_document_says_nothing():
    one = run().with_defaults(WIDE)
    assert (one.policy.ttl_after_finished, one.policy.active_deadline) == (600, 3600)
    other = run(policy={"ttlSecondsAfterFinished": 5, "activeDeadlineSeconds": 7}).with_defaults(WIDE)
    assert (other.policy.ttl_after_finished, other.policy.active_deadline) == (5, 7)
    assert other.defaults == PolicyDefaults()
    assert run().policy.active_deadline == DEFAULT_ACTIVE_DEADLINE


def test_they_are_reported_in_the_status_and_stay():
    status = StatusBuilder(run().with_defaults(WIDE), NOW).current
    assert status["policyDefaults"] == {"ttlSecondsAfterFinished": 600, "activeDeadlineSeconds": 3600}
    later = run(status=status)
    assert (later.policy.ttl_after_finished, later.policy.active_deadline) == (600, 3600)
    edited = run(status=status, policy={"ttlSecondsAfterFinished": 5})
    assert edited.policy.ttl_after_finished == 5
    assert StatusBuilder(edited, NOW).current["policyDefaults"] == {"activeDeadlineSeconds": 3600}
    assert "policyDefaults" not in StatusBuilder(run(), NOW).current


def annotated(**values: str) -> dict[str, Any]:
    return {
        "metadata": {
            "annotations": {f"run-operator.io/default-{key}": value for key, value in values.items()}
        }
    }


def test_an_annotation_of_the_namespace_wins(caplog):
    raw = annotated(**{"ttl-seconds": "60", "active-deadline-seconds": "0"})
    assert with_annotations(WIDE, "ml", raw) == PolicyDefaults(60, None)
    assert with_annotations(WIDE, "ml", {}) == WIDE
    with caplog.at_level(logging.WARNING):
        assert with_annotations(WIDE, "ml", annotated(**{"ttl-seconds": "1h"})) == WIDE
    assert "1h is not a number of seconds" in caplog.text


class Api:
    """Has one namespace, and breaks on demand."""

    def __init__(self) -> None:
        self.asked = 0
        self.broken = False

    async def get(self, *_: object) -> dict[str, Any]:
        self.asked += 1
        if self.broken:
            raise TransientError("namespace ml", 0, "no answer")
        return annotated(**{"ttl-seconds": "60"})


def test_a_namespace_is_read_once_a_minute_and_what_was_known_counts_when_it_cannot_be():
    api, now = Api(), [0.0]
    defaults = NamespaceDefaults(api, WIDE, lambda: now[0])  # type: ignore[arg-type]

    def of() -> PolicyDefaults:
        return asyncio.run(defaults.of("ml"))

    assert (of(), of(), api.asked) == (PolicyDefaults(60, 3600), PolicyDefaults(60, 3600), 1)
    api.broken = True
    now[0] = GOOD_FOR
    assert (of(), api.asked) == (PolicyDefaults(60, 3600), 2)
    assert asyncio.run(NamespaceDefaults(api, WIDE).of("other")) == WIDE  # type: ignore[arg-type]


@pytest.mark.parametrize("value", ["-1", "1.5", "99999999999999"])
def test_what_is_no_number_of_seconds_is_left_out(value):
    assert with_annotations(WIDE, "ml", annotated(**{"ttl-seconds": value})) == WIDE
