"""Leader election: never two leaders that may write, and somebody leads again soon after a leader is gone."""

from __future__ import annotations

import copy
import threading
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from run_operator.kube.lease import (
    DURATION,
    MARGIN,
    Election,
    Elector,
    LeaseConflictError,
    LeaseUnavailableError,
)
from tests.support.examples import examples


@dataclass
class Server:
    """The Lease as an API server holds it."""

    lease: dict | None = None
    version: int = 0
    down: bool = False
    writes: list[str] = field(default_factory=list)

    def read(self):
        if self.down:
            raise LeaseUnavailableError("no answer")
        return copy.deepcopy(self.lease)

    def write(self, lease):
        if self.down:
            raise LeaseUnavailableError("no answer")
        expected = (self.lease or {}).get("metadata", {}).get("resourceVersion")
        if lease["metadata"].get("resourceVersion") != expected:
            raise LeaseConflictError("run-operator")
        self.version += 1
        self.lease = copy.deepcopy(lease)
        self.lease["metadata"]["resourceVersion"] = str(self.version)
        self.writes.append(lease["spec"]["holderIdentity"])


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def election(server: Server, name: str, clock: Clock) -> Election:
    return Election(server, "run-operator", name, clock, lambda: 1.7e9 + clock.now)


def test_the_first_replica_leads_and_the_second_waits():
    server, clock = Server(), Clock()
    a, b = election(server, "a", clock), election(server, "b", clock)
    a.step()
    b.step()
    assert (a.leading, b.leading) == (True, False)
    assert a.allowance() == DURATION - MARGIN
    assert b.allowance() == 0.0


def test_a_released_lease_is_taken_at_the_next_look():
    server, clock = Server(), Clock()
    a, b = election(server, "a", clock), election(server, "b", clock)
    a.step()
    b.step()
    a.release()
    assert a.allowance() <= 0
    b.step()
    assert b.leading
    assert server.lease["spec"]["leaseTransitions"] == 2


def test_a_leader_that_is_gone_is_replaced_after_the_duration_on_the_clock_of_the_other():
    server, clock = Server(), Clock()
    a, b = election(server, "a", clock), election(server, "b", clock)
    a.step()
    b.step()
    clock.now += DURATION - 0.1
    b.step()
    assert not b.leading
    clock.now += 0.2
    b.step()
    assert b.leading


def test_a_frozen_leader_may_not_write_when_it_wakes_and_ends_when_it_sees_the_other():
    server, clock = Server(), Clock()
    a, b = election(server, "a", clock), election(server, "b", clock)
    a.step()
    b.step()
    clock.now += 30  # frozen: its clock goes on, its steps do not
    assert a.allowance() < 0
    b.step()
    a.step()
    assert (a.lost, b.leading) == (True, True)
    a.step()
    assert server.writes == ["a", "b"]


def test_an_api_server_that_does_not_answer_fences_the_leader_and_nobody_replaces_it():
    server, clock = Server(), Clock()
    a, b = election(server, "a", clock), election(server, "b", clock)
    a.step()
    b.step()
    server.down = True
    for _ in range(20):
        clock.now += 1
        a.step()
        b.step()
    assert a.allowance() < 0
    assert not b.leading
    server.down = False
    a.step()
    assert a.allowance() > 0
    assert not a.lost


def test_of_two_that_take_it_at_once_one_leads():
    server, clock = Server(), Clock()
    a, b = election(server, "a", clock), election(server, "b", clock)
    read = server.read()
    a.step()
    server.read = lambda: read  # b read before a wrote
    b.step()
    assert (a.leading, b.leading) == (True, False)


EVENTS = st.sampled_from(["a", "b", "c", "release a", "release b", "wait", "wait long", "down", "up"])


@settings(max_examples=examples(300), deadline=None)
@given(st.lists(EVENTS, max_size=60))
def test_never_two_replicas_may_write_at_once(events):
    server, clock = Server(), Clock()
    replicas = {name: election(server, name, clock) for name in "abc"}
    for event in events:
        if event in replicas:
            replicas[event].step()
        elif event.startswith("release"):
            replicas[event[-1]].release()
        elif event.startswith("wait"):
            clock.now += 5.0 if event.endswith("long") else 0.7
        else:
            server.down = event == "down"
        assert sum(one.allowance() > 0 for one in replicas.values()) <= 1


def test_the_thread_says_once_that_it_leads_and_releases_the_lease_at_its_end():
    server, led, lost = Server(), threading.Event(), threading.Event()
    elector = Elector(election(server, "a", Clock()), led.set, lost.set)
    elector.start()
    assert led.wait(10)
    elector.close()
    assert server.writes[-1] == ""
    assert not lost.is_set()
    assert elector.allowance() <= 0
