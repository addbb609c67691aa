"""Statuses that can wait get a moment each: few at once, none for long, and none that nobody waits for any more."""

from __future__ import annotations

import itertools

import pytest

from run_operator.api.run import Key
from run_operator.engine.pacing import ANSWERS_FIRST, AT_ONCE, BURST, LONGEST, RATE, Pacing
from run_operator.lifecycle.model import CreateWorkload, DeleteChild, Plan, ScaleChild, SuspendChild
from run_operator.workloads.builder import build
from run_operator.workloads.types import Options
from tests.support.builders import run

LATER = Plan(status={"state": "PENDING"}, can_wait=True)


def test_one_alone_is_written_at_once():
    assert Pacing(lambda: 0.0).before_status(Key("ml", "a"), LATER) == 0


def test_a_burst_is_spread_and_none_waits_longer_than_the_longest():
    now = 0.0
    pacing = Pacing(lambda: now)
    keys = [Key("ml", str(i)) for i in range(200)]
    waits = [pacing.before_status(key, LATER) for key in keys]
    assert waits[:3] == [0, 1 / RATE, 2 / RATE]
    assert max(waits) == LONGEST
    now = 1 / RATE
    assert [pacing.before_status(key, LATER) == 0 for key in keys[1:4]] == [True, False, False]
    assert pacing.before_status(keys[2], LATER) == 1 / RATE  # asking again does not put it back


def test_who_has_something_else_to_say_is_written_at_once_and_loses_its_turn():
    pacing = Pacing(lambda: 0.0)
    one, other = Key("ml", "a"), Key("ml", "b")
    pacing.before_status(one, LATER)
    assert pacing.before_status(other, LATER) == 1 / RATE
    assert pacing.before_status(other, Plan(status={"state": "RUNNING"})) == 0
    assert pacing.before_status(other, LATER) == 2 / RATE


def test_a_burst_in_another_namespace_is_not_waited_for():
    pacing = Pacing(lambda: 0.0)
    for number in range(50):
        pacing.before_status(Key("flood", str(number)), LATER)
    assert pacing.before_status(Key("quiet", "a"), LATER) == 0


def test_a_burst_is_many_changes_by_people_within_a_second():
    now = 0.0
    pacing = Pacing(lambda: now)
    for _ in range(BURST):
        assert not pacing.is_burst("ml")
        pacing.changed("ml")
    now = 0.9
    assert pacing.is_burst("ml")
    assert not pacing.is_burst("other")
    now = 1.1
    assert not pacing.is_burst("ml")


@pytest.mark.parametrize(
    ("plan", "waits"),
    [
        pytest.param(Plan({}, (SuspendChild("a", "1"),)), ANSWERS_FIRST, id="a stop is answered first"),
        pytest.param(Plan({}, (ScaleChild("a", "1", 0),)), ANSWERS_FIRST, id="of a service too"),
        pytest.param(Plan({}, (ScaleChild("a", "1", 3),)), 0, id="more replicas end nothing"),
        pytest.param(Plan({}, (SuspendChild("a", "1"), DeleteChild("b", "2"))), 0, id="more is to be done"),
        pytest.param(Plan(None, (SuspendChild("a", "1"),)), 0, id="it is answered already"),
        pytest.param(Plan({}, ()), 0, id="there is nothing to do"),
    ],
)
def test_in_a_burst_pods_are_ended_after_the_answers(plan, waits):
    pacing = Pacing(lambda: 0.0)
    assert pacing.before_actions(Key("ml", "a"), plan) == 0
    for _ in range(BURST):
        pacing.changed("ml")
    assert pacing.before_actions(Key("ml", "a"), plan) == waits


def creation(attempt: int = 1) -> Plan:
    one = run()
    return Plan(actions=(CreateWorkload(build(one, attempt, Options())),))


def test_a_child_that_is_deleted_each_time_is_made_again_ever_later():
    now, times = 0.0, []
    pacing, key = Pacing(lambda: now), Key("ml", "hello")
    while len(times) < 12:
        now += pacing.before_actions(key, creation())
        times.append(now)
        pacing.carried_out(key, creation())
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert pauses[: AT_ONCE - 1] == [0.0] * (AT_ONCE - 1)
    assert pauses[AT_ONCE - 1 :] == [1, 2, 4, 8, 16, 32, 64, 128, 256]


def test_another_attempt_is_made_at_once():
    pacing, key = Pacing(lambda: 0.0), Key("ml", "hello")
    for _ in range(AT_ONCE):
        pacing.carried_out(key, creation())
    assert pacing.before_actions(key, creation()) == 1
    assert pacing.before_actions(key, creation(2)) == 0


def test_what_was_refused_was_not_made():
    pacing, key = Pacing(lambda: 0.0), Key("ml", "hello")
    assert [pacing.before_actions(key, creation()) for _ in range(9)] == [0] * 9
