"""What an API request can end in, one class a situation the caller treats differently."""

from __future__ import annotations

from typing import Final

TOO_LARGE: Final = {
    413: ("",),
    422: ("labels[controller-uid]: Invalid value",),
    500: ("request is too large", "larger than max"),
}
"""Status and words for an object that cannot be stored: of the API server, of a Job, of etcd and its client.

A Job the API server tries again without managedFields, and stumbles over the labels of its own first try.
"""


class KubeError(Exception):
    """A request failed. The text says verb, object, HTTP status and the server's own message."""

    def __init__(self, what: str, status: int, message: str, reason: str = "") -> None:
        super().__init__(f"{what}: {status or 'no answer'}: {message}")
        self.status = status
        self.message = message
        self.reason = reason


class NotFoundError(KubeError):
    """404: the object is not there (any more)."""


class AlreadyExistsError(KubeError):
    """409 on a create: an object of that name is there."""


class ConflictError(KubeError):
    """409 on a write: the object is newer than what the write was based on, or not the one meant (uid)."""


class InvalidError(KubeError):
    """400 or 422: the server refuses the object itself; the same request can never succeed."""


class TooLargeError(InvalidError):
    """413, or whatever else the server says of an object that its store cannot hold. Nothing was stored."""


class ForbiddenError(KubeError):
    """401 or 403: rights, quota, admission policy, or a namespace that is going away."""


class ThrottledError(KubeError):
    """429: the server asks for patience."""

    def __init__(self, what: str, message: str, retry_after: float) -> None:
        super().__init__(what, 429, message, "TooManyRequests")
        self.retry_after = retry_after


class TransientError(KubeError):
    """5xx, a broken connection or no answer in time. The write may or may not have happened."""


class FencedError(Exception):
    """This replica may not write (any more); nothing was sent."""


def too_large(status: int, message: str) -> bool:
    """Whether this answer says that the object cannot be stored."""
    return any(words in message for words in TOO_LARGE.get(status, ()))
