"""What a PUT of a whole list means, whoever else puts at the same time."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from run_operator.metrics.putting import SOON, VERSIONS, Given, operation


class Store:
    """Does what the operations say."""

    def __init__(self) -> None:
        self.metrics: dict = {}

    def apply(self, op: dict | None) -> None:
        if op is None:
            return
        there = self.metrics.get(op["k"], [])
        there = there if isinstance(there, list) else [there]
        if "append" in op:
            self.metrics[op["k"]] = [*there, *op["append"]]
        else:
            self.metrics[op["k"]] = op.get("replace", op.get("set"))


@example([(0, "a"), (1, "a"), (0, "a"), (0, "a"), (0, "a"), (0, "a"), (0, "b"), (1, "a")], True)
@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from("abc")), max_size=80), st.booleans())
def test_threads_and_processes_that_append_lose_nothing(turns, together):
    """Each turn is of one of four clients: it reads, or, having read, it puts. They share a pod, or have one each."""
    store, memory = Store(), Given(100)
    seen: dict[int, dict] = {}
    sent: dict[str, list] = {}
    for number, (client, name) in enumerate(turns):
        reader = "pod" if together else client
        if client in seen:
            value = [*seen.pop(client).get(name, []), number]
            sent.setdefault(name, []).append(number)
            store.apply(operation(name, value, store.metrics, reader, memory, 1))
        else:
            memory.remember(reader, store.metrics, 0)
            seen[client] = {key: list(values) for key, values in store.metrics.items()}
            newer = [known for known, found in seen.items() if known != client and together]
            stale = [
                known
                for known in newer
                if any(len(store.metrics[k]) - len(v) >= VERSIONS for k, v in seen[known].items())
            ]
            for known in stale:
                del seen[known]  # who is so late is not promised anything
    assert {name: sorted(values) for name, values in store.metrics.items()} == sent


@pytest.mark.parametrize(
    ("there", "put", "becomes"),
    [
        ({}, [1, 2], [1, 2]),
        ({}, 5, 5),
        ({"m": [1, 2]}, [1, 2, 3], [1, 2, 3]),
        ({"m": [1, 2]}, [1, 2], [1, 2]),
        ({"m": [1, 2]}, [9], [9]),  # overwritten
        ({"m": [1, 2]}, [], []),
        ({"m": [1, None]}, [1, None, 2], [1, None, 2]),
        ({"m": 1}, [1, 2], [1, 2]),  # a single value becomes a list
        ({"m": 1}, 2, 2),
        ({"m": 1}, [1], [1]),
        ({"m": [1]}, 1, 1),
        ({"m": [1, 2]}, 7, 7),
        ({"m": [1]}, [{"no": "number"}], [{"no": "number"}]),  # refused where it is checked
    ],
)
def test_the_table(there, put, becomes):
    store, memory = Store(), Given(100)
    store.metrics = dict(there)
    memory.remember("r", there, 0)
    store.apply(operation("m", put, store.metrics, "r", memory, 1))
    assert store.metrics["m"] == becomes


def test_an_overwrite_right_after_the_first_value_is_one():
    store, memory = Store(), Given(100)
    memory.remember("r", {}, 0)
    store.apply(operation("m", [1], store.metrics, "r", memory, 1))
    memory.remember("r", store.metrics, 2)
    store.apply(operation("m", [9], store.metrics, "r", memory, 3))
    assert store.metrics["m"] == [9]


def test_readings_that_were_answered_by_another_metric_make_no_overwrite_an_append():
    store, memory = Store(), Given(100)
    for name, value in (("a", [1]), ("b", 2), ("a", [1, 2]), ("m", [3]), ("m", [9])):
        memory.remember("r", store.metrics, 0)
        store.apply(operation(name, value, store.metrics, "r", memory, 1))
    assert store.metrics == {"a": [1, 2], "b": 2, "m": [9]}


def test_a_reading_of_long_ago_makes_no_overwrite_an_append():
    store, memory = Store(), Given(100)
    memory.remember("r", {}, 0)
    store.metrics = {"m": [1]}
    store.apply(operation("m", [9], store.metrics, "r", memory, SOON))
    assert store.metrics["m"] == [9]


def test_a_put_that_is_sent_again_changes_nothing():
    store, memory = Store(), Given(100)
    memory.remember("r", {"m": [1]}, 0)
    store.metrics = {"m": [1]}
    for _ in range(2):
        store.apply(operation("m", [1, 2], store.metrics, "r", memory, 1))
    assert store.metrics["m"] == [1, 2]


def test_what_is_remembered_is_bounded():
    memory = Given(3)
    for number in range(10):
        memory.remember("r", {str(number): [number]}, 0)
    assert len(memory._known) == 3
    for number in range(100):
        memory.remember("r", {"m": list(range(number))}, 0)
    assert len(memory._known[("r", "m")]) == VERSIONS
