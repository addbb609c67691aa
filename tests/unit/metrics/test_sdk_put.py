"""What a list means that the SDK sends whole: programs that append at the same time lose nothing, and an overwrite is one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from run_operator.metrics.sdk_put import LIFE, MOST, READERS, SOON, Readings, meaning
from tests.support.examples import examples

APPEND, OVERWRITE, SINGLE = (False, False), (True, False), (False, True)


@dataclass
class Store:
    """A Run's metrics, and what serves them to the SDK. `tick`: seconds that a request takes."""

    metrics: dict[str, Any] = field(default_factory=dict)
    readings: Readings = field(default_factory=Readings)
    now: float = 0.0
    tick: float = 0.001

    def get(self, reader: str = "r") -> dict[str, Any]:
        self.now += self.tick
        self.readings.given(reader, self.metrics, self.now)
        return {key: list(v) if isinstance(v, list) else v for key, v in self.metrics.items()}

    def announce(self, reader: str = "r") -> None:
        self.now += self.tick
        self.readings.announced(reader, self.now)

    def put(self, key: str, value: Any, reader: str = "r") -> None:
        self.now += self.tick
        meant = meaning(key, value, self.metrics.get(key), self.readings.of(reader, self.now), self.now)
        self.readings.answered(reader, meant.answers, key, meant.base)
        op = meant.op or {}
        if "append" in op:
            there = self.metrics.get(key, [])
            self.metrics[key] = [*(there if isinstance(there, list) else [there]), *op["append"]]
        elif op:
            self.metrics[key] = op.get("replace", op.get("set"))


def sdk_rule(metrics: dict[str, Any], key: str, value: Any, how: tuple[bool, bool]) -> Any:
    """What the SDK makes of what it has read."""
    overwrite, single = how
    if key not in metrics or overwrite:
        return value if isinstance(value, list) or single else [value]
    there = metrics[key]
    if isinstance(value, list):
        return there + value
    if single:
        return there
    return [*(there if isinstance(there, list) else [there]), value]


@dataclass
class Run:
    """One `run` object of the SDK; threads may share it. `log` and `log_many` give way after each of their requests."""

    store: Store
    reader: str = "r"
    seen: bool | None = None

    def log(self, key: str, value: Any, how: tuple[bool, bool] = APPEND) -> Iterator[None]:
        """`log_metric`."""
        if self.seen is None:
            found = self.store.get(self.reader)
            yield
            self.seen = bool(found)  # as the SDK does: whatever another thread found meanwhile
        if self.seen:
            metrics = self.store.get(self.reader)
        else:
            self.store.announce(self.reader)
            metrics = {}
        yield
        self.store.put(key, sdk_rule(metrics, key, value, how), self.reader)
        self.seen = True
        yield

    def log_many(self, key: str, value: Any, how: tuple[bool, bool] = APPEND) -> Iterator[None]:
        """`log_metrics` of one that is there already: one reading more."""
        self.store.get(self.reader)
        yield
        yield from self.log(key, value, how)


def in_turns(programs: list[Iterator[None]], turns: list[int]) -> None:
    """Each turn is one request of a program; then of each in turn, until all have ended."""
    for turn in itertools.chain(turns, itertools.count()):
        if not programs:
            return
        one = programs[turn % len(programs)]
        if next(one, StopIteration) is StopIteration:
            programs.remove(one)


def one_after_the_other(run: Run, calls: list[tuple[str, Any]], *, many: bool) -> Iterator[None]:
    for key, value in calls:
        yield from (run.log_many if many else run.log)(key, value)


BEFORE = [{}, {"a": [7]}, {"a": 7}, {"z": 1}, {"z": 1, "a": [0, 0]}]
THREADS = st.lists(
    st.tuples(
        st.integers(0, 2),  # the object it uses
        st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 1)), min_size=1, max_size=5),
        st.booleans(),  # log_metrics
    ),
    min_size=2,
    max_size=4,
)


@pytest.mark.parametrize("together", [True, False], ids=["one reader", "a reader each"])
@pytest.mark.parametrize("before", BEFORE)
@settings(max_examples=examples(150), deadline=None)
@given(threads=THREADS, turns=st.lists(st.integers(0, 3), max_size=80), equal=st.booleans())
@example([(0, [("a", 0)], False), (0, [("a", 0)], False)], [], True)
@example([(0, [("a", 0)], False), (1, [("a", 0)], False)], [], False)
@example(  # one announces itself after others have read what it has not
    [(0, [("b", 0), ("a", 0)], False), *2 * [(0, [("a", 0)], False)], (0, [("b", 0)], False)],
    [0, 3, 0],
    False,
)
def test_values_of_concurrent_writers_none_lost_none_doubled(together, before, threads, turns, equal):
    """Threads that share an object, objects of one program, programs that look alike or do not; equal values or not."""
    store = Store({key: list(v) if isinstance(v, list) else v for key, v in before.items()})
    runs = [Run(store, "r" if together else str(number)) for number in range(3)]
    expected = {key: list(v) if isinstance(v, list) else [v] for key, v in before.items()}
    programs = []
    for number, (run, calls, many) in enumerate(threads):
        values = [(key, v if equal else 10 * number + 100 * at) for at, (key, v) in enumerate(calls)]
        for key, value in values:
            expected.setdefault(key, []).append(value)
        programs.append(one_after_the_other(runs[run], values, many=many))
    in_turns(programs, turns)
    found = {key: v if isinstance(v, list) else [v] for key, v in store.metrics.items()}
    assert {key: sorted(v) for key, v in found.items()} == {key: sorted(v) for key, v in expected.items()}


NUMBER = st.integers(0, 2)
LISTS = st.lists(NUMBER, min_size=1, max_size=4)
CALLS = st.one_of(
    st.tuples(NUMBER, st.sampled_from([APPEND, OVERWRITE, SINGLE, (True, True)])),
    st.tuples(LISTS, st.just(OVERWRITE)),
)


@settings(max_examples=examples(300), deadline=None)
@given(
    calls=st.lists(st.tuples(st.sampled_from("ab"), CALLS), max_size=12), fresh=st.sets(st.integers(0, 11))
)
def test_one_program_gets_what_it_asks_for(calls, fresh):
    store, expected = Store(), {}
    run = Run(store)
    for at, (key, (value, how)) in enumerate(calls):
        if at in fresh and at:
            store.now += LIFE  # somebody comes back later, with a new object
            run = Run(store)
        expected[key] = sdk_rule(expected, key, value, how)
        list(run.log(key, value, how))
        # A new object reads twice. What it read first counts for a while as somebody else's reading, who may append.
        store.now += LIFE if at in fresh else 0.0
        assert store.metrics == expected
    assert fresh or not len(store.readings), "as many writes as readings: nothing is remembered"


@pytest.mark.parametrize(
    ("value", "stored", "expected"),
    [
        ([1, 2, 3], [1, 2], {"k": "m", "append": [3]}),  # what is stored, and more
        ([1, 2], [1, 2], None),  # sent twice
        ([1, 2, 9], [1, 2, 3], {"k": "m", "append": [9]}),  # somebody wrote meanwhile
        ([1, 2], [1, 2, 3], {"k": "m", "replace": [1, 2]}),  # shorter
        ([5, 6], [1, 2, 3], {"k": "m", "replace": [5, 6]}),  # other
        ([9], [1], {"k": "m", "replace": [9]}),
        ([4, 5], 4, {"k": "m", "append": [5]}),  # a single value becomes a list
        ([4], 4, {"k": "m", "append": []}),
        (4, [4], {"k": "m", "set": 4, "overwrite": True}),
        (3, [1, 2], {"k": "m", "set": 3, "overwrite": True}),
        (3, 3, None),
        (True, 1, {"k": "m", "set": True, "overwrite": True}),  # refused where it is checked
        ([], None, {"k": "m", "replace": []}),
        ([{"no": "number"}], [1], {"k": "m", "replace": [{"no": "number"}]}),
    ],
)
def test_without_readings_the_values_decide(value, stored, expected):
    """After a restart of what answers, or at another replica."""
    assert meaning("m", value, stored, [], 0.0).op == expected


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (1, 2, [0, 1, 2]),
        (1, 1, [0, 1]),  # as if it had been sent twice: the one thing that is lost
    ],
)
def test_who_writes_elsewhere_than_it_has_read_loses_nothing_but_an_equal_value(first, second, expected):
    """Another replica, or a new process, between the reading and the writing of a program."""
    store = Store({"m": [0]})
    seen = [store.get("a")["m"], store.get("b")["m"]]
    store.put("m", [*seen[0], first], "a")
    store.readings = Readings()
    store.put("m", [*seen[1], second], "b")
    assert store.metrics["m"] == expected


def test_a_single_value_that_the_sdk_keeps_takes_nothing_back():
    """It sends back what it has read, while somebody else appends."""
    store = Store({"m": [1, 2]})
    kept = store.get()["m"]
    list(Run(store, seen=True).log("m", 3))
    store.get()  # by somebody who is about to write
    store.put("m", kept)
    assert store.metrics == {"m": [1, 2, 3]}


@pytest.mark.parametrize(("later", "expected"), [(SOON - 1, [1, 9]), (SOON, [9])])
def test_a_reading_of_long_ago_makes_no_overwrite_an_append(later, expected):
    """One reads and writes nothing; was it the one that has read lately?"""
    store = Store({"z": 1})
    store.get()
    list(Run(store, seen=True).log("m", 1))
    store.now += later
    list(Run(store, seen=True).log("m", [9], OVERWRITE))
    assert store.metrics["m"] == expected


def test_what_begins_like_a_list_that_is_not_stored_any_more_is_stored_whole():
    """An overwrite with an empty list, and soon an overwrite with a list that begins like the old one."""
    store = Store({"m": [1]})
    list(Run(store, seen=True).log("m", [], OVERWRITE))
    list(Run(store, seen=True).log("m", [1, 2], OVERWRITE))
    assert store.metrics["m"] == [1, 2]
    store = Store({"m": [1]})
    begun = store.get()["m"]
    list(Run(store, seen=True).log("m", [], OVERWRITE))
    store.put("m", [*begun, 2])
    assert store.metrics["m"] == [1, 2]


def test_who_announced_itself_has_seen_nothing_however_late_it_writes():
    store = Store()
    store.announce()
    list(Run(store, seen=False).log("m", 1))
    store.get()
    store.now += 10 * SOON
    store.put("m", [2])
    assert store.metrics["m"] == [1, 2]


def test_whose_every_reading_knew_of_no_such_metric_appends_however_late():
    store = Store({"z": 1})
    store.get("slow")
    list(Run(store, "other", seen=True).log("m", 1))
    store.now += 10 * SOON
    store.put("m", [2], "slow")
    assert store.metrics["m"] == [1, 2]


def test_a_reading_that_was_crossed_off_in_place_of_another_still_tells_what_a_list_extends():
    store = Store({"a": [1]})
    store.get()
    list(Run(store, seen=True).log("a", 2))
    newer = store.get()["a"]
    store.put("b", [5])  # of the older reading, as only its program knows
    store.put("a", [*newer, 3])
    assert store.metrics == {"a": [1, 2, 3], "b": [5]}


def test_lists_of_equal_values_are_not_taken_for_each_other():
    store = Store({"m": [1]})
    store.get()
    list(Run(store, seen=True).log("m", 1))
    store.get()
    for _ in range(2):
        store.put(
            "m", [1, 1, 1]
        )  # of the first reading two values, of the second one: in what order nobody knows
    assert store.metrics["m"] == [1] * 5


def test_what_was_crossed_off_long_ago_makes_no_overwrite_an_append():
    """While somebody has read and not written, which is remembered for longer."""
    store = Store({"a": [7], "b": [1]})
    store.get()
    run = Run(store, seen=True)
    list(run.log("a", [1], OVERWRITE))
    list(run.log("b", 2))
    store.now += SOON
    list(run.log("a", 2))
    list(run.log("a", [1, 9], OVERWRITE))
    assert store.metrics["a"] == [1, 9]


def test_a_thinned_list_is_extended_by_what_follows_it():
    """The reader got every second value, and the list was thinned again meanwhile."""
    store = Store({"m": [0, 2, 4, 6]})
    shown = store.get()["m"]
    store.metrics["m"] = [0, 4, 8]
    assert meaning("m", [*shown, 9], [0, 4, 8], store.readings.of("r", 1.0), 1.0).op == {
        "k": "m",
        "append": [9],
    }


def test_a_long_list_is_not_lost_to_a_reader_whose_reading_is_not_known():
    store = Store({"m": [1]})
    store.get()
    long = list(range(20))
    meant = meaning("m", [*long[:15], 99], long, store.readings.of("r", 1.0), 1.0)
    assert meant.op == {"k": "m", "append": [99]}


def test_a_put_that_is_sent_again_changes_nothing():
    store = Store({"m": [1]})
    store.get()
    for _ in range(2):
        store.put("m", [1, 2])
    assert store.metrics["m"] == [1, 2]


def test_readings_are_bounded_and_forgotten():
    readings = Readings(50)
    for number in range(200):
        readings.given(str(number), {"a": 1, "b": [2]}, 0.0)
    assert not readings.of("0", 0.0)
    for number in range(2 * READERS):
        readings.announced(str(number), 0.0)
    assert len(readings) <= READERS
    for _ in range(2 * MOST):
        readings.announced("r", 1.0)
    assert len(readings.of("r", 1.0)) == MOST
    for one in readings.of("r", 1.0)[1:]:
        readings.answered("r", one.number, "m", None)
    waiting = readings.of("r", 1.0)[0]
    for _ in range(MOST - 1):
        readings.given("r", {"m": 1}, 1.0)
    assert waiting in readings.of("r", 1.0), "those crossed off go first"
    assert not readings.of("r", 1.0 + LIFE)
    readings.announced("r", 1.0 + LIFE)
    assert len(readings.of("r", 1.0 + LIFE)) == 1
