"""The pure parts: the end of a text, what goes first, what of a pod is wanted, which node is asked."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from run_operator.children import PodView
from run_operator.kube.errors import ForbiddenError, TransientError
from run_operator.log_archive.kubelet import FAKE, Nodes
from run_operator.log_archive.limits import ArchiveLimits
from run_operator.log_archive.log_store import Entry, beyond
from run_operator.log_archive.selection import chosen, ended
from run_operator.log_archive.tail import SLACK, Tail

texts = st.lists(st.binary(max_size=60) | st.just(b"\n") | st.just(b"x" * 3 * SLACK), max_size=40)


@given(texts, st.integers(1, 2000))
def test_the_end_is_kept_in_bounded_memory_and_begins_with_a_line(pieces, limit):
    tail, text = Tail(limit), b"".join(pieces)
    for piece in pieces:
        tail.add(piece)
        assert len(tail._held) <= 2 * (limit + SLACK) + len(piece)
    kept = tail.text()
    assert text.endswith(kept)
    assert len(kept) >= min(limit, len(text))
    assert len(kept) <= limit + SLACK
    before = text[: len(text) - len(kept)]
    assert before.endswith(b"\n") or not before or b"\n" not in text[-limit - SLACK : -limit]
    assert (tail.bytes, tail.lines) == (len(text), len(text.split(b"\n")) - (text[-1:] in (b"", b"\n")))


entries = st.lists(
    st.builds(Entry, st.just("ml"), st.uuids().map(str), st.just("u"), st.sampled_from("ab"), st.integers(1, 5),
              st.integers(0, 100), st.sampled_from(["2026-01-01", "2026-01-02", "2026-01-03"])), max_size=12
)  # fmt: skip


@given(entries, st.integers(-10, 400), st.none() | st.integers(0, 12))
def test_the_oldest_go_and_no_more_than_have_to(held, limit, most):
    gone = beyond(held, limit, most)
    rest = [entry for entry in held if entry not in gone]
    fits = sum(e.size for e in rest) <= limit and (most is None or len(rest) <= most)
    assert fits or not rest
    assert all(old.created <= new.created for old in gone for new in rest)
    if gone:
        back = [*rest, gone[-1]]
        assert sum(e.size for e in back) > limit or (most is not None and len(back) > most)


def test_an_entry_is_read_from_metadata_alone_and_from_odd_ones_too():
    metadata = {
        "namespace": "ml", "name": "p.main", "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z",
        "labels": {"run-operator.io/run-uid": "r", "run-operator.io/attempt": "2"},
        "annotations": {"run-operator.io/log-size": "77"},
    }  # fmt: skip
    assert Entry.of(metadata) == Entry("ml", "p.main", "u", "r", 2, 77, "2026-01-01T00:00:00Z")
    assert Entry.of({"annotations": {"run-operator.io/log-size": "-7"}, "labels": None}).size == 0


RUNNING = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
WAITING = {"waiting": {"reason": "CrashLoopBackOff"}}
OVER = {"terminated": {"exitCode": 0}}


def a_pod(phase: str, *states: Any, going: bool = False, restarts: int = 0) -> PodView:
    containers = [
        {"name": f"c{number}", "state": state, "restartCount": restarts}
        for number, state in enumerate(states)
    ]
    metadata = {"deletionTimestamp": "2026-01-01T00:00:00Z"} if going else {}
    return PodView.from_object(
        {"metadata": metadata, "status": {"phase": phase, "containerStatuses": containers}}
    )


@pytest.mark.parametrize(
    ("pod", "stopping", "wanted"),
    [
        (a_pod("Running", RUNNING), False, {}),
        (a_pod("Running", OVER, RUNNING), False, {}),  # its log is where the pod is
        (a_pod("Running", RUNNING), True, {"c0": True}),
        (a_pod("Running", RUNNING, OVER, going=True), False, {"c0": True, "c1": False}),
        (a_pod("Succeeded", OVER), False, {"c0": False}),
        (a_pod("Failed", RUNNING), False, {"c0": False}),  # its node is gone
        (a_pod("Pending", WAITING, going=True), True, {}),  # it never ran
        (a_pod("Running", WAITING, going=True, restarts=3), False, {"c0": False}),
        (a_pod("Failed"), False, {}),
    ],
)
def test_what_is_wanted_of_a_pod(pod, stopping, wanted):
    assert {c.container.name: c.follow for c in chosen(pod, stopping=stopping)} == wanted


def test_a_container_has_ended_when_it_or_its_pod_has():
    assert ended(None, "c0")
    assert ended(a_pod("Failed", RUNNING), "c0")
    assert ended(a_pod("Running", OVER, RUNNING), "c0")
    assert not ended(a_pod("Running", OVER, RUNNING), "c1")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def failure(message: str = "dial timeout") -> TransientError:
    return TransientError("get x", 500, message)


def test_a_node_that_does_not_answer_is_asked_less_and_less_often():
    clock, limits = Clock(), ArchiveLimits(first_pause=2, last_pause=10, max_node_failures=3)
    nodes = Nodes(limits, clock)
    pauses = []
    for _ in range(5):
        assert nodes.wait("n") == 0
        nodes.failed("n", failure())
        nodes.failed("n", failure())  # another one that was under way: the same time
        pauses.append(nodes.wait("n"))
        assert bool(nodes.hopeless("n")) == (len(pauses) >= 3)
        clock.now += pauses[-1]
    assert pauses == [2, 4, 8, 10, 10]
    assert nodes.hopeless("n") == ""  # it may be asked again
    nodes.answered("n")
    nodes.failed("n", failure())
    assert (nodes.wait("n"), nodes.wait("other")) == (2, 0)


def test_a_node_without_an_address_is_given_up_at_once_and_a_refusal_is_not_the_nodes_fault():
    nodes = Nodes(ArchiveLimits(last_pause=600), Clock())
    nodes.failed("n", failure(f"{FAKE}; known addresses: []"))
    assert FAKE in nodes.hopeless("n")
    assert nodes.wait("n") == 600
    nodes.failed("m", ForbiddenError("get x", 403, "no"))
    assert nodes.wait("m") == 0


def test_less_is_followed_at_once_where_more_is_kept_of_each():
    small, large = ArchiveLimits(), ArchiveLimits(tail=16_777_216)
    assert (small.follows, large.follows) == (64, 1)
    assert dataclasses.replace(small, tail=1_048_576).follows in range(8, 64)
