"""What a request is answered with: a status, a small JSON object, headers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

OK = 200
ACCEPTED = 202


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` becomes JSON."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


class DeniedError(Exception):
    """The request ends here. The text is a sentence for the sender."""

    def __init__(self, status: int, message: str, *, retry_after: float | None = None, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self._retry_after = retry_after
        self._more = more

    @property
    def answer(self) -> Answer:
        """As it is sent; `Retry-After` is in whole seconds, at least one."""
        headers = (
            {} if self._retry_after is None else {"Retry-After": str(max(1, math.ceil(self._retry_after)))}
        )
        return Answer(self.status, {"error": str(self), **self._more}, headers)
