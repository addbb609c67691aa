"""Exceptions of the client. They have the original SDK's names where it has one; each text tells what to do next."""

from __future__ import annotations

from typing import Final

NO_ENTITY: Final = "Entity does not exists. Response: "
"""How the original SDK begins to say it, mistake and all: programs look for it. runctl leaves it out."""


class BackendError(Exception):
    """The cluster refused or failed. `status` is the HTTP status, 0 where there was no answer."""

    def __init__(self, message: str, *, status: int = 0, reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class EntityNotExistsError(BackendError):
    """There is no such Run (any more)."""


class RunDeletedError(EntityNotExistsError):
    """The Run was deleted during the wait."""


class EntityAlreadyExistsError(BackendError):
    """A Run of that name is there already."""


class ConflictError(BackendError):
    """Somebody else changed the object meanwhile."""


class BadRequestError(BackendError):
    """The cluster refuses the object itself: the same request can never succeed."""


class UnauthorizedError(BackendError):
    """The cluster does not know who is asking: the credentials are missing, wrong or expired."""


class ForbiddenError(BackendError):
    """The cluster knows who is asking, and that is not enough."""


class ExpiredError(BackendError):
    """410: a watch or a page of a list is too old; begin again."""


class UnavailableError(BackendError):
    """5xx, 429, a broken connection or no answer in time. A write may or may not have happened."""

    def __init__(self, message: str, *, status: int = 0, reason: str = "", retry_after: float = 0.0) -> None:
        super().__init__(message, status=status, reason=reason)
        self.retry_after = retry_after


class EntityError(Exception):
    """The request is impossible for this Run, or the file is not a document."""


class UnsupportedError(EntityError):
    """The original SDK has this for other kinds, or this cluster cannot do it."""


class ClientError(Exception):
    """There is no usable way into a cluster; the text says what was tried and what to set."""


class WaitTimeoutError(TimeoutError):
    """The time given to `wait` is over; the Run goes on. `state` is the one it was in."""

    def __init__(self, message: str, state: str = "") -> None:
        super().__init__(message)
        self.state = state
