"""One scalar of an exported file: a text, a number, true, false or null, as PyYAML takes it, or a refusal."""

from __future__ import annotations

import re
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
        """Raises DocumentError for what JSON, and so Kubernetes, cannot hold."""
        tag = event.tag
        if tag is None or tag == "!":
            tag = self._resolver.resolve(yaml.ScalarNode, event.value, event.implicit)
        if tag in (_TIMESTAMP, _STRING):
            return _joined(event.value, line)
        if tag == _MERGE:
            raise errors.UnrepresentableError("merge keys (<<) are not part of an export", line)
        node = yaml.ScalarNode(tag, event.value, event.start_mark, event.end_mark)
        try:
            value = self._constructor.construct_object(node)
        except (ValueError, OverflowError, LookupError) as error:
            message = f"{short(event.value)} cannot be read as {short(tag.rpartition(':')[2])}; quote it"
            raise errors.NotYamlError(message, line) from error
        return _checked(value, event.value, line)


def _joined(text: str, line: int) -> str:
    """JSON writes an emoji as two escapes, which PyYAML takes for two characters; half a one is no text at all."""
    if text.isascii() or not _SURROGATE.search(text):
        return text
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError as error:
        message = f"{short(text)} holds half of a character (a lone surrogate), which no cluster takes"
        raise errors.UnrepresentableError(message, line) from error


def _checked(value: Any, text: str, line: int) -> Any:
    """Only what JSON and Kubernetes can hold."""
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):  # noqa: PLR0124 - NaN
        raise errors.UnrepresentableError(
            f"{short(text)} is not a number Kubernetes can hold; quote it", line
        )
    if isinstance(value, int) and not -INT64 <= value < INT64:
        raise errors.UnrepresentableError(f"{short(text)} has more than 64 bits; quote it", line)
    if value is None or isinstance(value, bool | int | float):
        return value
    raise errors.UnrepresentableError(
        f"{short(text)} is a {type(value).__name__}, which no export holds", line
    )


def short(value: Any) -> str:
    """A value as errors show it."""
    return repr(value)[:60]
