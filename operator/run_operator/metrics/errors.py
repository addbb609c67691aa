"""Why a batch is not taken, one class a situation; `status` is the HTTP status it is answered with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class RefusedBatchError(Exception):
    """Nothing of the batch was stored and its number was not used up. The text is a sentence for the sender."""

    status: ClassVar[int] = 400

    def __init__(self, message: str, **more: Any) -> None:
        super().__init__(message)
        self.more: Mapping[str, Any] = more
        """Further fields of the answer; `expected`: the number the next batch must have."""


class MalformedError(RefusedBatchError):
    """Not JSON, or not the shape of a batch."""


class UnacceptableError(RefusedBatchError):
    """The shape is right; a key or a value in it cannot be stored."""

    status = 422


class GapError(RefusedBatchError):
    """Batches before this one are missing; `expected` is the number to go on from."""

    status = 409

    def __init__(self, expected: int) -> None:
        super().__init__(f"the batch with seq {expected} comes next", expected=expected)


class ClosedError(RefusedBatchError):
    """Nothing is taken from this sender any more: its attempt or the Run is over."""

    status = 410


class CrowdedError(RefusedBatchError):
    """The Run has as many writers as are allowed."""

    status = 429
