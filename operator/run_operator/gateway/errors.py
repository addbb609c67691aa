"""Errors of requests: statuses and texts that the DigitalHub SDK turns into its own exceptions.

| status, text | in the SDK |
|---|---|
| 400 with "Duplicated entity" | EntityAlreadyExistsError |
| 400 | BadRequestError |
| 401 | UnauthorizedError |
| 403 | ForbiddenError |
| 404 with "No such EntityName" | EntityNotExistsError |
| any other | BackendError |
"""

from __future__ import annotations

from typing import Final

from run_operator.kube import errors

UNAUTHORIZED: Final = 401
TRY_AGAIN: Final = 2.0
"""Seconds after which a request that met no API server may be sent again."""


class Problem(Exception):  # noqa: N818 - an answer to the caller, not a bug
    """The answer to a request that fails. The text is a sentence for the person who uses the SDK."""

    def __init__(self, status: int, text: str, retry_after: float | None = None, *, limit: str = "") -> None:
        """`limit`: name of the bound that is reached."""
        super().__init__(text)
        self.status = status
        self.retry_after = retry_after
        self.limit = limit


def bad(text: str) -> Problem:
    """400: the request has a mistake."""
    return Problem(400, text)


def duplicated(text: str) -> Problem:
    """400: an entity of that name exists."""
    return Problem(400, f"Duplicated entity: {text}")


def missing(text: str) -> Problem:
    """404: there is no such entity."""
    return Problem(404, f"No such EntityName: {text}")


def unsupported(text: str) -> Problem:
    """The platform has this function, the gateway does not."""
    return Problem(501, text)


def of_kube(error: errors.KubeError, doing: str) -> Problem:  # noqa: PLR0911 - a table
    """The Problem for an error of the API server. `doing`: "run x of project y cannot be read"."""
    text = f"{doing}: {error.message}"
    match error:
        case errors.NotFoundError():
            return missing(text)
        case errors.AlreadyExistsError():
            return duplicated(text)
        case errors.ConflictError():
            return Problem(409, f"{text}; refresh() and try again")
        case errors.InvalidError():
            return bad(text)
        case errors.UnauthorizedError():
            return Problem(
                UNAUTHORIZED,
                f"{doing}: the API server does not take this token: it has expired, or another cluster issued it; "
                "get another one (kubectl create token ...) and set DHCORE_ACCESS_TOKEN",
            )
        case errors.ForbiddenError():
            return Problem(403, text)
        case errors.ThrottledError():
            return Problem(429, text, error.retry_after)
    return Problem(503, f"{doing}: the API server does not answer: {error.message}", TRY_AGAIN)
