"""Tenants take turns, and one that floods waits for itself."""

from __future__ import annotations

from run_operator.fairness import Expenses, RoundRobin, may_take


def filled(**counts: int) -> RoundRobin[str]:
    line: RoundRobin[str] = RoundRobin()
    for tenant, count in counts.items():
        for number in range(count):
            line.add(tenant, f"{tenant}{number}")
    return line


def test_tenants_take_turns_and_each_is_served_in_its_order():
    line = filled(flood=4, quiet=2)
    assert [line.pop() for _ in range(6)] == ["flood0", "quiet0", "flood1", "quiet1", "flood2", "flood3"]
    assert line.pop() is None


def test_one_that_comes_late_waits_for_one_item_of_a_flood():
    line = filled(flood=1000)
    line.pop()
    line.add("late", "late0")
    assert "late0" in {line.pop(), line.pop()}


def test_a_skipped_tenant_keeps_its_turn():
    line = filled(a=2, b=1)
    assert line.pop(skipped=lambda tenant: tenant == "a") == "b0"
    assert line.pop(skipped=lambda tenant: tenant == "a") is None
    assert line.pop() == "a0"


def test_an_item_waits_once_and_may_be_taken_out():
    line = filled(a=2)
    line.add("a", "a0")
    assert len(line) == 2
    assert line.discard("a", "a0")
    assert not line.discard("a", "a0")
    assert list(line) == ["a1"]


def test_without_room_the_one_who_has_the_most_loses_its_oldest():
    line = filled(quiet=1, flood=3)
    assert [line.pop_excess() for _ in range(2)] == ["flood0", "flood1"]


def test_who_needs_the_room_and_has_its_share_loses_its_own():
    line = filled(flood=4, other=5, quiet=1)
    assert line.pop_excess("flood") == "flood0"
    assert line.pop_excess("quiet") == "other0", "the quiet one has less than its share"
    assert line.pop_excess("nobody") == "other1"
    assert RoundRobin[str]().pop_excess("nobody") is None


def test_who_used_the_least_goes_first():
    used = Expenses()
    used.charge("flood", 1_000_000)
    assert used.of("quiet") < used.of("flood")
    served = [min(("flood", "quiet"), key=used.of)]
    for _ in range(10):
        used.charge(served[-1], {"flood": 1_000_000, "quiet": 1_000}[served[-1]])
        served.append(min(("flood", "quiet"), key=used.of))
    assert served == ["quiet"] * 11


def test_idle_time_is_no_credit():
    used = Expenses()
    for _ in range(100):
        used.charge("busy", 100)
    used.charge("idle", 100)
    used.charge("idle", 100)
    assert used.of("idle") > used.of("busy") - 200
    used.charge("idle", 100)
    assert min(("idle", "busy"), key=used.of) == "busy"


def test_what_is_remembered_is_bounded():
    used = Expenses(most=10)
    for number in range(1000):
        used.charge(number, 1)
    assert used.of(0) == used.of("new")


def test_places_are_left_for_those_who_have_none():
    for workers, alone in ((1, 1), (4, 3), (8, 6), (16, 12)):
        held = 0
        while may_take(held, workers - held):
            held += 1
        assert held == alone
    for tenants in range(1, 6):
        used = [0] * tenants
        while any(may_take(one, 16 - sum(used)) for one in used):
            one = used.index(min(used))
            used[one] += 1
        assert may_take(0, 16 - sum(used)), f"beside {tenants} that want all"
