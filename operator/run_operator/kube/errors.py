"""Errors of API requests: one class for each case that callers treat differently."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

MAX_RETRY_AFTER: Final = 60.0
"""Longest `Retry-After` that is respected, in seconds."""
TOO_LARGE: Final = {
    413: ("",),
    422: ("labels[controller-uid]: Invalid value",),
    500: ("request is too large", "larger than max"),
}
"""Status and words of the answers for an object that is too large: by the API server, for a Job, by etcd and its client.

For a Job the API server retries without managedFields and then complains about the labels of its own first try.
"""


class KubeError(Exception):
    """A request failed. The text says verb, object, HTTP status and the server's own message."""

    def __init__(self, what: str, status: int, message: str, reason: str = "") -> None:
        super().__init__(f"{what}: {status or 'no answer'}: {message}")
        self.status = status
        self.message = message
        self.reason = reason


class NotFoundError(KubeError):
    """404: the object does not exist."""


class AlreadyExistsError(KubeError):
    """409 on a create: the name is taken."""


class ConflictError(KubeError):
    """409 on a write: the object has changed since it was read, or has another uid."""


class InvalidError(KubeError):
    """400 or 422: the server refuses the object itself; the same request can never succeed."""


class TooLargeError(InvalidError):
    """413 or a similar answer: the object is too large for the store. Nothing was stored."""


class UnauthorizedError(KubeError):
    """401: the token is not valid here: it has expired, or another cluster made it."""


class ForbiddenError(KubeError):
    """403: rights, quota, admission policy, or a namespace that is going away."""


class ThrottledError(KubeError):
    """429: too many requests; retry after `retry_after` seconds."""

    def __init__(self, what: str, message: str, retry_after: float) -> None:
        super().__init__(what, 429, message, "TooManyRequests")
        self.retry_after = retry_after


class TransientError(KubeError):
    """5xx, a broken connection or no answer in time. A write may or may not have been applied."""


class ExpiredError(TransientError):
    """410: the version of a watch or the token of the next page is too old. Start with a new list."""


class SilentError(TransientError):
    """No event and no bookmark arrived on a watch, though bookmarks come every minute: whatever happened is in a new list only."""


class FencedError(Exception):
    """This replica may not write; nothing was sent."""


def unanswered(what: str, error: BaseException, deadline: float, *, silent: bool) -> TransientError:
    """The error of a request without an answer, or without the rest of it; `silent`: of a watch on which nothing came."""
    return (SilentError if silent else TransientError)(
        what, 0, str(error) or f"no answer within {deadline:g} s"
    )


def too_large(status: int, message: str) -> bool:
    """Whether this answer means that the object is too large."""
    return any(words in message for words in TOO_LARGE.get(status, ()))


def of_answer(verb: str, what: str, status: int, payload: bytes, headers: Mapping[str, str]) -> KubeError:
    """The error of an answer with a status of 400 or more; its text names the request `what`."""
    message, reason = _explained(payload)
    return _of(verb, what, status, message, reason, headers)


def of_event(what: str, event: Mapping[str, Any]) -> KubeError:
    """The error of a watch's ERROR event."""
    status = event.get("object") or {}
    message, reason = str(status.get("message", "")), str(status.get("reason", ""))
    return _of("watch", what, int(status.get("code") or 500), message, reason, {})


def _of(
    verb: str, what: str, status: int, message: str, reason: str, headers: Mapping[str, str]
) -> KubeError:
    if status == 429:  # noqa: PLR2004 - Too Many Requests
        return ThrottledError(what, message, _retry_after(headers))
    if reason == "AlreadyExists" and verb == "create":
        return AlreadyExistsError(what, status, message, reason)
    if too_large(status, message):
        return TooLargeError(what, status, message, reason)
    kind = TransientError if status >= _FIRST_SERVER_ERROR else _BY_STATUS.get(status, InvalidError)
    return kind(what, status, message, reason)


_FIRST_SERVER_ERROR: Final = 500
_BY_STATUS: Final[dict[int, type[KubeError]]] = {
    400: InvalidError,
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    410: ExpiredError,
    422: InvalidError,
}


def _explained(payload: bytes) -> tuple[str, str]:
    """Message and reason of a `Status` object, or the beginning of another body."""
    try:
        status = json.loads(payload)
    except ValueError:
        return payload[:200].decode("utf-8", "replace"), ""
    if not isinstance(status, dict):
        return str(status)[:200], ""
    return str(status.get("message", ""))[:2000], str(status.get("reason", ""))


def _retry_after(headers: Mapping[str, str]) -> float:
    try:
        return min(MAX_RETRY_AFTER, max(0.0, float(headers.get("Retry-After", "1"))))
    except ValueError:
        return 1.0
