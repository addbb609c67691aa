"""Reading one exported file as the SDK wrote it: PyYAML's rules, timestamps as text, and only values that JSON has.

Bounds hold before and while parsing, so that junk and alias bombs cost milliseconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import yaml

from run_operator.document import errors

INT64: Final = 2**63

_TIMESTAMP: Final = "tag:yaml.org,2002:timestamp"
_STRING: Final = "tag:yaml.org,2002:str"
_MERGE: Final = "tag:yaml.org,2002:merge"
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class Scalars:
    """Values of scalar events."""

    def __init__(self, resolver: Any) -> None:
        self._resolver = resolver
        self._constructor = yaml.constructor.SafeConstructor()

    def value(self, event: Any, line: int) -> Any:
        """The value of a scalar in this line. Raises DocumentError for one that JSON, and so Kubernetes, cannot hold."""
        tag = event.tag
        if tag is None or tag == "!":
            tag = self._resolver.resolve(yaml.ScalarNode, event.value, event.implicit)
        if tag in (_TIMESTAMP, _STRING):
            return _joined(event.value, line)
        if tag == _MERGE:
            raise errors.UnrepresentableError("merge keys (<<) are not part of an export", line)
        if tag in _NUMBERS and len(event.value) > LONGEST_NUMBER:
            message = (
                f"{short(event.value)} has {len(event.value)} characters, too many for a number; quote it"
            )
            raise errors.NotYamlError(message, line)
        node = yaml.ScalarNode(tag, event.value, event.start_mark, event.end_mark)
        try:
            value = self._constructor.construct_object(node)
        except (ValueError, OverflowError, LookupError) as error:
            message = f"{short(event.value)} cannot be read as {short(tag.rpartition(':')[2])}; quote it"
            raise errors.NotYamlError(message, line) from error
        return _checked(value, event.value, line)


def _joined(text: str, line: int) -> str:
    """The text with surrogate pairs joined: JSON writes an emoji as two escapes, which PyYAML reads as two characters."""
    if text.isascii() or not _SURROGATE.search(text):
        return text
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError as error:
        message = (
            f"{short(text)} has half of a character (a lone surrogate), which Kubernetes does not accept"
        )
        raise errors.UnrepresentableError(message, line) from error


def _checked(value: Any, text: str, line: int) -> Any:
    """The value, if JSON and Kubernetes can hold it. Raises UnrepresentableError."""
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):  # noqa: PLR0124 - NaN
        raise errors.UnrepresentableError(
            f"{short(text)} is not a number Kubernetes can hold; quote it", line
        )
    if isinstance(value, int) and not -INT64 <= value < INT64:
        raise errors.UnrepresentableError(f"{short(text)} has more than 64 bits; quote it", line)
    if value is None or isinstance(value, bool | int | float):
        return value
    raise errors.UnrepresentableError(
        f"{short(text)} is a {type(value).__name__}, which is not part of an export", line
    )


def short(value: Any) -> str:
    """A value as errors show it: at most some characters."""
    return repr(value)[:60]


MAX_BYTES: Final = 1024 * 1024
"""etcd refuses objects above 1.5 MiB."""
MAX_DEPTH: Final = 64
MAX_NODES: Final = 100_000
LONGEST_NUMBER: Final = 64
"""Characters: `1:0:0:...` is a number to the base 60, and takes quadratic time to read."""
_NUMBERS: Final = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Parsed:
    """A JSON value, and the line of each part."""

    value: Any
    lines: dict[Path, int]

    def line(self, *path: str | int) -> int | None:
        """The line of the value at `path`, or of the nearest part around it that is there."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)


def read(data: bytes) -> Parsed:
    """Read one document. Raises DocumentError with the wrong line."""
    if len(data) > MAX_BYTES:
        raise errors.TooLargeError(
            f"the file is larger than {MAX_BYTES} bytes, which is more than Kubernetes accepts"
        )
    return _read(data, _Loader, MAX_NODES)


def read_soon(data: bytes, most_bytes: int, most_nodes: int) -> Any:
    """The value of one document, with libyaml, which is ten times as fast: for a process that others wait for.

    Raises DocumentError.
    """
    if len(data) > most_bytes:
        raise errors.TooLargeError(f"it has {len(data)} bytes, and at most {most_bytes} are read")
    return _read(data, yaml.CSafeLoader, most_nodes).value


def _read(data: bytes, loader: Any, most_nodes: int) -> Parsed:
    text = _text(data)
    try:
        return _Builder(loader(text), most_nodes).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = " ".join(str(error.problem or error.context).split())[:200]
        raise errors.NotYamlError(f"this is not YAML: {problem}", mark.line + 1 if mark else None) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        message = f"the character U+{ord(text[error.position]):04X} is not allowed in YAML"
        raise errors.NotYamlError(f"this is not YAML: {message}", line) from error


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"byte {error.start + 1} is not UTF-8; save the file as UTF-8"
        raise errors.NotUtf8Error(message, line) from error


class _Loader(yaml.reader.Reader, yaml.scanner.Scanner, yaml.parser.Parser, yaml.resolver.Resolver):
    """PyYAML's scanner, parser and resolver of plain scalars; nodes and values are built below."""

    def __init__(self, text: str) -> None:
        yaml.reader.Reader.__init__(self, text)
        yaml.scanner.Scanner.__init__(self)
        yaml.parser.Parser.__init__(self)
        yaml.resolver.Resolver.__init__(self)

    def scan_flow_scalar_non_spaces(self, double: bool, start_mark: Any) -> Any:
        """As in PyYAML, which raises an error of Python for an escape beyond Unicode."""
        try:
            return super().scan_flow_scalar_non_spaces(double, start_mark)
        except ValueError as error:
            problem = "an escape names a character beyond U+10FFFF"
            raise yaml.scanner.ScannerError(None, None, problem, self.get_mark()) from error


@dataclass(frozen=True, slots=True)
class _Built:
    """A value with its aliases expanded: how many nodes it has, and how many levels lie below it."""

    value: Any
    size: int = 1
    height: int = 0


class _Builder:
    """Events to values: with bounds, lines, and every refusal a sentence."""

    def __init__(self, loader: Any, most: int) -> None:
        self._loader = loader
        self._most = most
        self._scalars = Scalars(loader)
        self._anchors: dict[str, _Built] = {}
        self._named: set[str] = set()
        self._lines: dict[Path, int] = {}
        self._nodes = 0
        self._events: Iterator[Any] = self._stream()

    def _stream(self) -> Iterator[Any]:
        while self._loader.check_event():
            yield self._loader.get_event()

    def document(self) -> Parsed:
        """The only document of the stream."""
        next(self._events)  # stream start
        event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            raise errors.ManyDocumentsError("the file is empty")
        value = self._value(next(self._events), (), 0).value
        next(self._events)  # document end
        event = next(self._events)
        if not isinstance(event, yaml.StreamEndEvent):
            line = event.start_mark.line + 1
            raise errors.ManyDocumentsError(
                "a second document begins here; write each export into a file of its own", line
            )
        return Parsed(value, self._lines)

    def _value(self, event: Any, path: Path, depth: int) -> _Built:
        line = event.start_mark.line + 1
        self._lines.setdefault(path, line)
        if isinstance(event, yaml.AliasEvent):
            built = self._alias(event, line)
            self._check_depth(depth + built.height, line)
            self._count(built.size, line)
            return built
        self._name(event.anchor, line)
        self._check_depth(depth, line)
        self._count(1, line)
        if isinstance(event, yaml.ScalarEvent):
            built = _Built(self._scalars.value(event, line))
        elif isinstance(event, yaml.SequenceStartEvent):
            built = self._sequence(event, path, depth)
        else:
            built = self._mapping(event, path, depth)
        if event.anchor:
            self._anchors[event.anchor] = built
        return built

    def _name(self, anchor: str | None, line: int) -> None:
        """YAML allows an anchor to be defined twice; PyYAML, which the SDK uses, does not."""
        if anchor in self._named:
            raise errors.NotYamlError(f"the anchor &{str(anchor)[:40]} is defined twice", line)
        if anchor:
            self._named.add(anchor)

    def _check_depth(self, depth: int, line: int) -> None:
        if depth > MAX_DEPTH:
            raise errors.TooLargeError(f"the document is nested more than {MAX_DEPTH} levels deep", line)

    def _count(self, nodes: int, line: int) -> None:
        self._nodes += nodes
        if self._nodes > self._most:
            raise errors.TooLargeError(f"the document holds more than {self._most} values", line)

    def _alias(self, event: Any, line: int) -> _Built:
        if event.anchor not in self._anchors:
            raise errors.NotYamlError(
                f"the alias *{event.anchor[:40]} is used before its anchor is complete", line
            )
        return self._anchors[event.anchor]

    def _sequence(self, start: Any, path: Path, depth: int) -> _Built:
        self._check_tag(start)
        found: list[Any] = []
        inner: list[_Built] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            inner.append(self._value(event, (*path, len(found)), depth + 1))
            found.append(inner[-1].value)
        return _around(found, inner)

    def _mapping(self, start: Any, path: Path, depth: int) -> _Built:
        self._check_tag(start)
        found: dict[str, Any] = {}
        inner: list[_Built] = []
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            line = event.start_mark.line + 1
            inner.append(self._value(event, (*path, "<key>"), depth + 1))
            key = inner[-1].value
            self._lines.pop((*path, "<key>"), None)
            if not isinstance(key, str):
                raise errors.UnrepresentableError(f"the key {short(key)} is not a text; quote it", line)
            if key in found:
                raise errors.NotYamlError(f"the key {short(key)} is defined twice in one map", line)
            self._lines[*path, key] = line
            inner.append(self._value(next(self._events), (*path, key), depth + 1))
            found[key] = inner[-1].value
        return _around(found, inner)

    def _check_tag(self, event: Any) -> None:
        if event.tag not in (None, "!", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map"):
            line = event.start_mark.line + 1
            raise errors.UnrepresentableError(f"the tag {short(event.tag)} is not part of an export", line)


def _around(value: Any, inner: list[_Built]) -> _Built:
    """A list or map with these parts."""
    height = max((built.height + 1 for built in inner), default=0)
    return _Built(value, 1 + sum(built.size for built in inner), height)
