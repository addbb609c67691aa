"""References between entities: `kind://project/name:id`, `kind://project/name`, `kind://project/id`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from run_operator.document.errors import InvalidReferenceError

_WORD: Final = "[a-zA-Z0-9._+-]{1,256}"
"""The platform's own rule for ids and names."""
_SHAPE: Final = re.compile(
    rf"(?P<kind>{_WORD})://(?P<project>{_WORD})/(?P<name>{_WORD})(?::(?P<id>{_WORD}))?"
)


@dataclass(frozen=True, slots=True)
class Reference:
    """`id` is None for the latest version of that name. For tasks the last part is the id, kept as `name`."""

    kind: str
    project: str
    name: str
    id: str | None = None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Raises InvalidReferenceError."""
        match = _SHAPE.fullmatch(text)
        if match is None:
            raise InvalidReferenceError(f"{text[:120]!r} is no reference; write kind://project/name:id")
        return cls(match["kind"], match["project"], match["name"], match["id"])

    def __str__(self) -> str:
        return f"{self.kind}://{self.project}/{self.name}" + (f":{self.id}" if self.id else "")
