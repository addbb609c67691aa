"""What can be logged, what it becomes on the wire and in the file: the platform's truth table."""

from __future__ import annotations

import ast
import json
import math
import struct
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from run_operator.client.pod import runmetrics
from tests.pod.programs import MODULE
from tests.pod.standin import apply
from tests.support.parameter_names import stable

MISUSED: Any = runmetrics
"""Called in ways that its types forbid."""


class Queue:
    """In place of the process's recorder."""

    def __init__(self) -> None:
        self.entries: list[Any] = []

    def record(self, key: str, what: str, value: Any) -> None:
        self.entries.append((1.5, key, what, value))

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in runmetrics.to_lines(self.entries, 2).splitlines()]

    @property
    def ops(self) -> list[dict[str, Any]]:
        ops, _ = runmetrics.to_ops(runmetrics.to_lines(self.entries, 2).encode().splitlines(keepends=True))
        return json.loads(json.dumps(ops, allow_nan=False))


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Queue:
    one = Queue()
    monkeypatch.setattr(runmetrics, "_ready", one)
    return one


class Scalar:
    """A number of numpy or torch, as far as it concerns us."""

    def __init__(self, value: Any, dtype: str) -> None:
        self._value, self.dtype = value, dtype

    def item(self) -> Any:
        return self._value

    def __float__(self) -> float:
        return float(self._value)


class Array(Scalar):
    """An array or tensor; of no dimension it is a number."""

    def tolist(self) -> Any:
        return self._value


class Broken:
    """A value whose own code fails, as that of a tensor on a lost device does."""

    def __float__(self) -> float:
        raise RuntimeError("device lost")


class Keyed:
    """Not even an attribute can be asked for: a row of a database, a lazy proxy."""

    def __getattr__(self, name: str) -> Any:
        raise KeyError(name)


FLOAT32 = struct.unpack("f", struct.pack("f", 0.1))[0]


@pytest.mark.parametrize(
    ("value", "logged"),
    [
        (2.0, [2.0]),
        (-0.0, [-0.0]),
        (5e-324, [5e-324]),
        (2**63 - 1, [2**63 - 1]),
        (-(2**63), [-(2**63)]),
        (2**63, [float(2**63)]),
        (10**400, [math.inf]),
        (-(10**400), [-math.inf]),
        (Decimal("0.25"), [0.25]),
        (Fraction(1, 4), [0.25]),
        ([1, 2.5], [1, 2.5]),
        ((1, 2.5), [1, 2.5]),
        ([], []),
        (Scalar(7, "int64"), [7]),
        (Scalar(FLOAT32, "torch.float32"), [0.1]),
        (Array(FLOAT32, "float32"), [0.1]),
        (Array(FLOAT32, "float64"), [FLOAT32]),
        (Array([FLOAT32, 2.0, 123456792.0], "float32"), [0.1, 2.0, 123456792.0]),
        ([Array(FLOAT32, "float32"), Scalar(1, "int64")], [0.1, 1]),
    ],
    ids=stable,
)
def test_numbers_and_lists_of_them_are_logged(queue: Queue, value: Any, logged: list[float]):
    runmetrics.log_metric("m", value)
    got = [
        number
        for entry in queue.entries
        for number in (entry[3] if isinstance(entry[3], list) else [entry[3]])
    ]
    assert got == logged
    assert [type(number) for number in got] == [type(number) for number in logged]


@pytest.mark.parametrize(
    "value",
    [
        None, "abc", "1.5", b"1", True, {}, {"a": 1}, set(), object(), 1j, [1, None], [True], [[1]], ["1"],
        Scalar(True, "bool"), Array("x", "str"), Array([[1.0]], "float32"), Array([True], "bool"), Decimal("sNaN"),
        Broken(), [Broken()], Keyed(),
    ],
    ids=stable,
)  # fmt: skip
@pytest.mark.parametrize(
    "log", [runmetrics.log_metric, lambda key, value: runmetrics.log_metrics({"a": 1, key: value})]
)
def test_anything_else_is_refused_at_the_call_and_nothing_is_logged(
    queue: Queue, log: Callable[..., None], value: Any
):
    with pytest.raises(
        ValueError, match=r"^Invalid metric value. Must be a list of floats or ints or a float or an"
    ):
        log("m", value)
    assert queue.entries == []


@pytest.mark.parametrize("key", ["", "x" * 129, "a\nb", "\x7f", "a\u00a0b", "\ud800", None, 1, b"loss", []])
def test_a_key_that_cannot_be_stored_is_refused_at_the_call(queue: Queue, key: Any):
    with pytest.raises(ValueError, match="Invalid metric key"):
        runmetrics.log_metric(key, 1.0)
    with pytest.raises(ValueError, match="Invalid metric key"):
        runmetrics.truncate_metric(key, 1)
    assert queue.entries == []


@pytest.mark.parametrize("key", ["loss", "x" * 128, "val/loss", "größe", "a b", "日本", '"\\'])
def test_any_other_key_arrives_as_it_is(queue: Queue, key: str):
    runmetrics.log_metric(key, 1.0)
    assert queue.lines[0]["key"] == queue.ops[0]["k"] == key


@pytest.mark.parametrize("metrics", [[1, 2], [("a", 1)], None, "a=1", 3, {1, 2}, object(), {}.items()])
def test_metrics_that_are_no_mapping_are_refused_at_the_call(queue: Queue, metrics: Any):
    with pytest.raises(ValueError, match=r"^Invalid metrics\. Must be a mapping"):
        runmetrics.log_metrics(metrics)
    assert queue.entries == []


@pytest.mark.parametrize(
    "log",
    [
        lambda: MISUSED.log_metric("m", 1.0, step=0),
        lambda: MISUSED.log_metric("m", 1.0, 7),
        lambda: MISUSED.log_metric("m", 1.0, 0),
        lambda: MISUSED.log_metric("m", 1.0, single_value="yes"),
        lambda: MISUSED.log_metrics({"m": 1.0}, step=3),
        lambda: MISUSED.log_metrics({"m": 1.0}, 3),
    ],
)
def test_a_step_is_answered_with_the_way_to_keep_it(queue: Queue, log: Callable[[], None]):
    """By its place, as other libraries have it, it would be `overwrite`, and the list would be gone."""
    with pytest.raises(ValueError, match=r"Leave step out; to keep the step .* log_metric\('step', 3\)"):
        log()
    assert queue.entries == []


def test_a_flag_may_be_numpys(queue: Queue):
    flag = type("bool_", (), {"__bool__": lambda _: True})()
    runmetrics.log_metric("m", 1.0, overwrite=flag)
    assert queue.ops == [{"k": "m", "replace": [1.0]}]


@pytest.mark.parametrize("length", [-1, 1.0, True, None, "1"])
def test_a_length_is_a_whole_number(queue: Queue, length: Any):
    with pytest.raises(ValueError, match="Invalid length"):
        runmetrics.truncate_metric("m", length)


def test_what_is_not_finite_is_null_for_the_run_and_in_full_in_the_file(queue: Queue):
    runmetrics.log_metric("m", [1.0, math.nan, math.inf, -math.inf])
    runmetrics.log_metric("s", math.nan, single_value=True)
    assert queue.ops == [{"k": "m", "append": [1.0, None, None, None]}, {"k": "s", "set": None}]
    assert [line["value"] for line in queue.lines] == [1.0, "NaN", "Infinity", "-Infinity", "NaN"]


ONE = runmetrics.log_metric
MANY = lambda key, value, **flags: runmetrics.log_metrics({key: value}, **flags)  # noqa: E731
OVER, SINGLE = {"overwrite": True}, {"single_value": True}


@pytest.mark.parametrize(
    ("log", "value", "flags", "onto_nothing", "onto_number", "onto_list"),
    [
        (ONE, 2.0, {}, [2.0], [1.0, 2.0], [1.0, 2.0]),
        (ONE, 2.0, OVER, [2.0], [2.0], [2.0]),
        (ONE, 2.0, SINGLE, 2.0, 1.0, [1.0]),
        (ONE, 2.0, OVER | SINGLE, 2.0, 2.0, 2.0),
        (ONE, [2.0, 3.0], {}, [2.0, 3.0], [1.0, 2.0, 3.0], [1.0, 2.0, 3.0]),
        (ONE, [2.0, 3.0], OVER, [2.0, 3.0], [2.0, 3.0], [2.0, 3.0]),
        (ONE, [2.0, 3.0], SINGLE, [2.0, 3.0], [1.0, 2.0, 3.0], [1.0, 2.0, 3.0]),
        (ONE, [2.0, 3.0], OVER | SINGLE, [2.0, 3.0], [2.0, 3.0], [2.0, 3.0]),
        (ONE, [], {}, [], [1.0], [1.0]),
        (ONE, [], OVER, [], [], []),
        (MANY, 2.0, {}, 2.0, [1.0, 2.0], [1.0, 2.0]),
        (MANY, 2.0, OVER, 2.0, 2.0, 2.0),
        (MANY, [2.0, 3.0], {}, [2.0, 3.0], [1.0, 2.0, 3.0], [1.0, 2.0, 3.0]),
        (MANY, [2.0, 3.0], OVER, [2.0, 3.0], [2.0, 3.0], [2.0, 3.0]),
    ],
)
@pytest.mark.parametrize("together", [True, False], ids=["one batch", "two batches"])
def test_the_platforms_truth_table(queue, log, value, flags, onto_nothing, onto_number, onto_list, together):
    """Its two crashes (a list onto a number) are repaired; in one batch or in two, the result is the same."""
    for start, result in ((None, onto_nothing), (1.0, onto_number), ([1.0], onto_list)):
        queue.entries.clear()
        found: dict[str, Any] = {}
        if start is not None:
            runmetrics.log_metric("m", start, single_value=True)
        ops = [] if together else queue.ops
        if not together:
            queue.entries.clear()
        log("m", value, **flags)
        for op in ops + queue.ops:
            apply(found, op)
        assert found == {"m": result}


def test_the_file_has_a_line_without_endy_value(queue: Queue):
    runmetrics.log_metric("loss", 0.5)
    runmetrics.log_metric("loss", [1, 2.0], overwrite=True)
    runmetrics.log_metric("loss", [], overwrite=True)
    runmetrics.log_metric("acc", 0.9, single_value=True)
    runmetrics.log_metric("acc", 0.8, single_value=True, overwrite=True)
    runmetrics.log_metrics({"lr": 0.1})
    runmetrics.truncate_metric("loss", 7)
    known = {"time": 1.5, "attempt": 2}
    assert queue.lines == [
        known | {"key": "loss", "value": 0.5},
        known | {"key": "loss", "op": "replace", "value": 1},
        known | {"key": "loss", "value": 2.0},
        known | {"key": "loss", "op": "replace"},
        known | {"key": "acc", "op": "set", "value": 0.9},
        known | {"key": "acc", "op": "reset", "value": 0.8},
        known | {"key": "lr", "op": "put", "value": 0.1},
        known | {"key": "loss", "op": "truncate", "length": 7},
    ]


CALL = st.tuples(
    st.sampled_from(["a", "b"]),
    st.sampled_from([*"APSRT"]),
    st.one_of(st.integers(0, 9), st.lists(st.integers(0, 9), max_size=3)),
)


def plainly(calls: list[Any]) -> dict[str, Any]:
    """The truth table, one call at a time."""
    found: dict[str, Any] = {}
    for key, kind, value in calls:
        number, listed = (value, [value]) if isinstance(value, int) else (len(value), value)
        ops: dict[str, dict[str, Any]] = {
            "A": {"append": listed},
            "P": {"put": number},
            "S": {"set": number, "overwrite": listed != value},
            "R": {"replace": listed},
            "T": {"truncate": number},
        }
        apply(found, {"k": key, **ops[kind]})
    return found


@given(st.lists(st.lists(CALL, max_size=6), max_size=4))
def test_putting_values_together_changes_nothing_wherever_a_batch_ends(batches: list[list[Any]]):
    found: dict[str, Any] = {}
    for batch in batches:
        queue = Queue()
        for key, kind, value in batch:
            number, listed = (value, [value]) if isinstance(value, int) else (len(value), value)
            what = {"A": "append", "P": "put", "S": "reset" if listed != value else "set", "R": "replace"}
            queue.record(key, what.get(kind, "truncate"), listed if kind in "AR" else number)
        queue.entries = [(t, k, runmetrics.__dict__[w.upper()], v) for t, k, w, v in queue.entries]
        for op in queue.ops:
            apply(found, op)
    assert found == plainly([call for batch in batches for call in batch])


@pytest.mark.parametrize(
    ("whats", "ops"),
    [
        (["append", "append"], [{"append": [0, 1]}]),
        (["put", "put", "put"], [{"put": 0}, {"append": [1, 2]}]),
        (["replace", "append", "put"], [{"replace": [0, 1, 2]}]),
        (["reset", "reset", "replace"], [{"replace": [2]}]),
        (["set", "reset", "set"], [{"set": 0}, {"set": 1, "overwrite": True}, {"set": 2}]),
        (["truncate", "put"], [{"truncate": 0}, {"put": 1}]),
    ],
)
def test_a_batch_holds_no_more_ops_than_it_needs(whats: list[str], ops: list[dict[str, Any]]):
    queue = Queue()
    for number, what in enumerate(whats):
        constant = getattr(runmetrics, what.upper())
        queue.record("m", constant, [number] if what in ("append", "replace") else number)
    assert queue.ops == [{"k": "m"} | op for op in ops]


def test_a_batch_ends_after_a_thousand_ops():
    queue = Queue()
    for i in range(1500):
        queue.record(f"m{i}", runmetrics.SET, i)
    lines = runmetrics.to_lines(queue.entries, None).encode().splitlines(keepends=True)
    ops, used = runmetrics.to_ops(lines)
    assert (len(ops), used) == (1000, 1000)
    assert [op["set"] for op in runmetrics.to_ops(lines[used:])[0]] == list(range(1000, 1500))


def test_a_long_list_waits_in_pieces(monkeypatch: pytest.MonkeyPatch):
    """So that one call of a million values neither becomes one line of work nor one batch."""
    recorder = runmetrics.Recorder()
    monkeypatch.setattr(recorder, "start", lambda: None)
    recorder.record("m", runmetrics.REPLACE, list(range(5500)))
    entries = list(recorder._queue)
    assert [entry[2] for entry in entries] == ["replace", *["append"] * 5]
    assert max(len(entry[3]) for entry in entries) == runmetrics.WAKE_AT
    assert [value for entry in entries for value in entry[3]] == list(range(5500))


def test_a_line_that_somebody_else_wrote_is_passed_over():
    lines = runmetrics.to_lines([(1.0, "m", runmetrics.APPEND, 1.0)], None).encode().splitlines(keepends=True)
    assert runmetrics.to_ops([b"hello\n", *lines, b"[1]\n", b'{"key": []}\n', b"[" * 100_000])[0] == [
        {"k": "m", "append": [1.0]}
    ]


def test_the_module_is_python_3_8():
    ast.parse(MODULE.read_text(), feature_version=(3, 8))
