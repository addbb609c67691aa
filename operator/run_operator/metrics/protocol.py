"""One request body: read within bounds, every value checked, before anything is changed.

Every input gives a Batch, a MalformedError or an UnacceptableError, and no other exception.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, NoReturn

from run_operator.metrics.numbers import NotANumberError, Value, numbers


class RefusedBatchError(Exception):
    """The batch was not stored and its number is still free. The text is a sentence for the sender."""

    status: ClassVar[int] = 400

    def __init__(self, message: str, **more: Any) -> None:
        super().__init__(message)
        self.more: Mapping[str, Any] = more
        """Further fields of the answer; `expected`: the number of the next batch."""


class MalformedError(RefusedBatchError):
    """Not JSON, or not the shape of a batch."""


class UnacceptableError(RefusedBatchError):
    """The shape is right, but a key or a value cannot be stored."""

    status = 422


class GapError(RefusedBatchError):
    """Earlier batches are missing; `expected` is the number of the next batch."""

    status = 409

    def __init__(self, expected: int) -> None:
        super().__init__(f"the next batch must have seq {expected}", expected=expected)


class ClosedError(RefusedBatchError):
    """The attempt of the sender or its Run has ended."""

    status = 410


class CrowdedError(RefusedBatchError):
    """The Run has the maximum number of writers."""

    status = 429


@dataclass(frozen=True, slots=True)
class Append:
    """Append to a list; a single value v first becomes the list [v]."""

    key: str
    values: list[Value]


@dataclass(frozen=True, slots=True)
class Replace:
    """Replace the metric by a list; its figures restart."""

    key: str
    values: list[Value]


@dataclass(frozen=True, slots=True)
class Set:
    """Store a single value if the key is new or `overwrite` is set."""

    key: str
    value: Value
    overwrite: bool


@dataclass(frozen=True, slots=True)
class Put:
    """Store a single value if the key is new, else append: the platform's `log_metrics`."""

    key: str
    value: Value


@dataclass(frozen=True, slots=True)
class Truncate:
    """Keep the first `length` values of a list."""

    key: str
    length: int


Op = Append | Replace | Set | Put | Truncate


MAX_BODY: Final = 262_144
"""Bytes of a request body."""
MAX_OPS: Final = 1000
MAX_VALUES: Final = 20_000
"""Values of all operations of a batch together."""
MAX_KEY: Final = 128
MAX_WRITER: Final = 200
MAX_NUMBER: Final = 2**53
"""Largest seq, attempt and length: every JSON reader reads it exactly."""

_FIELDS: Final = frozenset({"writer", "seq", "attempt", "ops", "end"})
_VERBS: Final = ("append", "replace", "set", "put", "truncate")


@dataclass(frozen=True, slots=True)
class Batch:
    """`writer` None: sent by hand, at least once. `seq` None: sent by hand, or a query of the progress."""

    writer: str | None
    seq: int | None
    attempt: int | None
    ops: tuple[Op, ...]
    end: bool

    @property
    def values(self) -> int:
        """Number of values in the batch."""
        return sum(len(op.values) if isinstance(op, Append | Replace) else 1 for op in self.ops)


def read(body: bytes) -> Batch:
    """Read a batch from a request. Raises MalformedError or UnacceptableError."""
    raw = _mapping(_json(body), "the body")
    unknown = raw.keys() - _FIELDS
    if unknown:
        raise MalformedError(f"unknown field {_shown(min(unknown))}; use {', '.join(sorted(_FIELDS))}")
    writer, seq = _writer(raw.get("writer")), _optional_number(raw, "seq", 1)
    ops, end = raw.get("ops", []), raw.get("end", False)
    if not isinstance(ops, list):
        raise MalformedError("ops must be a list")
    if not isinstance(end, bool):
        raise MalformedError("end must be true or false")
    if writer is None and (seq is not None or end):
        raise MalformedError("seq and end need a writer")
    if writer is not None and seq is None and (ops or end):
        raise MalformedError("a batch with a writer needs a seq")
    return Batch(writer, seq, _optional_number(raw, "attempt", 1), _ops(ops), end)


def of_operations(writer: str, ops: list[Any]) -> Batch:
    """The one batch of this writer, from operations that are JSON already. Raises MalformedError or UnacceptableError."""
    return Batch(writer, 1, None, _ops(ops), end=True)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_constant)
    except RecursionError as error:
        raise MalformedError("the body is nested too deeply") from error
    except ValueError as error:  # not UTF-8, not JSON, or an integer of thousands of digits
        raise MalformedError(f"the body is not JSON: {str(error)[:100]}") from error


def _constant(name: str) -> NoReturn:
    raise MalformedError(f"{name} is not JSON: send null for NaN and infinities")


def _ops(raw: list[Any]) -> tuple[Op, ...]:
    if len(raw) > MAX_OPS:
        raise UnacceptableError(f"{len(raw)} operations in a batch; at most {MAX_OPS} are allowed")
    ops, values = [], 0
    for at, item in enumerate(raw):
        op = _op(_mapping(item, f"ops[{at}]"), f"ops[{at}]")
        values += len(op.values) if isinstance(op, Append | Replace) else 1
        if values > MAX_VALUES:
            raise UnacceptableError(f"more than {MAX_VALUES} values in a batch")
        ops.append(op)
    return tuple(ops)


def _op(raw: Mapping[str, Any], where: str) -> Op:
    verbs = [verb for verb in _VERBS if verb in raw]
    allowed = {"k", *verbs} | ({"overwrite"} if verbs == ["set"] else set())
    if len(verbs) != 1 or raw.keys() - allowed:
        raise MalformedError(f"{where} must have k and exactly one of {', '.join(_VERBS)}")
    key, given = _key(raw.get("k"), where), raw[verbs[0]]
    match verbs[0]:
        case "append":
            return Append(key, _list(given, key, where))
        case "replace":
            return Replace(key, _list(given, key, where))
        case "put":
            return Put(key, _single(given, key, where))
        case "truncate":
            return Truncate(key, _number(given, f"{where}.truncate", 0))
    overwrite = raw.get("overwrite", False)
    if not isinstance(overwrite, bool):
        raise MalformedError(f"{where}.overwrite must be true or false")
    return Set(key, _single(given, key, where), overwrite)


def _list(given: Any, key: str, where: str) -> list[Value]:
    if not isinstance(given, list):
        raise MalformedError(f"{where}: a list of numbers is needed")
    if len(given) > MAX_VALUES:  # before each is looked at: an object may hold 700,000
        raise UnacceptableError(f"more than {MAX_VALUES} values in a batch")
    try:
        return numbers(given)
    except NotANumberError as error:
        raise UnacceptableError(f"{where} ({_shown(key)}): {error}") from error


def _single(given: Any, key: str, where: str) -> Value:
    return _list([given], key, where)[0]


def _key(key: Any, where: str) -> str:
    if not isinstance(key, str):
        raise MalformedError(f"{where}.k must be a text")
    if not 0 < len(key) <= MAX_KEY or not key.isprintable():
        raise UnacceptableError(
            f"{where}.k: {_shown(key)} cannot name a metric; use 1 to {MAX_KEY} printable characters"
        )
    return key


def _writer(given: Any) -> str | None:
    if given is None:
        return None
    if not isinstance(given, str) or not 0 < len(given) <= MAX_WRITER:
        raise MalformedError(f"writer must be a text of 1 to {MAX_WRITER} characters")
    if not given.isascii() or not given.isprintable():
        raise MalformedError("writer must be printable ASCII")
    return given


def _optional_number(raw: Mapping[str, Any], name: str, least: int) -> int | None:
    return None if raw.get(name) is None else _number(raw[name], name, least)


def _number(given: Any, name: str, least: int) -> int:
    if type(given) is not int or not least <= given <= MAX_NUMBER:
        raise MalformedError(f"{name} must be a whole number of at least {least}")
    return given


def _mapping(given: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(given, dict):
        raise MalformedError(f"{what} must be a JSON object")
    return given


def _shown(text: str) -> str:
    return ascii(text[:60])
