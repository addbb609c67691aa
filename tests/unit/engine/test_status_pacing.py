"""Statuses that can wait get a moment each: few at once, none for long, and none that nobody waits for any more."""

from __future__ import annotations

from run_operator.api.run import Key
from run_operator.engine.status_pacing import LONGEST, RATE, StatusPacing


def test_one_alone_is_written_at_once():
    assert StatusPacing(lambda: 0.0).wait(Key("ml", "a")) == 0


def test_a_burst_is_spread_and_none_waits_longer_than_the_longest():
    now = 0.0
    pacing = StatusPacing(lambda: now)
    keys = [Key("ml", str(i)) for i in range(200)]
    waits = [pacing.wait(key) for key in keys]
    assert waits[:3] == [0, 1 / RATE, 2 / RATE]
    assert max(waits) == LONGEST
    now = 1 / RATE
    assert [pacing.wait(key) == 0 for key in keys[1:4]] == [True, False, False]
    assert pacing.wait(keys[2]) == 1 / RATE  # asking again does not put it back


def test_who_has_something_else_to_say_leaves_the_row():
    pacing = StatusPacing(lambda: 0.0)
    pacing.wait(Key("ml", "a"))
    assert pacing.wait(Key("ml", "b")) > 0
    pacing.forget(Key("ml", "b"))
    assert pacing._promised == {}


def test_a_burst_in_another_namespace_is_not_waited_for():
    pacing = StatusPacing(lambda: 0.0)
    for number in range(50):
        pacing.wait(Key("flood", str(number)))
    assert pacing.wait(Key("quiet", "a")) == 0
