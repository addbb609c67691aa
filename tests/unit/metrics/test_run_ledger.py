"""Exactly once: batches taken in order, commits that follow each other, whatever is lost or repeated between."""

from __future__ import annotations

import copy
import json
from itertools import count
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from run_operator.metrics.metric_set import MetricLimits
from run_operator.metrics.protocol import (
    Append,
    Batch,
    ClosedError,
    CrowdedError,
    GapError,
    Put,
    UnacceptableError,
)
from run_operator.metrics.run_ledger import RunLedger
from run_operator.metrics.watermarks import MAX_WRITERS
from tests.support.examples import examples

LIMITS = MetricLimits()


def batch(seq: int | None, *values: float, end: bool = False) -> Batch:
    ops = (Append("loss", list(values)),) if values else ()
    return Batch("w", seq, None, ops, end)


def take(ledger: RunLedger, writer: str, one: Batch, attempt: int = 1, gone=lambda _: False):
    return ledger.take(writer, one, attempt, LIMITS, 0.0, gone)


class Cluster:
    """One Run's status, and the API server's way with a JSON patch."""

    def __init__(self) -> None:
        self.object: dict[str, Any] = {"metadata": {"uid": "u"}, "status": {}}

    def ledger(self) -> RunLedger:
        return RunLedger("u", copy.deepcopy(self.object["status"]))

    def patch(self, operations: list[dict]) -> bool:
        """Whether it was applied."""
        changed = copy.deepcopy(self.object)
        for op in operations:
            *parents, leaf = op["path"].lstrip("/").split("/")
            at: Any = changed
            for parent in parents:
                at = at.get(parent)
                if at is None:
                    return False
            if op["op"] == "test" and at.get(leaf) != op["value"]:
                return False
            if op["op"] == "add" and isinstance(at, list):
                assert leaf == "-"
                at.append(json.loads(json.dumps(op["value"])))
            elif op["op"] == "add":
                at[leaf] = json.loads(json.dumps(op["value"]))
        self.object = changed
        return True

    @property
    def status(self) -> dict:
        return self.object["status"]


def committed(ledger: RunLedger, cluster: Cluster, name: str = "c1") -> None:
    commit = ledger.commit(name, LIMITS, {})
    assert cluster.patch(commit.operations)
    ledger.landed(commit, 0.0)


def test_what_landed_is_not_sent_again_and_what_is_in_doubt_is():
    cluster = Cluster()
    ledger = cluster.ledger()
    take(ledger, "w", batch(1, *[0.5] * 100))
    committed(ledger, cluster)
    take(ledger, "w", batch(2, 1.5))
    more = {"op": "add", "path": "/status/metrics/loss/-", "value": 1.5}
    assert more in ledger.commit("c2", LIMITS, {}).operations
    assert more in ledger.commit("c3", LIMITS, {}).operations, "the answer to c2 never came"
    take(again := cluster.ledger(), "w", batch(2, 1.5))
    paths = [op["path"] for op in again.commit("c2", LIMITS, {}).operations]
    assert "/status/metrics" in paths, "another ledger does not know what is there for certain"


def test_a_batch_is_taken_once_and_committed_once():
    cluster = Cluster()
    ledger = cluster.ledger()
    first = take(ledger, "w", batch(1, 0.5))
    assert (first.accepted, first.committed, first.settled) == (1, 0, False)
    again = take(ledger, "w", batch(1, 0.5))
    assert (again.accepted, again.settled) == (1, False)
    committed(ledger, cluster)
    reported = take(ledger, "w", batch(1, 0.5))
    assert (reported.committed, reported.settled) == (1, True)
    assert cluster.status["metrics"] == {"loss": [0.5]}
    assert cluster.status["metricsIngest"]["writers"] == {"w": 1}
    assert ledger.dirty_since is None


def test_a_gap_names_the_batch_that_is_expected():
    ledger = Cluster().ledger()
    with pytest.raises(GapError) as caught:
        take(ledger, "w", batch(3, 1))
    assert caught.value.more == {"expected": 1}
    assert ledger.dirty_since is None


def test_a_refused_batch_does_not_use_up_its_number():
    ledger = Cluster().ledger()
    limits = MetricLimits(budget=1024)
    bad = Batch("w", 1, None, tuple(Put(f"{i}" * 50, 1) for i in range(10, 40)), end=False)
    with pytest.raises(UnacceptableError):
        ledger.take("w", bad, 1, limits, 0.0, lambda _: False)
    assert take(ledger, "w", batch(None)).accepted == 0
    assert take(ledger, "w", batch(1, 0.5)).accepted == 1


def test_what_is_taken_while_a_commit_is_under_way_is_not_in_it():
    cluster = Cluster()
    ledger = cluster.ledger()
    take(ledger, "w", batch(1, 1))
    commit = ledger.commit("c1", LIMITS, {})
    take(ledger, "w", batch(2, 2))
    assert cluster.patch(commit.operations)
    ledger.landed(commit, 7.0)
    assert cluster.status["metrics"] == {"loss": [1]}
    receipt = take(ledger, "w", batch(None))
    assert (receipt.accepted, receipt.committed) == (2, 1)
    assert ledger.dirty_since == 7.0


def test_of_two_replicas_one_wins_and_the_other_begins_again():
    cluster = Cluster()
    one, two = cluster.ledger(), cluster.ledger()
    take(one, "a", batch(1, 1))
    take(two, "b", batch(1, 2))
    assert cluster.patch(one.commit("c1", LIMITS, {}).operations)
    assert not cluster.patch(two.commit("c2", LIMITS, {}).operations)
    two = cluster.ledger()
    take(two, "b", batch(1, 2))
    committed(two, cluster, "c3")
    assert cluster.status["metrics"] == {"loss": [1, 2]}
    assert cluster.status["metricsIngest"]["writers"] == {"a": 1, "b": 1}


def test_a_run_that_was_recreated_under_its_name_takes_no_commit_of_the_old_one():
    cluster = Cluster()
    ledger = cluster.ledger()
    take(ledger, "w", batch(1, 1))
    cluster.object["metadata"]["uid"] = "another"
    assert not cluster.patch(ledger.commit("c1", LIMITS, {}).operations)


def test_the_next_attempt_drops_the_writers_of_the_last_and_refuses_them():
    cluster = Cluster()
    ledger = cluster.ledger()
    take(ledger, "a", batch(1, 1, end=True))
    take(ledger, "b", batch(1, 2))
    take(ledger, "c", batch(1, 3), attempt=2)
    committed(ledger, cluster)
    ingest = cluster.status["metricsIngest"]
    assert (ingest["writers"], ingest["attempt"], ingest["lostWriters"]) == ({"c": 1}, 2, 1)
    for one in (ledger, cluster.ledger()):
        with pytest.raises(ClosedError, match="attempt 1 has ended"):
            take(one, "b", batch(2, 9), attempt=1)


def test_goodbyes_are_remembered_over_a_restart():
    cluster = Cluster()
    ledger = cluster.ledger()
    take(ledger, "a", batch(1, 1, end=True))
    take(ledger, "b", batch(1, 2))
    assert ledger.open_writers == 1
    committed(ledger, cluster)
    assert cluster.ledger().open_writers == 1


class TestManyWriters:
    def full(self, cluster: Cluster, *, end: bool) -> RunLedger:
        ledger = cluster.ledger()
        for number in range(MAX_WRITERS):
            take(ledger, f"pod-{number}/w", batch(1, 1, end=end))
        return ledger

    def test_one_too_many_is_asked_to_wait_and_changes_nothing(self):
        ledger = self.full(Cluster(), end=False)
        with pytest.raises(CrowdedError):
            take(ledger, "more", batch(1, 1))
        assert ledger.metric_set.metrics["loss"].count == MAX_WRITERS

    def test_one_that_said_goodbye_makes_room_once_it_is_in_the_cluster(self):
        cluster = Cluster()
        ledger = self.full(cluster, end=True)
        with pytest.raises(CrowdedError):
            take(ledger, "more", batch(1, 1))
        committed(ledger, cluster)
        take(ledger, "more", batch(1, 1))
        committed(ledger, cluster, "c2")
        assert len(cluster.status["metricsIngest"]["writers"]) == MAX_WRITERS
        assert "lostWriters" not in cluster.status["metricsIngest"]

    def test_one_whose_pod_is_gone_makes_room_and_is_counted_as_lost(self):
        cluster = Cluster()
        ledger = self.full(cluster, end=False)
        take(ledger, "more", batch(1, 1), gone=lambda name: name.startswith("pod-7/"))
        committed(ledger, cluster)
        ingest = cluster.status["metricsIngest"]
        assert "pod-7/w" not in ingest["writers"]
        assert ingest["lostWriters"] == 1


def test_a_run_too_large_for_the_api_server_makes_do_with_less():
    ledger = Cluster().ledger()
    take(ledger, "w", batch(1, *[0.123456789] * 3000))
    assert ledger.too_large()
    assert ledger.commit("c", LIMITS, {}).size <= LIMITS.budget // 2
    assert any(not ledger.too_large() for _ in range(20))


class ExactlyOnce(RuleBasedStateMachine):
    """Writers that resend, two replicas that forget, commits whose answers are lost: each value once, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.cluster = Cluster()
        self.replicas: list[RunLedger | None] = [None, None]
        self.sent = {"a": [], "b": []}
        self.pending: list = [None, None]
        self.names = count()

    def replica(self, at: int) -> RunLedger:
        ledger = self.replicas[at]
        if ledger is None:
            ledger = self.replicas[at] = self.cluster.ledger()
        return ledger

    @rule(writer=st.sampled_from("ab"))
    def log(self, writer):
        self.sent[writer].append(len(self.sent[writer]) + 1)

    @rule(writer=st.sampled_from("ab"), at=st.sampled_from([0, 1]), back=st.integers(0, 3))
    def send(self, writer, at, back):
        """From what the replica says it has; sometimes values again that were sent before."""
        ledger = self.replica(at)
        accepted = take(ledger, writer, Batch("w", None, None, (), end=False)).accepted
        seq = max(1, accepted + 1 - back)
        if seq <= len(self.sent[writer]):
            op = Append(writer, [self.sent[writer][seq - 1]])
            take(ledger, writer, Batch("w", seq, None, (op,), end=False))

    @precondition(lambda self: any(self.replicas))
    @rule(at=st.sampled_from([0, 1]), answer=st.sampled_from(["ok", "lost", "never arrives", "late"]))
    def commit(self, at, answer):
        ledger = self.replicas[at]
        if ledger is None or ledger.dirty_since is None:
            return
        commit = ledger.commit(f"c{next(self.names)}", LIMITS, {})
        if answer == "late":
            self.pending[at] = commit.operations
        applied = answer in ("ok", "lost") and self.cluster.patch(commit.operations)
        if answer == "ok" and applied:
            ledger.landed(commit, 0.0)
            return
        there = (self.cluster.status.get("metricsIngest") or {}).get("commitId")
        if there == commit.commit_id:
            ledger.landed(commit, 0.0)
        elif there != ledger.commit_id:
            self.replicas[at] = None

    @rule(at=st.sampled_from([0, 1]))
    def a_patch_that_was_given_up_lands_after_all(self, at):
        if self.pending[at] is not None:
            self.cluster.patch(self.pending[at])
            self.pending[at] = None

    @rule(at=st.sampled_from([0, 1]))
    def kill(self, at):
        self.replicas[at] = None

    @invariant()
    def each_value_is_there_once_and_in_order(self):
        writers = (self.cluster.status.get("metricsIngest") or {}).get("writers", {})
        for writer, seq in writers.items():
            assert self.cluster.status["metrics"][writer] == self.sent[writer][:seq]


TestExactlyOnce = ExactlyOnce.TestCase
TestExactlyOnce.settings = settings(max_examples=examples(150), stateful_step_count=40, deadline=None)
