"""Whose metrics are committed next: namespaces share the bytes, and nobody jumps the queue by saying that it ends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from run_operator.api.run import Key, Run
from run_operator.ingest.commit_queue import CommitQueue
from run_operator.ingest.limits import Pace
from run_operator.ingest.sessions import Session
from run_operator.metrics.run_ledger import RunLedger
from tests.support.builders import run


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Runs:
    """Every Run runs."""

    def run(self, key: Key) -> Run:
        return replace(run(status={"state": "RUNNING"}), namespace=key.namespace, name=key.name)


def entries(namespace: str, count: int) -> list[Session]:
    names = [f"{namespace}-{number}" for number in range(count)]
    return [Session(Key(namespace, name), RunLedger(name, {}), 900_000, 0.0) for name in names]


def turns() -> tuple[CommitQueue, Clock]:
    clock, directory = Clock(), Runs()
    anything: Any = directory
    return CommitQueue(anything, Pace(), clock), clock


def served(line: CommitQueue, clock: Clock, commits: int, size: dict[str, int]) -> list[str]:
    """The namespaces of so many commits; each of them has more to commit at once."""
    found = []
    for _ in range(commits):
        entry, wait = line.next()
        while entry is None:
            assert wait is not None
            clock.now += wait
            entry, wait = line.next()
        entry.committing = True
        line.begun(entry)
        line.charge(entry, size[entry.key.namespace])
        found.append(entry.key.namespace)
        entry.committed_at, entry.committing = clock.now, False
        clock.now += size[entry.key.namespace] / 1_048_576
        line.again(entry)
    return found


def test_a_namespace_with_few_bytes_waits_for_one_commit_of_a_flood():
    line, clock = turns()
    for entry in entries("flood", 20):
        line.add(entry)
    clock.now += 10
    served(line, clock, 3, {"flood": 900_000})
    (victim,) = entries("victim", 1)
    line.add(victim)
    assert "victim" in served(line, clock, 2, {"flood": 900_000, "victim": 2_000})


def test_two_floods_share_the_bytes_also_when_one_has_more_runs():
    line, clock = turns()
    for entry in [*entries("many", 30), *entries("few", 10)]:
        line.add(entry)
    clock.now += 10
    found = served(line, clock, 20, {"many": 900_000, "few": 900_000})
    assert found.count("many") == found.count("few") == 10


def test_programs_that_say_in_every_batch_that_they_end_are_hurried_once():
    line, clock = turns()
    (flood,) = entries("flood", 1)
    flood.ledger = _Ending("flood-0", {})
    line.add(flood)
    moments = []
    for _ in range(3):
        served(line, clock, 1, {"flood": 1})
        moments.append(clock.now)
    first, second, third = moments
    assert second - first >= Pace().interval
    assert third - second >= Pace().interval


class _Ending(RunLedger):
    @property
    def ending(self) -> bool:
        return True
