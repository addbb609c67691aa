"""Report metrics of a Run: ``from runmetrics import log_metric``.

One file, standard library only, Python 3.8 and newer: the operator mounts it into every pod of a Run. A call costs
microseconds and never waits for the network; a value that is not a number raises ValueError, nothing else does. Two
threads do the rest: one writes every value to a file (the spool), one reads the spool and sends it in numbered
batches, so that each value arrives exactly once whatever is cut off, restarted or down. Outside a Run the file is all
there is. docs/runmetrics.md is its manual.

Why there are hardly any locks: a signal handler and a forked child may find any lock taken by nobody. A caller only
touches a deque, a SimpleQueue and plain attributes, whose operations are atomic.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import atexit
import collections
import contextlib
import functools
import http.client
import json
import math
import os
import queue
import random
import re
import signal
import socket
import ssl
import struct
import sys
import threading
import time
from typing import Any, Callable, Iterable, Mapping, NamedTuple, Sequence, Tuple

__all__ = ("flush", "log_metric", "log_metrics", "truncate_metric")

INTERVAL = 2.0
"""Seconds until a value is written to the spool and sent."""
WAKE_AT = 1000
"""Values (about 64 KiB of lines) that are written at once, without waiting for the interval."""
CROWDED_AT, FULL_AT = 50_000, 250_000
"""Values waiting for the spool: from the first on a call waits for it a millisecond, from the second on it drops."""
STUCK_AFTER = 1.0
"""Seconds without progress after which nobody waits for the spool."""
PART_BYTES = 16 << 20
"""Bytes of one file of the spool; then the next file begins."""
FOLDER_BYTES = 256 << 20
"""Bytes of all files of this pod in the folder; beyond it a process deletes its own oldest. RUN_METRICS_FOLDER_LIMIT."""
MEMORY_PART_BYTES, MEMORY_BYTES = 1 << 20, 8 << 20
"""Bytes of the spool in memory if no file can be written: the latest are kept."""
FLUSH_SECONDS, END_SECONDS = 10.0, 120.0
"""Seconds of a flush; of the last one, of a program that ends by itself while the endpoint is away: the pod, and with it the
spool, may be gone right after. RUN_METRICS_FLUSH_TIMEOUT: both."""
LOOK_SECONDS, REPORTED_AFTER = 0.2, 2.0
"""While the last flush waits: between two checks of the endpoint, and until a line on stderr."""
IN_VAIN_SECONDS = 600.0
"""Seconds after a process of this pod waited END_SECONDS without success, in which no other one waits longer than FLUSH_SECONDS."""
BATCH_BYTES, BATCH_LINES, BATCH_OPS = 512 << 10, 10_000, 1000
"""Bytes of the spool's lines that become one batch: a body of about a third of these bytes."""
CATCH_UP_PAUSE = 0.1
"""Seconds between two batches when much is waiting, so that the program itself hardly notices."""
WINDOW = 10_000
"""Batches that the cluster has taken but not stored yet."""
NETWORK_SECONDS = 5.0
FIRST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE_IN_FLUSH, LONGEST_ASKED_PAUSE = 0.5, 30.0, 1.0, 300.0
"""Seconds between two attempts: the first, the longest, and the longest that the server may ask for."""
POLLS, FLUSH_POLLS = (INTERVAL, LONGEST_PAUSE), (0.25, 2.0)
"""Seconds between two questions whether all is stored: the first and the longest pause; while somebody waits."""
FAILURES_REPORTED = 4
"""In a row."""
REFUSALS_OF_A_KEY, REFUSALS, REFUSALS_OF_SHAPE, DENIALS = 3, 1000, 20, 3
"""In a row: until a key is no longer sent, until nothing is (also for as many keys; the third: after a 400), and
until a 403 or 404 is believed."""
SKIPPED = 100_000
"""Keys that are no longer sent."""
ANSWER_BYTES = 256 << 10
MAX_KEY = 128
MAX_LINE = 1 << 20
"""Bytes of a line in a file that is watched."""

APPEND, PUT, SET, RESET, REPLACE, TRUNCATE = "append", "put", "set", "reset", "replace", "truncate"
"""Operations on a metric; RESET is a `set` with overwrite. The lines of the spool use the same names."""
MARK, LOST = "mark", "lost"
INVALID_VALUE = "Invalid metric value. Must be a list of floats or ints or a float or an int."
INVALID_KEY = "Invalid metric key. Must be a text of 1 to 128 printable characters."
INVALID_METRICS = "Invalid metrics. Must be a mapping of names to values, such as {'loss': 0.4}."
INVALID_FLAG = "Invalid {}. Must be True or False."
NO_STEP = (
    "step= is not known: a metric is a list of values in the order in which they are logged. Leave step out; to keep "
    "the step of each value, log it as a metric of its own, such as log_metric('step', 3)."
)

_open = open
"""The builtin one is gone while Python takes its modules apart."""

Entry = Tuple[float, str, str, Any]
"""Time, key, what to do, and a number, a list of numbers or a length."""


# ---- what a program calls


def log_metric(
    key: str, value: Any, overwrite: bool = False, single_value: bool = False, *, step: Any = None
) -> None:
    """Log one value of a metric, or several.

    A number or list is appended to the metric's list; with `overwrite` it replaces the list. With `single_value` a
    number becomes the metric's only value: kept as it is if there is one, unless `overwrite`; for a list the flag
    means nothing. NaN and infinity are allowed: the Run shows them as null. Raises ValueError for a key or value that
    cannot be logged (booleans, texts, None, nested lists), for `step`, which other libraries have, and nothing else.
    """
    if value.__class__ is not float:
        value = _checked(value)
    if key.__class__ is not str or key not in _known_keys:
        key = _checked_key(key)
    what = APPEND
    if overwrite is not False or single_value is not False or step is not None:
        what, value = _flagged(value, step, overwrite=overwrite, single_value=single_value)
    (_ready or _start()).record(key, what, value)


def log_metrics(metrics: Mapping[str, Any], overwrite: bool = False, *, step: Any = None) -> None:
    """Log several metrics; nothing of them if one is not allowed (ValueError).

    A list is appended, or replaces with `overwrite`. A number is the only value of a new metric, and is appended to
    one that exists; with `overwrite` it becomes the only value.
    """
    (overwrite,) = _checked_flags(step, overwrite=overwrite)
    checked = [(_checked_key(key), _checked(value)) for key, value in _items(metrics)]
    recorder = _ready or _start()
    for key, value in checked:
        if isinstance(value, list):
            recorder.record(key, REPLACE if overwrite else APPEND, value)
        else:
            recorder.record(key, RESET if overwrite else PUT, value)


def truncate_metric(key: str, length: int) -> None:
    """Keep the first `length` values that were logged: for a program that goes on from an older checkpoint."""
    if isinstance(length, bool) or not isinstance(length, int) or length < 0:
        raise ValueError("Invalid length. Must be a whole number from 0.")
    (_ready or _start()).record(_checked_key(key), TRUNCATE, length)


def flush(timeout: float | None = None) -> bool:
    """Wait until everything logged so far is stored in the cluster; outside a Run, until it is in the file.

    `timeout` in seconds, 10 by default. False: not (yet), see the lines on stderr; nothing is lost by it.
    """
    recorder = _late or _recorder
    if recorder is None:
        return True
    return recorder.flush(recorder.settings.flush_timeout if timeout is None else timeout)


# ---- keys and values


_known_keys: set[str] = set()
"""Keys that were checked already; at most as many as below, then they are checked every time."""
_MOST_KNOWN_KEYS = 4096


def _checked_key(key: Any) -> str:
    if not isinstance(key, str) or not 0 < len(key) <= MAX_KEY or not key.isprintable():
        raise ValueError(INVALID_KEY)
    plain = str.__str__(key)  # of a subclass, such as numpy's, the text itself
    if len(_known_keys) < _MOST_KNOWN_KEYS:
        _known_keys.add(plain)
    return plain


def _items(metrics: Any) -> list[tuple[Any, Any]]:
    try:
        return [(key, value) for key, value in metrics.items()]
    except Exception as error:
        raise ValueError(INVALID_METRICS) from error


def _flagged(value: Any, step: Any, *, overwrite: Any, single_value: Any) -> tuple[str, Any]:
    """The operation that the flags mean, and its value."""
    overwrite, single_value = _checked_flags(step, overwrite=overwrite, single_value=single_value)
    if value.__class__ is list:
        return REPLACE if overwrite else APPEND, value
    if single_value:
        return RESET if overwrite else SET, value
    return (REPLACE, [value]) if overwrite else (APPEND, value)


def _checked_flags(step: Any, **flags: Any) -> list[bool]:
    """True or False, also numpy's. A number here is a step that was passed by its place: other libraries have it there."""
    if step is not None:
        raise ValueError(NO_STEP)
    for name, flag in flags.items():
        if not isinstance(flag, bool) and flag.__class__.__name__ not in ("bool_", "bool"):
            raise ValueError(f"{INVALID_FLAG.format(name)} {NO_STEP}")
    return [bool(flag) for flag in flags.values()]


def _checked(value: Any) -> Any:
    """A float, an int of 64 bits, or a list of these. Raises ValueError, also where a value's own code fails."""
    try:
        if isinstance(value, (list, tuple)):
            return [_number(item) for item in value]
        if hasattr(value, "tolist"):  # arrays, tensors, series, and their scalars
            plain = value.tolist()
            if isinstance(plain, list):
                return [_number(item, _is_float32(value)) for item in plain]
            return _number(plain, _is_float32(value))
        return _number(value)
    except ValueError:
        raise
    except Exception as error:
        raise ValueError(INVALID_VALUE) from error


def _number(value: Any, float32: bool = False) -> float | int:
    if isinstance(value, (bool, str, bytes, list, tuple, dict)) or value is None:
        raise ValueError(INVALID_VALUE)
    if value.__class__ not in (float, int):
        float32, value = _is_float32(value), _plain(value)
    if isinstance(value, int):
        return int(value) if -(2**63) <= value < 2**63 else _as_float(value)
    return _shortest(value) if float32 else value


def _plain(value: Any) -> float | int:
    """The Python number of a numpy, torch or similar scalar."""
    for method in ("tolist", "item"):
        if hasattr(value, method):
            value = getattr(value, method)()
            break
    if isinstance(value, (bool, str, bytes, list, tuple, dict)) or not hasattr(value, "__float__"):
        raise ValueError(INVALID_VALUE)
    return int(value) if isinstance(value, int) else _as_float(value)


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    except (TypeError, ValueError):
        raise ValueError(INVALID_VALUE) from None


def _is_float32(value: Any) -> bool:
    return _names_float32(getattr(value, "dtype", None))


@functools.lru_cache(maxsize=64)
def _names_float32(dtype: Any) -> bool:
    return str(dtype).endswith("float32")


def _shortest(value: float) -> float:
    """0.1 for the float32 0.1, not 0.10000000149011612: as exact for a float32, and half as long in the Run."""
    if not math.isfinite(value) or value == int(value):
        return value
    packed = struct.pack("f", value)
    candidates = (float(f"{value:.{digits}g}") for digits in range(6, 10))
    return next((short for short in candidates if struct.pack("f", short) == packed), value)


# ---- the spool's lines, and the batch they make


_NOT_JSON = {"nan": '"NaN"', "inf": '"Infinity"', "-inf": '"-Infinity"'}


def to_lines(entries: Iterable[Entry], attempt: int | None) -> str:
    """One JSON line for each value, in full."""
    known = "" if attempt is None else f',"attempt":{attempt}'
    lines: list[str] = []
    for moment, key, what, value in entries:
        head = f'{{"time":{moment:.6f}{known},"key":{_json_key(key)}'
        if what is APPEND and value.__class__ is not list:
            lines.append(f'{head},"value":{_json_number(value)}}}\n')
        else:
            lines.extend(_other_lines(head, what, value))
    return "".join(lines)


def _other_lines(head: str, what: str, value: Any) -> Iterable[str]:
    """Only the first value of a list says what it does; those after it are appended."""
    if what is TRUNCATE:
        yield f'{head},"op":"truncate","length":{value}}}\n'
    elif what is LOST:
        yield f'{head},"op":"lost","count":{value}}}\n'
    elif value == []:
        yield f'{head},"op":"{what}"}}\n'
    else:
        for index, number in enumerate(value if isinstance(value, list) else (value,)):
            said = f'"op":"{what}",' if index == 0 and what is not APPEND else ""
            yield f'{head},{said}"value":{_json_number(number)}}}\n'


def _json_number(value: float) -> str:
    text = repr(value)
    return _NOT_JSON.get(text, text)


@functools.lru_cache(maxsize=1024)
def _json_key(key: str) -> str:
    return json.dumps(key, ensure_ascii=False)


def to_ops(lines: Sequence[bytes], skipped: frozenset[str] = frozenset()) -> tuple[list[dict[str, Any]], int]:
    """The ops of a batch and how many of the lines they cover; values of one key are put together.

    The result depends on the lines alone, so that a batch read again is the same batch.
    """
    ops: list[dict[str, Any]] = []
    latest: dict[str, dict[str, Any]] = {}
    for first in range(0, len(lines), 500):  # in pieces: nothing else runs while one is parsed
        for index, record in enumerate(_parsed(lines[first : first + 500]), first):
            key = record.get("key")
            if not isinstance(key, str) or key in skipped or record.get("op") == LOST:
                continue
            if len(ops) >= BATCH_OPS:
                return ops, index
            _fold(ops, latest, key, record)
    return ops, len(lines)


def _parsed(lines: Sequence[bytes]) -> list[Mapping[str, Any]]:
    try:
        found = json.loads(b"[" + b",".join(lines) + b"]")
    except ValueError:  # somebody wrote into the file
        return [_as_object(line) for line in lines]
    return [record if isinstance(record, dict) else {} for record in found]


def _as_object(text: bytes | str, constant: Callable[[str], Any] = str) -> Mapping[str, Any]:
    """A JSON object; empty for anything else. `constant` makes something of NaN and Infinity."""
    try:
        found = json.loads(text, parse_constant=constant)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _fold(ops: list[dict[str, Any]], latest: dict[str, Any], key: str, record: Mapping[str, Any]) -> None:
    """Add one line to the ops; order matters only among those of one key."""
    what, before = record.get("op", APPEND), latest.get(key)
    if what == PUT and before is not None and TRUNCATE not in before:
        what = APPEND  # the metric exists by now, and then both mean the same
    number = record.get("value")
    values = [] if "value" not in record else [None if isinstance(number, str) else number]
    if what == APPEND and before is not None and (APPEND in before or REPLACE in before):
        before[APPEND if APPEND in before else REPLACE].extend(values)
        return
    op = _op(key, what, values, record)
    if what in (RESET, REPLACE) and before is not None and ("overwrite" in before or REPLACE in before):
        before.clear()  # of two that overwrite only the second is seen
        before.update(op)
    else:
        latest[key] = op
        ops.append(op)


def _op(key: str, what: str, values: list[Any], record: Mapping[str, Any]) -> dict[str, Any]:
    if what in (APPEND, REPLACE):
        return {"k": key, what: values}
    if what == TRUNCATE:
        return {"k": key, what: record.get("length", 0)}
    number = values[0] if values else None
    return {"k": key, SET: number, "overwrite": True} if what == RESET else {"k": key, what: number}


# ---- settings and stderr


class Settings(NamedTuple):
    """Settings from the environment. Times in seconds."""

    url: str
    token_file: str
    authority_file: str
    folder: str
    folder_limit: int
    attempt: int | None
    flush_timeout: float
    """Also what SIGTERM leaves."""
    end_timeout: float

    @classmethod
    def from_environment(cls) -> Settings:
        """Outside a Run there is no RUN_METRICS_URL, and the files are kept where the program runs."""
        env = os.environ.get
        url = env("RUN_METRICS_URL", "")
        attempt = _as_int(env("RUN_ATTEMPT", ""))
        chosen = env("RUN_METRICS_FLUSH_TIMEOUT", "")  # a person's; the next one is the operator's
        at_sigterm = _as_seconds(env("RUN_METRICS_SIGTERM_TIMEOUT", ""), FLUSH_SECONDS)
        return cls(
            url=url,
            token_file=env("RUN_METRICS_TOKEN_FILE", ""),
            authority_file=env("RUN_METRICS_CA_FILE", ""),
            folder=env("RUN_METRICS_FOLDER") or ("/var/run/run-metrics" if url else "run-metrics"),
            folder_limit=_as_int(env("RUN_METRICS_FOLDER_LIMIT", "")) or FOLDER_BYTES,
            attempt=attempt,
            flush_timeout=_as_seconds(chosen, at_sigterm),
            end_timeout=_as_seconds(chosen, END_SECONDS),
        )


def _as_int(text: str) -> int | None:
    return int(text) if re.fullmatch("[0-9]{1,18}", text) else None


def _as_seconds(text: str, default: float) -> float:
    return float(text) if re.fullmatch(r"[0-9]{1,6}(\.[0-9]+)?", text) else default


class Teller:
    """Tells each thing once, on stderr; by its descriptor, for Python's own stream has a lock."""

    MOST = 100

    def __init__(self) -> None:
        self._printed: set[str] = set()

    def tell(self, text: str, last: bool = False) -> None:
        """Print one line, once; `last`: also beyond the limit."""
        if text in self._printed or (len(self._printed) >= self.MOST and not last):
            return
        self._printed.add(text)
        line = "".join(c if c.isprintable() else "?" for c in f"runmetrics: {text[:500]}") + "\n"
        with contextlib.suppress(OSError):
            os.write(2, line.encode("utf-8", "replace"))


# ---- the spool


class Part:
    """A stretch of the spool, from byte `start` on: a file, or memory where none can be written."""

    def __init__(self, start: int, path: str | None) -> None:
        self.start = start
        self.size = 0
        self.path = path
        self.data = bytearray()

    @property
    def end(self) -> int:
        """The byte after the last one."""
        return self.start + self.size

    def read(self, start: int, size: int) -> bytes:
        """Bytes from an absolute position on; none if the file is gone."""
        if self.path is None:
            return bytes(self.data[start - self.start : start - self.start + size])
        try:
            with _open(self.path, "rb") as file:
                file.seek(start - self.start)
                return file.read(size)
        except OSError:
            return b""


class Spool:
    """Every value as a line, in order. Positions are bytes since its beginning, over all parts."""

    def __init__(self, settings: Settings, host: str, name: str, tell: Callable[..., None]) -> None:
        self._folder, self._limit = settings.folder, settings.folder_limit
        with contextlib.suppress(OSError):  # where the program runs may be gone
            self._folder = os.path.abspath(self._folder)
        self._host, self._name, self._tell = host, name, tell
        self._lock = threading.Lock()  # between the two threads of this module, never held by a caller
        self._parts: list[Part] = []
        self._file: Any = None
        self._count = 0
        self.end = 0
        self.in_files = True
        """False once something could not be written to a file."""

    @property
    def files(self) -> str:
        """Where a person finds the values."""
        return os.path.join(self._folder, f"{self._name}.*.jsonl")

    def write(self, data: bytes) -> None:
        """Whole lines. Never fails: what no file takes stays in memory, the latest of it."""
        part = self._parts[-1] if self._parts else None
        if part is None or part.size >= (PART_BYTES if part.path else MEMORY_PART_BYTES):
            part = self._begin()
        if part.path and not self._written(data, part):
            part = self._begin(in_memory=True)
        if part.path is None:
            part.data += data
            self.in_files = False
        with self._lock:
            part.size += len(data)
            self.end = part.end

    def read(self, start: int, size: int) -> tuple[int, list[bytes]]:
        """Whole lines from a position on, and the position where they begin: a later one if something is gone."""
        with self._lock:
            part = next((part for part in self._parts if part.end > start), None)
            if part is None:
                return max(start, self.end), []
            start = max(start, part.start)
            size = min(size, part.end - start)
        data = part.read(start, size)
        lines = data[: data.rfind(b"\n") + 1].splitlines(keepends=True)
        return (start, lines) if lines else (part.end, [])

    def rest(self) -> None:
        """Keep no file open until the next value."""
        file, self._file = self._file, None
        with contextlib.suppress(OSError):
            if file is not None:
                file.close()

    def abandon(self) -> None:
        """In a forked child: the file is the parent's."""
        with contextlib.suppress(Exception):
            self._file.close()

    def note_in_vain(self) -> None:
        """For the other processes of this pod, by an empty file: the endpoint did not answer while this one waited."""
        with contextlib.suppress(OSError), _open(self._note, "ab"):
            os.utime(self._note)

    def is_in_vain(self) -> bool:
        """Such a wait ended lately: a parent of many children must not wait for each of them again."""
        try:
            return time.time() - os.stat(self._note).st_mtime < IN_VAIN_SECONDS
        except OSError:
            return False

    @property
    def _note(self) -> str:
        return os.path.join(self._folder, f"{self._host}.in-vain")

    def _written(self, data: bytes, part: Part) -> bool:
        try:
            if self._file is None:
                self._file = _open(part.path or "", "ab", buffering=0)
            rest = memoryview(data)
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            with contextlib.suppress(OSError, AttributeError):
                self._file.truncate(part.size)  # no half line for those who read the file
            self._only_memory(error)
            return False
        return True

    def _begin(self, in_memory: bool = False) -> Part:
        self.rest()
        path = None if in_memory else self._new_file()
        part = Part(self.end, path)
        with self._lock:
            self._parts.append(part)
        self._prune()
        return part

    def _new_file(self) -> str | None:
        self._count += 1
        path = os.path.join(self._folder, f"{self._name}.{self._count:03d}.jsonl")
        try:
            os.makedirs(self._folder, exist_ok=True)
            self._file = _open(path, "ab", buffering=0)
        except OSError as error:
            self._only_memory(error)
            return None
        return path

    def _only_memory(self, error: OSError) -> None:
        self._tell(f"cannot write to {self._folder} ({error.strerror}); values are kept in memory only")

    def _prune(self) -> None:
        """Keep within the bounds by giving up our own oldest parts, never the one that is written."""
        files = [part for part in self._parts[:-1] if part.path]
        while files and self._folder_bytes() > self._limit:
            self._drop(files.pop(0))
            self._tell(f"more than {self._limit} bytes in {self._folder}: the oldest are deleted")
        memory = [part for part in self._parts[:-1] if not part.path]
        while len(memory) >= MEMORY_BYTES // MEMORY_PART_BYTES:
            self._drop(memory.pop(0))

    def _drop(self, part: Part) -> None:
        with self._lock:
            self._parts = [other for other in self._parts if other is not part]
        if part.path:
            with contextlib.suppress(OSError):
                os.unlink(part.path)

    def _folder_bytes(self) -> int:
        try:
            with os.scandir(self._folder) as found:
                ours = (entry for entry in found if entry.name.startswith(f"{self._host}-"))
                return sum(entry.stat().st_size for entry in ours)
        except OSError:
            return 0


# ---- the network


class Answer(NamedTuple):
    """The answer of the ingest."""

    status: int
    retry_after: float
    body: Mapping[str, Any]

    def number(self, name: str, default: int) -> int:
        """A whole number of the body."""
        value = self.body.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else default

    @property
    def notes(self) -> list[str]:
        """Notes for people; at most 20."""
        found = self.body.get("notes")
        return [str(note) for note in found[:20]] if isinstance(found, list) else []

    @property
    def error(self) -> str:
        """Its own words, for people."""
        return str(self.body.get("error") or "no reason given")


FAILURES = (OSError, http.client.HTTPException, ValueError)
"""Exceptions of a request: the network, the token file, the certificate, an answer that is not HTTP."""


class Endpoint:
    """One kept connection. No proxies; the token file is read for every request, the authority for every connection."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        scheme, _, rest = settings.url.partition("://")
        self._tls = scheme == "https"
        self._host, _, path = rest.partition("/")
        self._path = f"/{path}"
        self._connection: http.client.HTTPConnection | None = None

    def post(self, body: bytes) -> Answer:
        """Send one body. Raises one of FAILURES; the server may have taken it all the same."""
        kept = self._connection is not None
        try:
            return self._exchange(body)
        except socket.timeout:
            self.close()
            raise
        except FAILURES:
            self.close()
            if not kept:
                raise
        try:  # a kept connection may have been closed for its age
            return self._exchange(body)
        except FAILURES:
            self.close()
            raise

    def close(self) -> None:
        """Close without waiting for the other side."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.close()

    def abandon(self) -> None:
        """In a forked child: close our copy of the descriptor, and say nothing on the parent's connection."""
        sock = getattr(self._connection, "sock", None)
        if sock is not None:
            with contextlib.suppress(Exception):
                os.close(sock.detach())

    def _exchange(self, body: bytes) -> Answer:
        if self._connection is None:
            self._connection = self._connect()
        headers = {"Content-Type": "application/json", "User-Agent": "runmetrics"}
        if self._settings.token_file:
            with _open(self._settings.token_file, encoding="ascii") as file:
                headers["Authorization"] = f"Bearer {file.read(65536).strip()}"
        self._connection.request("POST", self._path, body, headers)
        response = self._connection.getresponse()
        data = response.read(ANSWER_BYTES + 1)
        if len(data) > ANSWER_BYTES or response.will_close:
            self.close()
        return Answer(response.status, _retry_after(response.getheader("Retry-After")), _as_object(data))

    def _connect(self) -> http.client.HTTPConnection:
        if not self._tls:
            return http.client.HTTPConnection(self._host, timeout=NETWORK_SECONDS)
        context = ssl.create_default_context(cafile=self._settings.authority_file or None)
        return http.client.HTTPSConnection(self._host, timeout=NETWORK_SECONDS, context=context)


def _retry_after(text: str | None) -> float:
    return min(float(text), LONGEST_ASKED_PAUSE) if text and re.fullmatch("[0-9]{1,6}", text) else 0.0


# ---- from the spool to the cluster


class Batch:
    """Lines `start` to `stop` of the spool under one number. Once it may have been taken it never changes."""

    def __init__(
        self, seq: int, start: int, stop: int, lines: int, skipped: frozenset[str], end: bool
    ) -> None:
        self.seq, self.start, self.stop, self.lines = seq, start, stop, lines
        self.skipped, self.end = skipped, end
        self.ops: list[dict[str, Any]] | None = None
        """Kept until the batch is taken; after that they are read again if the server has lost them."""


class Sender:
    """Cuts the spool into numbered batches and sees them into the cluster. One thread calls `step`."""

    def __init__(self, settings: Settings, spool: Spool, writer: str, tell: Callable[..., None]) -> None:
        self._settings, self._spool, self._tell = settings, spool, tell
        self._endpoint = Endpoint(settings)
        self._random = random.Random(os.urandom(8))  # noqa: S311 - not the one that the program seeded
        self._base, self._writer, self._renewed = writer, writer, 0
        self._batches: collections.deque[Batch] = collections.deque()
        self._taken = 0  # how many of these, from the left, the server has
        self._seq = 0
        self._highest = 0  # ever taken, under this writer's name
        self._cut = 0  # up to here the spool is in batches
        self._lines = self._most_lines = BATCH_LINES  # of the next batch
        self._failures = self._denials = self._refusals = 0
        self._refused: dict[str, int] = {}
        self._skipped: frozenset[str] = frozenset()
        self._at_once = 0  # so many of these the server named itself
        self._wait_until = self._wait_until_in_flush = 0.0
        self._asked_at, self._polls = 0.0, 0
        self._goodbye_said = False
        self.bell: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.hurry_until = 0.0
        """Somebody waits in `flush` until then (monotonic)."""
        self.final: int | None = None
        """The position after which this writer ends."""
        self.settled = 0
        """Everything before this position is in the cluster, or will never be."""
        self.lost = False
        """Something will never be."""
        self.stopped = self.gave_up = False
        self.away = "no answer yet"
        """Why the endpoint cannot be asked or cannot take anything now; empty once it says something else."""

    def run(self) -> None:
        """Until the last batch is stored, or the server wants nothing more."""
        while not self.stopped:
            try:
                pause = self.step()
            except Exception as error:  # noqa: BLE001 - a mistake of ours must not end the thread
                self._tell(f"internal error: {error!r}")
                pause = LONGEST_PAUSE
            if pause > 0:
                _nap(self.bell, pause)
        self._endpoint.close()

    def step(self) -> float:
        """Send what there is to send; the answer: for how many seconds there is nothing more to do."""
        now = time.monotonic()
        hurry = now < self.hurry_until
        wait = (self._wait_until_in_flush if hurry else self._wait_until) - now
        if wait > 0:
            return wait
        batch = self._next()
        if batch is None:
            if not self._batches:
                return self._rest()
            first, longest = FLUSH_POLLS if hurry else POLLS
            wait = self._asked_at + min(longest, first * 1.5 ** min(self._polls, 20)) - now
            if wait > 0:
                return wait
        try:
            answer = self._endpoint.post(self._body(batch))
        except FAILURES as error:
            self.away = str(error) or error.__class__.__name__
            return self._failed(self.away)
        self._asked_at = time.monotonic()
        return self._heard(batch, answer) or (0.0 if hurry else CATCH_UP_PAUSE)

    def ring(self) -> None:
        """There may be something to do."""
        if not self.stopped and self.bell.empty():
            self.bell.put(None)

    @property
    def delivered(self) -> bool:
        """Whether the server has everything, with the last batch, or wants nothing."""
        return self.stopped or (self._goodbye_said and self._taken >= len(self._batches))

    def rest(self) -> None:
        """Keep no connection until the next value."""
        self._endpoint.close()

    def begin_writer(self) -> None:
        """Restart as another writer after the last batch."""
        if not self._goodbye_said or self.gave_up:
            return
        self._renewed += 1
        self._writer = f"{self._base}-{self._renewed}"
        self._batches.clear()
        self._seq = self._taken = self._highest = 0
        self.final, self._goodbye_said, self.stopped = None, False, False

    def abandon(self) -> None:
        """In a forked child."""
        self._endpoint.abandon()

    def _rest(self) -> float:
        if self.final is not None and self._cut >= self.final:
            self.stopped = True
            return 0.0
        return LONGEST_PAUSE

    # -- batches

    def _next(self) -> Batch | None:
        """The batch the server has to get next; None if it has them all."""
        if self._taken < len(self._batches):
            return self._batches[self._taken]
        if self._goodbye_said:
            return None
        while len(self._batches) < WINDOW:
            position, lines = self._spool.read(self._cut, BATCH_BYTES)
            if position > self._cut:
                self._lose(f"values were deleted from {self._spool.files} before they could be sent")
            elif not lines:
                break
            self._cut = position
            batch = self._batch(position, lines[: self._lines])
            if batch is not None:
                return batch
        return self._goodbye()

    def _batch(self, start: int, lines: Sequence[bytes]) -> Batch | None:
        """A batch of these lines, or of as many as fit; None if there is nothing to send."""
        ops, used = to_ops(lines, self._skipped)
        stop = start + sum(map(len, lines[:used]))
        self._cut = stop
        if not ops:
            self._settle()
            return None
        end = self.final is not None and stop >= self.final
        return self._numbered(Batch(self._seq + 1, start, stop, used, self._skipped, end), ops)

    def _goodbye(self) -> Batch | None:
        """An empty last batch, if the last one with values was sent before it was known to be the last."""
        if self.final is None or self._cut < self.final or not self._seq:
            return None
        return self._numbered(Batch(self._seq + 1, self._cut, self._cut, 0, frozenset(), True), [])

    def _numbered(self, batch: Batch, ops: list[dict[str, Any]]) -> Batch:
        batch.ops = ops
        self._seq = batch.seq
        self._goodbye_said = batch.end
        self._batches.append(batch)
        self._settle()
        return batch

    def _body(self, batch: Batch | None) -> bytes:
        """The JSON of a batch; without one, of the question how far the server is."""
        message: dict[str, Any] = {"writer": self._writer, "ops": []}
        if self._settings.attempt is not None:
            message["attempt"] = self._settings.attempt
        if batch is not None:
            if batch.ops is None:
                batch.ops = self._read_again(batch)
            message.update(seq=batch.seq, ops=batch.ops)
            if batch.end:
                message["end"] = True
        return json.dumps(message, separators=(",", ":"), allow_nan=False).encode()

    def _read_again(self, batch: Batch) -> list[dict[str, Any]]:
        position, lines = self._spool.read(batch.start, batch.stop - batch.start)
        lines = lines if position == batch.start else []
        if sum(map(len, lines)) < batch.stop - batch.start:
            self._lose(f"values were deleted from {self._spool.files} before the cluster stored them")
        return to_ops(lines, batch.skipped)[0]

    def _settle(self) -> None:
        self.settled = self._batches[0].start if self._batches else self._cut

    def _lose(self, why: str) -> None:
        self.lost = True
        self._tell(why)

    # -- answers: each returns how long to wait, 0 for not at all

    def _heard(self, batch: Batch | None, answer: Answer) -> float:
        for note in answer.notes:
            self._tell(f"the operator reports: {note}")
        status = answer.status
        self.away = f"it answers {status}" if status >= 500 or status in (408, 429) else ""
        if status in (200, 202) and answer.number("accepted", -1) >= 0:
            return self._accepted(batch, answer)
        if status == 409 and batch is not None:
            return self._resync(batch, answer.number("expected", 0))
        if status in (400, 413, 422) and batch is not None and batch.seq > self._highest:
            return self._refused_batch(batch, answer)
        self._denials = self._denials + 1 if status in (403, 404) else 0
        if status == 410 or self._denials >= DENIALS:
            return self._give_up(f"the operator answers {status}: {answer.error}")
        return self._failed(f"it answers {status}: {answer.error}", answer.retry_after)

    def _failed(self, why: str, least: float = 0.0) -> float:
        """Try again later; reported after some seconds."""
        self._failures += 1
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(self._failures - 1, 10))
        pause *= self._random.uniform(0.5, 1.0)
        now = time.monotonic()
        self._wait_until = now + max(pause, least)
        self._wait_until_in_flush = now + max(min(pause, LONGEST_PAUSE_IN_FLUSH), least)
        if self._failures == FAILURES_REPORTED:
            self._tell(f"the operator does not accept metrics ({why}); they are sent later")
        return 0.01

    def _accepted(self, batch: Batch | None, answer: Answer) -> float:
        self._failures = self._denials = 0
        accepted, committed = answer.number("accepted", 0), answer.number("committed", 0)
        self._polls += 1
        if batch is not None:
            self._polls = 0
            accepted = max(accepted, batch.seq)
            self._praise(batch)
        self._highest = max(self._highest, min(accepted, self._seq))
        while self._batches and self._batches[0].seq <= min(committed, self._highest):
            self._batches.popleft()
        self._settle()
        return self._go_on_from(accepted + 1)

    def _praise(self, batch: Batch) -> None:
        """Note that the ingest accepts the metrics of this batch."""
        self._refusals = 0
        self._lines = min(self._lines * 2, self._most_lines)
        for op in batch.ops or ():
            self._refused.pop(op["k"], None)
        batch.ops = None

    def _go_on_from(self, seq: int) -> float:
        """The server has everything before this number; what it lost of what it took is sent again."""
        first = self._batches[0].seq if self._batches else self._seq + 1
        if seq < first:
            return self._renew()
        self._taken = min(seq - first, len(self._batches))
        return 0.0

    def _resync(self, batch: Batch, expected: int) -> float:
        if expected < 1 or expected == batch.seq:
            return self._failed("it answers 409 to the batch that it expects")
        pause = self._go_on_from(expected)
        return pause or self._random.uniform(0.1, 0.3)  # two replicas that disagree must not make us spin

    def _renew(self) -> float:
        """Become a new writer: the server has forgotten this one, and what it had stored is not ours to send again."""
        self._renewed += 1
        self._writer = f"{self._base}-{self._renewed}"
        for seq, batch in enumerate(self._batches, 1):
            batch.seq = seq
        self._seq, self._taken, self._highest = len(self._batches), 0, 0
        return self._failed("it no longer knows this writer")

    def _refused_batch(self, batch: Batch, answer: Answer) -> float:
        """Nothing of it was taken, so that its number is free: try with half of it, until the bad line is alone."""
        while self._batches[-1] is not batch:
            self._batches.pop()
        self._batches.pop()
        self._seq, self._cut, self._goodbye_said = batch.seq - 1, batch.start, False
        if self._skip(batch, answer):
            return 0.0
        if batch.lines > 1:
            self._lines = batch.lines // 2
            if answer.status == 413:
                self._most_lines = self._lines
        elif batch.lines == 1:
            self._cut = batch.stop
            return self._refuse_line(batch, answer)
        else:
            self._goodbye_said = True  # a server that wants no last batch
        self._settle()
        return 0.0

    def _skip(self, batch: Batch, answer: Answer) -> bool:
        """No longer send what the server names as having no place; False if it names nothing of this batch."""
        named = answer.body.get("keys")
        names = set(map(str, named)) if isinstance(named, list) else set()
        found = names & {op["k"] for op in batch.ops or ()}
        if not found or len(self._skipped) + len(found) > SKIPPED:
            return False
        self._skipped |= found
        self._at_once += len(found)
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        self._lose(f"{answer.error}; {min(found)!r}{more}: no longer sent, and kept in {self._spool.files}")
        self._settle()
        return True

    def _refuse_line(self, batch: Batch, answer: Answer) -> float:
        key = batch.ops[0]["k"] if batch.ops else ""
        self._lose(f"the operator refuses a value of {key!r}: {answer.error}")
        self._settle()
        self._refused[key] = self._refused.get(key, 0) + 1
        self._refusals += 1
        if self._refused[key] >= REFUSALS_OF_A_KEY:
            self._skipped |= {key}
            del self._refused[key]
            self._tell(f"{key!r} is no longer sent; its values are kept in {self._spool.files}")
        many = max(self._refusals, len(self._refused), len(self._skipped) - self._at_once)
        if many >= (REFUSALS_OF_SHAPE if answer.status == 400 else REFUSALS):
            return self._give_up(f"the operator refuses too many values: {answer.error}")
        return 0.0

    def _give_up(self, why: str) -> float:
        self._tell(f"{why}; metrics are no longer sent, and kept in {self._spool.files}", last=True)
        self.gave_up = self.stopped = True
        return 0.0


def _nap(bell: queue.SimpleQueue[None], seconds: float) -> None:
    with contextlib.suppress(queue.Empty):
        bell.get(timeout=seconds)


# ---- from the calls to the spool


class Mark:
    """Goes through the queue with the values; its position says that those before it are in the spool."""

    def __init__(self, last: bool) -> None:
        self.last = last
        self.position: int | None = None


class Recorder:
    """The recorder of one process: the queue that callers fill, and the two threads behind it."""

    def __init__(self) -> None:
        self.settings = Settings.from_environment()
        host = re.sub("[^A-Za-z0-9.-]", "-", socket.gethostname())[:63]
        writer = f"{host}-{os.getpid()}-{os.urandom(4).hex()}"
        self._tell = Teller().tell
        self.spool = Spool(self.settings, host, writer, self._tell)
        self.sender = Sender(self.settings, self.spool, writer, self._tell) if self.settings.url else None
        self._queue: collections.deque[Entry] = collections.deque()
        self._weight = 0  # of values inside lists, about: for bounds only, so that a lost update is not harm
        self._dropped = self._reported_dropped = 0  # the first is the callers', the second the thread's
        self._lost = self._reported_wait = False
        self._closing_since = 0.0
        self._close_by: float | None = None
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._rung = False
        self._beat = time.monotonic()
        self._spooling = threading.Thread(target=self._run, name="runmetrics-spool", daemon=True)
        self._sending = threading.Thread(
            target=self.sender.run if self.sender else None, name="runmetrics-send", daemon=True
        )

    def start(self) -> None:
        """Start the threads that do not run yet; where there can be none, the values wait for `flush`."""
        with contextlib.suppress(RuntimeError):
            if self._spooling.ident is None:
                self._spooling.start()
            if self._sending.ident is None and self.sender is not None:
                self._sending.start()

    def record(self, key: str, what: str, value: Any) -> None:
        """Put into the queue; values are checked already."""
        if value.__class__ is list:
            if len(value) > WAKE_AT:
                self._record_long(key, what, value)
                return
            self._weight += len(value)
        if len(self._queue) + self._weight < WAKE_AT or self._room_for(value):
            self._queue.append((time.time(), key, what, value))

    def hurry(self) -> None:
        """The program may end soon: send at once what waits."""
        if self.sender is not None:
            self.sender.hurry_until = max(
                self.sender.hurry_until, time.monotonic() + self.settings.flush_timeout
            )
        self._bell.put(None)

    def flush(self, timeout: float) -> bool:
        """See the function of this name."""
        deadline = time.monotonic() + timeout
        position = self._spooled(deadline)
        sender = self.sender
        if position is None or sender is None:
            return position is not None and self.spool.in_files and not self._lost
        sender.hurry_until = max(sender.hurry_until, deadline)
        sender.ring()
        self._wait(lambda: sender.settled >= position or sender.stopped, deadline)
        return sender.settled >= position and not (sender.lost or self._lost)

    def close(self, longest: float) -> bool:
        """Send the last batch and wait until it is stored; returns whether everything is. All calls share one time.

        It is that of a flush, and restarts while the endpoint is away, up to `longest` seconds.
        """
        usual, now = min(longest, max(self.settings.flush_timeout, FLUSH_SECONDS)), time.monotonic()
        if self._close_by is None:
            self._closing_since, self._close_by = now, now + usual
        self._close_by = min(self._close_by, now + usual)  # SIGTERM leaves less than an end before it did
        if longest > usual and self.spool.is_in_vain():
            longest = usual
        sender = self.sender
        if sender is not None:
            sender.hurry_until = max(self._close_by, self._closing_since + longest)
        position = self._spooled(self._close_by, last=True)
        if sender is None:
            return position is not None and self.spool.in_files and not self._lost
        if not sender.gave_up and (position is None or not self._saw_out(sender, usual, longest)):
            self._tell_unstored()
            return False
        return not (sender.gave_up or sender.lost or self._lost)

    def _saw_out(self, sender: Sender, usual: float, longest: float) -> bool:
        """Wait until the sender is done. False: it is not, in the time of `close`."""
        latest, close_by = self._closing_since + longest, self._close_by or 0.0
        while not self._wait(lambda: sender.stopped, min(close_by, time.monotonic() + LOOK_SECONDS)):
            now, away = time.monotonic(), sender.away
            if away and longest > usual:
                self._close_by = close_by = max(close_by, min(latest, now + usual))
                if now - self._closing_since >= REPORTED_AFTER:
                    self._tell_wait(away, longest)
            if now >= close_by:
                if close_by >= latest and longest > usual:
                    self.spool.note_in_vain()
                return False
        return True

    def _tell_wait(self, why: str, longest: float) -> None:
        if self._reported_wait:
            return
        self._reported_wait = True  # the reason may change, and it is one wait
        code = "" if __name__ == "__main__" else "; the program's exit code stays what it is"
        self._tell(
            f"the program has ended: its last metrics wait for the operator ({why}), for at most {longest:g} s{code}",
            last=True,
        )

    def _tell_unstored(self) -> None:
        waited = round((self._close_by or 0.0) - self._closing_since, 1)
        self._tell(
            f"the program has ended: not all metrics are confirmed as stored after {waited:g} s; "
            f"every value is in {self.spool.files}",
            last=True,
        )

    def abandon(self) -> None:
        """In a forked child: queue, file and connection are the parent's."""
        self.spool.abandon()
        if self.sender is not None:
            self.sender.abandon()

    def _record_long(self, key: str, what: str, values: list[Any]) -> None:
        self.record(key, what, values[:WAKE_AT])
        for start in range(WAKE_AT, len(values), WAKE_AT):
            self.record(key, APPEND, values[start : start + WAKE_AT])

    def _room_for(self, value: Any) -> bool:
        """Many values wait: wake the spool's thread, and let it run. False if there is no room for one more."""
        if not self._rung:
            self._rung = True
            self.start()
            self._bell.put(None)
        waiting = len(self._queue) + self._weight
        if waiting >= FULL_AT:
            self._dropped += len(value) if value.__class__ is list else 1
            return False
        if waiting >= CROWDED_AT and time.monotonic() - self._beat < STUCK_AFTER:
            time.sleep(0.001)
        return True

    def _run(self) -> None:
        while True:
            _nap(self._bell, INTERVAL)
            try:
                self._drain()
            except Exception as error:  # noqa: BLE001 - a mistake of ours must not end the thread
                self._tell(f"internal error: {error!r}")

    def _drain(self) -> None:
        """Everything that waits goes into the spool."""
        self._rung = False
        while self._queue:
            entries = [self._queue.popleft() for _ in range(min(len(self._queue), WAKE_AT))]
            if self._dropped > self._reported_dropped:
                entries.append(self._loss())
            lines = to_lines((entry for entry in entries if entry[2] is not MARK), self.settings.attempt)
            if lines:
                self.spool.write(lines.encode())
            for entry in entries:
                if entry[2] is MARK:
                    self._reach(entry[3])
            self._beat = time.monotonic()
            if self.sender is not None:
                self.sender.ring()
        self._weight = 0

    def _reach(self, mark: Mark) -> None:
        if mark.last and self.sender is not None and self.sender.final is None:
            self.sender.final = self.spool.end
        mark.position = self.spool.end

    def _loss(self) -> Entry:
        dropped = self._dropped
        count, self._reported_dropped = dropped - self._reported_dropped, dropped
        self._lost = True
        self._tell(f"values are logged faster than they can be written to {self.spool.files}; some are lost")
        return time.time(), "", LOST, count

    def _spooled(self, deadline: float, last: bool = False) -> int | None:
        """The position after everything logged so far, once it is in the spool; None if it takes too long."""
        mark = Mark(last)
        self._queue.append((0.0, "", MARK, mark))
        self._bell.put(None)
        self._wait(lambda: mark.position is not None, deadline)
        return mark.position

    def _wait(self, done: Callable[[], bool], deadline: float) -> bool:
        """By looking, not by a lock: a signal handler may have interrupted its holder."""
        pause = 0.001
        while not done():
            if time.monotonic() >= deadline:
                return False
            self._help()
            time.sleep(pause)
            pause = min(pause * 1.5, 0.02)
        return True

    def _help(self) -> None:
        """Do the work of threads that could not be started: too many, or the interpreter is about to end."""
        with contextlib.suppress(Exception):  # two callers may help at once
            if not self._spooling.is_alive():
                self._drain()
            if self.sender is not None and not self.sender.stopped and not self._sending.is_alive():
                self.sender.step()


class LateRecorder(Recorder):
    """The recorder while the interpreter ends, after the last flush: no later flush could send its values.

    So each call sends its own value, as the only batch of a new writer. No thread can be started
    any more; all calls have the time of one flush together.
    """

    def __init__(self) -> None:
        super().__init__()
        self._turn = threading.RLock()  # threads of the program may still run
        self._until: float | None = None

    def start(self) -> None:
        """No threads."""

    def record(self, key: str, what: str, value: Any) -> None:
        """Into the file, and into the cluster as long as there is time."""
        if self._until is None:
            self._until = time.monotonic() + self.settings.flush_timeout
        try:
            if self._turn.acquire(timeout=max(0.0, self._until - time.monotonic())):
                try:
                    super().record(key, what, value)
                    self._send(self._until)
                finally:
                    self._turn.release()
            else:
                self._tell_late()
        except Exception as error:  # noqa: BLE001 - modules are taken apart around us
            self._tell(
                f"{key!r} was logged while Python was shutting down, and is lost: {error!r}", last=True
            )

    def _send(self, deadline: float) -> None:
        sender = self.sender
        if sender is not None:
            sender.begin_writer()
        self._drain()
        self.spool.rest()
        if sender is None:
            return
        sender.final = self.spool.end
        sender.hurry_until = deadline
        delivered = self._wait(lambda: sender.delivered, deadline)
        sender.rest()
        if not delivered or sender.lost:
            self._tell_late()

    def _tell_late(self) -> None:
        self._tell(
            f"values that were logged while Python was shutting down are not confirmed as stored; see {self.spool.files}",
            last=True,
        )


# ---- this process: its one recorder, and how it ends


_recorder: Recorder | None = None
_late: LateRecorder | None = None
_ready: Recorder | None = None
"""The one that takes values now; None: ask `_start`."""
_starting = threading.RLock()
_hooked = 0
"""The process that has its hooks."""
_ended = False
"""The last flush has begun."""
_dying = False
_wakeup: tuple[int, int] | None = None
"""The two ends of the pipe by which `_insist` learns of a signal."""


def _start() -> Recorder:
    global _recorder, _late, _ready  # noqa: PLW0603 - one for each process
    with _starting:
        if _ended or _is_exiting():
            _late = _late or LateRecorder()
            return _late
        if _recorder is None:
            _hook()
            recorder = Recorder()
            recorder.start()
            _recorder = recorder
        _ready = _recorder
        return _recorder


def _is_exiting() -> bool:
    """The main thread is past the program, in functions of `atexit` or later: one that is registered now never runs."""
    main = threading.main_thread()
    return sys.is_finalizing() or (threading.get_ident() == main.ident and not main.is_alive())


def _hook() -> None:
    """Once for a process and its forked children; the last two again in each."""
    global _hooked  # noqa: PLW0603 - as above
    if not _hooked:
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=_hold, after_in_parent=_release, after_in_child=_start_child)
        atexit.register(_end)
        signal.signal = _heeding(signal.signal)  # type: ignore[assignment]
        signal.set_wakeup_fd = _waking(signal.set_wakeup_fd)
        _hook_exec()
    if _hooked == os.getpid():
        return
    _hooked = os.getpid()
    multiprocessing = sys.modules.get("multiprocessing.process")
    worker = multiprocessing is not None and multiprocessing.parent_process() is not None
    if worker:
        # It ends without atexit. After everything else of its end, of its children too: the lowest number.
        sys.modules["multiprocessing.util"].Finalize(None, _end_worker, exitpriority=-(2**30))
    if _heed() and worker:
        _insist()


class _Default:
    """The handler of SIGTERM where the program has none; other code sees SIG_DFL in its place.

    Trainers and servers look at what is there: they call an earlier handler from their own, put theirs only where the
    default is, or put the earlier one back. They must find what they would find without this module. Python makes a
    member of `signal.Handlers` of a number, and this is the number of SIG_DFL to all who ask for its type, value or hash.
    """

    __class__ = property(lambda _self: int)

    def __eq__(self, other: object) -> bool:
        return other.__class__ is not object and other == 0

    def __hash__(self) -> int:
        return hash(0)

    def __call__(self, _number: int, _frame: Any) -> None:
        """Called by the handler that took its place, it leaves the program to that one."""
        if _is_heeded():
            _terminate()
        elif _recorder is not None:
            _recorder.hurry()


_default = _Default()


def _is_heeded() -> bool:
    return _signal.getsignal(signal.SIGTERM) is _default  # signal.getsignal would answer SIG_DFL


def _heed() -> bool:
    """Handle SIGTERM where nobody does, as far as this thread may; the answer: it is handled here."""
    with contextlib.suppress(ValueError):  # not the main thread
        if not _dying and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL and not _is_taken():
            _signal.signal(signal.SIGTERM, _default)
    return _is_heeded()


def _is_taken() -> bool:
    """Whether code below Python takes or ignores SIGTERM: faulthandler, a JVM, a library in C. Python shows the default."""
    if _is_heeded():
        return False
    with contextlib.suppress(OSError), open("/proc/self/status", "rb") as file:
        masks = [int(line.split()[1], 16) for line in file if line.startswith((b"SigIgn:", b"SigCgt:"))]
        return any(mask >> (signal.SIGTERM - 1) & 1 for mask in masks)
    return False


def _heeding(change: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """`signal.signal`. A program that puts the default back means what it found: the last values are sent."""

    @functools.wraps(change)
    def changing(signalnum: Any, handler: Any) -> Any:
        before = change(signalnum, handler)
        if signalnum == signal.SIGTERM and _recorder is not None:
            _heed()
        return before

    return changing


def _waking(change: Callable[..., int]) -> Callable[..., int]:
    """`signal.set_wakeup_fd`. The pipe of `_insist` gives way to a program's own, which finds none, and comes back after it."""

    @functools.wraps(change)
    def changing(fd: int, **named: Any) -> int:
        ours = -1 if _wakeup is None else _wakeup[1]
        before = change(fd, **named)
        if fd == -1 and ours != -1:
            change(ours, warn_on_full_buffer=False)
        return -1 if before == ours else before

    return changing


def _hook_exec() -> None:
    """Every module that has the two functions has the new ones: `os`, `posix`, and who says `from os import execv`."""
    originals = {
        name: getattr(os, name) for name in ("execv", "execve")
    }  # others of their kind call these two
    for name, original in originals.items():
        replacing = _ending(original)
        for module in list(sys.modules.values()):
            if (
                type(module) is type(sys) and vars(module).get(name) is original
            ):  # a lazy one is of another type
                setattr(module, name, replacing)


def _ending(execute: Callable[..., Any]) -> Callable[..., Any]:
    """`os.execv` and its like: the program becomes another one, which is a writer of its own."""

    @functools.wraps(execute)
    def replacing(*arguments: Any, **named: Any) -> Any:
        global _recorder, _ready
        recorder, _recorder, _ready = _recorder, None, None  # it may fail, and the program goes on
        if recorder is not None and not _ended:
            recorder.close(recorder.settings.flush_timeout)
        return execute(*arguments, **named)

    return replacing


def _insist() -> None:
    """In a worker of multiprocessing: have a SIGTERM repeated until it is noticed.

    One that comes just before the main thread begins to wait for a lock in C is seen when that wait ends: never, and
    `Pool.terminate` of the parent waits for the worker. A program with a wake-up descriptor of its own keeps it.
    """
    global _wakeup  # noqa: PLW0603 - one for each process
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    if before == -1:
        with contextlib.suppress(RuntimeError):  # no thread can be started
            threading.Thread(target=_repeat, args=(reader,), name="runmetrics-signal", daemon=True).start()
            _wakeup = reader, writer
            return
    signal.set_wakeup_fd(before)
    os.close(reader)
    os.close(writer)


def _repeat(reader: int) -> None:
    """Every number of a signal that comes is in the pipe; SIGTERM is sent again while nothing follows from it."""
    while signal.SIGTERM not in os.read(reader, 64):
        pass
    while not _dying and _is_heeded():
        time.sleep(0.1)
        if not _dying and _is_heeded():
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)


_masks: dict[int, Any] = {}
"""Signals that each forking thread had blocked before."""


def _hold() -> None:
    """Before a fork: a SIGTERM that the child gets before it has its own handler must wait, or it would be lost."""
    if hasattr(signal, "pthread_sigmask"):
        _masks[threading.get_ident()] = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])


def _release() -> None:
    """After the fork, in both processes."""
    mask = _masks.pop(threading.get_ident(), None)
    if mask is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _start_child() -> None:
    try:
        _forget()
    finally:
        _release()


def _forget() -> None:
    """In a forked child: it is a writer of its own, from its first call on, and untouched until then."""
    global _wakeup, _recorder, _late, _ready, _ended, _starting  # noqa: PLW0603 - as above
    if _wakeup is not None:
        ends, _wakeup = _wakeup, None
        with contextlib.suppress(ValueError, OSError):
            before = signal.set_wakeup_fd(-1)
            if before != ends[1]:  # the program's own
                signal.set_wakeup_fd(before)
        for end in ends:
            os.close(end)
    parents, _recorder, _late, _ready, _ended = (_recorder, _late), None, None, None, False
    _starting = threading.RLock()
    for recorder in filter(None, parents):
        recorder.abandon()
    if _is_heeded():
        _signal.signal(signal.SIGTERM, _signal.SIG_DFL)


def _end() -> bool:
    """The program ends by itself; the answer: everything is stored."""
    _stop_taking()
    return _recorder is None or _recorder.close(_close_timeout(_recorder.settings))


def _end_worker() -> None:
    """A worker of multiprocessing ends: its threads are waited for right after this, and may log until then."""
    for thread in threading.enumerate():
        if not thread.daemon and thread not in (threading.main_thread(), threading.current_thread()):
            thread.join()
    _end()


def _stop_taking() -> None:
    """Send further values as late ones."""
    global _ended, _ready
    _ended, _ready = True, None


def _close_timeout(settings: Settings) -> float:
    """Most seconds for the last flush: many only where a SIGTERM would cut them short, and none has come before.

    A program with a handler of its own may end because of a SIGTERM, which this module does not see: it gets few. So does
    one that ends by Ctrl-C or an image's STOPSIGNAL, because a person waits for it.
    """
    heeded = _heed()  # without a handler the first process of a container is deaf
    interrupted = getattr(sys, "last_type", None) is KeyboardInterrupt
    return settings.end_timeout if heeded and not interrupted else settings.flush_timeout


def _terminate() -> None:
    """SIGTERM, where the program has no handler of its own: send the last values, then die of it all the same."""
    global _dying  # noqa: PLW0603 - once, and for good
    if _dying:
        return  # repeated, and under way already
    _dying = True
    _stop_taking()
    if _recorder is not None:
        _recorder.close(_recorder.settings.flush_timeout)
    _signal.signal(signal.SIGTERM, _signal.SIG_DFL)
    if os.getpid() != 1:  # the first process of a container would survive
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(1)  # it may be another thread that gets it
    os._exit(128 + signal.SIGTERM)


# ---- for other languages


_USAGE = """\
python3 runmetrics.py log NAME=NUMBER...   log these values, and wait until they are stored
python3 runmetrics.py watch FILE           log what is appended to the file until SIGTERM; FILE - is the standard input

A line of the file is NAME=NUMBER, several of them with spaces between, or a JSON object {"NAME": NUMBER or list}.
Exit code: 0 everything is stored, 1 not (yet), 2 an error in the command.
"""


def main(arguments: Sequence[str]) -> int:
    """The command line."""
    if len(arguments) > 1 and arguments[0] == "log":
        pairs = _pairs(" ".join(arguments[1:]))
        if not pairs:
            return _usage()
        for key, value in pairs:
            log_metric(key, value)
    elif len(arguments) == 2 and arguments[0] == "watch":
        _watch(arguments[1])
    else:
        return _usage()
    return 0 if _end() else 1


def _usage() -> int:
    sys.stderr.write(_USAGE)
    return 2


def _watch(path: str) -> None:
    tell = Teller().tell
    for line in sys.stdin if path == "-" else _appended(path):
        shown, pairs = line.strip()[:200], _pairs(line)
        for key, value in pairs:
            problem = _problem(key, value)
            if problem:
                tell(f"{problem} In the line: {shown}")
            else:
                log_metric(key, value)
        if not pairs and shown:
            tell(f"lines without metrics are ignored, such as: {shown}")
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # the first one ended the file, the next one ends the wait
    _heed()


def _problem(key: str, value: Any) -> str:
    """Why this cannot be logged; empty if it can."""
    try:
        _checked_key(key)
        _checked(value)
    except ValueError as error:
        return str(error)
    return ""


def _pairs(line: str) -> list[tuple[str, Any]]:
    """The metrics of a line; none if anything else is in it."""
    if line.lstrip().startswith("{"):
        return list(_as_object(line, float).items())
    found = []
    for word in line.split():
        key, _, text = word.rpartition("=")
        try:
            found.append((key, int(text) if re.fullmatch("[+-]?[0-9]{1,30}", text) else float(text)))
        except ValueError:
            return []
    return found


def _appended(path: str) -> Iterable[str]:
    """Whole lines as they are appended, from the present end of the file on, until SIGTERM."""
    stop: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: stop.append(number))
    position = os.path.getsize(path) if os.path.exists(path) else 0
    rest = b""
    while True:
        last = bool(stop)
        with contextlib.suppress(OSError), open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size < position:  # written again
                position, rest = 0, b""
            file.seek(position)
            *lines, rest = (rest[-MAX_LINE:] + file.read(MAX_LINE)).split(b"\n")
            position = file.tell()
            for line in lines:
                yield line.decode("utf-8", "replace")
            if lines:
                continue
        if last:
            yield rest.decode("utf-8", "replace")
            return
        time.sleep(0.2)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
