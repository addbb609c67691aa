"""What a list means that the SDK sends whole: programs that append at the same time lose nothing, and an overwrite is one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from run_operator.gateway.meaning import meaning
from run_operator.gateway.readings import MOST, READERS, Readings

READER = ("uid", "token", "address")
APPEND, OVERWRITE, SINGLE = (False, False), (True, False), (False, True)


@dataclass
class Store:
    """The gateway and the Run's metrics. All programs are one user's, on one machine: nothing tells them apart."""

    metrics: dict[str, Any] = field(default_factory=dict)
    readings: Readings = field(default_factory=lambda: Readings(10_000))
    now: float = 0.0

    def get(self) -> dict[str, Any]:
        self.now += 0.01
        self.readings.given(READER, self.metrics, self.now)
        return {key: list(v) if isinstance(v, list) else v for key, v in self.metrics.items()}

    def announce(self) -> None:
        self.now += 0.01
        self.readings.announced(READER, self.now)

    def put(self, key: str, value: Any) -> None:
        self.now += 0.01
        meant = meaning(
            key, value, self.metrics.get(key), self.readings.outstanding(READER, self.now), self.now
        )
        self.readings.used(READER, meant.used)
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
class Program:
    """One `run` object of the SDK; `log` gives way after each of its requests."""

    store: Store
    seen: bool | None = None

    def log(self, key: str, value: Any, how: tuple[bool, bool] = APPEND):
        if self.seen is None:
            self.seen = bool(self.store.get())
            yield
        if self.seen:
            metrics = self.store.get()
            yield
        else:
            self.store.announce()
            metrics = {}
            yield
        self.store.put(key, sdk_rule(metrics, key, value, how))
        self.seen = True
        yield


def in_turns(programs: list[Any], choose: Any) -> None:
    while programs:
        one = programs[choose(len(programs))]
        if next(one, StopIteration) is StopIteration:
            programs.remove(one)


def many(program: Program, values: list[int]):
    for value in values:
        yield from program.log("loss", value)


@pytest.mark.parametrize("before", [{}, {"loss": [7]}, {"loss": 7}, {"acc": 1, "loss": [0, 0]}])
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_programs_that_append_at_the_same_time_lose_and_double_nothing(before, data):
    store = Store({key: list(v) if isinstance(v, list) else v for key, v in before.items()})
    values = st.lists(st.integers(0, 1), min_size=1, max_size=6)  # equal ones, again and again
    work = data.draw(st.lists(values, min_size=2, max_size=3))
    in_turns(
        [many(Program(store), list(one)) for one in work], lambda most: data.draw(st.integers(0, most - 1))
    )
    there = before.get("loss", [])
    expected = (there if isinstance(there, list) else [there]) + [v for one in work for v in one]
    assert sorted(store.metrics["loss"]) == sorted(expected)


NUMBER = st.integers(0, 2)
LISTS = st.lists(NUMBER, min_size=1, max_size=4)
CALLS = st.one_of(
    st.tuples(NUMBER, st.sampled_from([APPEND, OVERWRITE, SINGLE, (True, True)])),
    st.tuples(LISTS, st.just(OVERWRITE)),
)


@settings(max_examples=300, deadline=None)
@given(calls=st.lists(CALLS, max_size=12), fresh=st.sets(st.integers(0, 11)))
def test_one_program_gets_what_it_asks_for(calls, fresh):
    store, expected = Store(), {}
    program = Program(store)
    for at, (value, how) in enumerate(calls):
        if at in fresh and at:
            store.now += 200.0  # somebody comes back later, with a new object
            program = Program(store)
        expected["loss"] = sdk_rule(expected, "loss", value, how)
        list(program.log("loss", value, how))
        # A new object reads twice. What it read first counts for two minutes as somebody else's reading, who may append.
        store.now += 200.0 if at in fresh else 0.0
        assert store.metrics == expected


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
        (3, [1, 2], {"k": "m", "set": 3, "overwrite": True}),
        (3, 3, None),
        ([], None, {"k": "m", "replace": []}),
    ],
)
def test_without_readings_the_values_decide(value, stored, expected):
    """After a restart of the gateway, or at another replica."""
    assert meaning("m", value, stored, [], 0.0).op == expected


def test_a_thinned_list_is_extended_by_what_follows_it():
    """The reader got every second value, and the list was thinned once more meanwhile."""
    store = Store({"m": [0, 2, 4, 6]})
    shown = store.get()["m"]
    store.metrics["m"] = [0, 4, 8]
    meant = meaning("m", [*shown, 9], store.metrics["m"], store.readings.outstanding(READER, 1.0), 1.0)
    assert meant.op == {"k": "m", "append": [9]}


def test_a_long_list_is_not_lost_to_a_reader_whose_reading_is_not_known():
    store = Store({"m": [1]})
    store.get()
    long = list(range(20))
    meant = meaning("m", [*long[:15], 99], long, store.readings.outstanding(READER, 1.0), 1.0)
    assert meant.op == {"k": "m", "append": [99]}


def test_readings_are_bounded_and_forgotten():
    readings = Readings(50)
    for number in range(200):
        readings.given(("uid", str(number), ""), {"a": 1, "b": [2]}, 0.0)
    assert not readings.outstanding(("uid", "0", ""), 0.0)
    for number in range(2 * READERS):
        readings.announced(("uid", str(number), ""), 0.0)
        readings.used(("uid", str(number), ""), readings.outstanding(("uid", str(number), ""), 0.0))
    assert len(readings) <= READERS
    for _ in range(2 * MOST):
        readings.announced(READER, 1.0)
    assert len(readings.outstanding(READER, 1.0)) == MOST
    assert not readings.outstanding(READER, 500.0)
