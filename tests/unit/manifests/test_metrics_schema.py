"""What metrics write into the status is declared in the CRD: what is not would be dropped without a word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from run_operator.api.policy import MOST_BUDGET, MetricsPolicy
from run_operator.api.run import METRICS_FIELDS
from run_operator.metrics.metric_set import MetricLimits
from run_operator.metrics.protocol import Append, Batch, Put, Replace, Set, Truncate
from run_operator.metrics.run_ledger import RunLedger
from tests.support.crd_files import schema_of

ROOT = Path(__file__).parents[3]
SCHEMA = schema_of("runs")["properties"]
STATUS = SCHEMA["status"]["properties"]


def everything() -> dict:
    """A commit in which every field occurs."""
    ledger = RunLedger("u", {})
    limits = MetricLimits(budget=1024)
    first: list[Any] = [
        Append("loss", [0.1, None, *[0.2] * 300]),
        Put("acc", 1),
        Set("acc", 2, overwrite=False),
    ]
    second: list[Any] = [Truncate("loss", 100), Replace("other", [0.1] * 10), Set("loss", 1, overwrite=False)]
    for seq, ops in enumerate((first, second), start=1):
        ledger.take("a", Batch("a", seq, None, tuple(ops), end=False), 1, limits, 0.0, lambda _: False)
    full = Batch("a", 1, None, (Append("other", [0.1] * 1000), Put("new", 1)), end=True)
    ledger.take("a", full, 2, MetricLimits(budget=1024, fail=True), 0.0, lambda _: False)
    reported = {"fullResolution": "x", "lastCommitTime": "t"}
    commit = ledger.commit("c", MetricLimits(), reported)
    return {op["path"].removeprefix("/status/"): op["value"] for op in commit.operations if op["op"] == "add"}


def test_every_field_that_is_written_is_declared():
    written = everything()
    assert set(written) == METRICS_FIELDS
    infos = STATUS["metricsInfo"]["additionalProperties"]["properties"]
    found = {name for info in written["metricsInfo"].values() for name in info}
    assert found <= set(infos)
    assert {"exact", "rewinds", "refused", "ignored", "firstNonFinite"} <= found
    assert set(written["metricsIngest"]) <= set(STATUS["metricsIngest"]["properties"])
    assert {"lostWriters", "refused", "ended"} <= set(written["metricsIngest"])


def test_maps_of_metrics_are_atomic():
    """Else every metric and every writer would cost an entry of managedFields."""
    assert STATUS["metrics"]["x-kubernetes-map-type"] == "atomic"
    assert STATUS["metricsInfo"]["x-kubernetes-map-type"] == "atomic"
    assert STATUS["metricsIngest"]["properties"]["writers"]["x-kubernetes-map-type"] == "atomic"


def test_the_defaults_of_the_policy_agree():
    declared = SCHEMA["spec"]["properties"]["runPolicy"]["properties"]["metrics"]["properties"]
    chosen = {name: inner["default"] for name, inner in declared.items()}
    assert MetricsPolicy.from_object(chosen) == MetricsPolicy()
    assert MetricsPolicy.from_object({"statusBudget": "9999Ki"}).budget == MOST_BUDGET
    assert MetricsPolicy.from_object({"statusBudget": 2048, "onLimit": "Fail"}) == MetricsPolicy(2048, True)
