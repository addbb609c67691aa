"""Errors for the page: a status, a code and a sentence."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from run_operator.gateway.errors import Problem
from run_operator.kube import errors as kube
from run_operator.web.rights import Right

UNAUTHORIZED: Final = 401
FORBIDDEN: Final = 403
SIGN_IN: Final = (
    "the API server does not take this token: it has expired, or another cluster issued it; sign in again"
)


class RefusedError(Exception):
    """The answer to a request that fails. `missing`: the right that the viewer lacks."""

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        *,
        missing: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.missing = missing
        self.retry_after = retry_after

    @property
    def body(self) -> dict[str, Any]:
        """The JSON body for the page."""
        return {"error": {"reason": self.reason, "message": str(self), "missing": self.missing}}


def bad(message: str) -> RefusedError:
    """400: the request has a mistake."""
    return RefusedError(400, "BadRequest", message)


def not_found(message: str) -> RefusedError:
    """404: the object does not exist."""
    return RefusedError(404, "NotFound", message)


def of_kube(  # noqa: PLR0911 - a table
    error: kube.KubeError, doing: str, right: Right, namespace: str | None
) -> RefusedError:
    """The RefusedError for an error of the API server. `doing`: `run x cannot be read`; `right`: the right that it needs."""
    match error:
        case kube.UnauthorizedError():
            return RefusedError(UNAUTHORIZED, "Unauthorized", f"{doing}: {SIGN_IN}")
        case kube.ForbiddenError():
            missing = right.missing(namespace)
            return RefusedError(
                FORBIDDEN,
                "Forbidden",
                f"{doing}: you lack the right to {missing}. An administrator can bind you the role edit or view in this "
                f"namespace. The API server says: {error.message}",
                missing=missing,
            )
        case kube.NotFoundError():
            return not_found(f"{doing}: {error.message}")
        case kube.ConflictError() | kube.AlreadyExistsError():
            return RefusedError(409, "Conflict", f"{doing}: {error.message}; load the page again")
        case kube.ExpiredError():
            return RefusedError(410, "Expired", f"{doing}: the list has changed; load it from the beginning")
        case kube.InvalidError():
            return bad(f"{doing}: {error.message}")
        case kube.ThrottledError():
            return RefusedError(
                429, "TooManyRequests", f"{doing}: {error.message}", retry_after=error.retry_after
            )
    return RefusedError(
        503, "Unavailable", f"{doing}: the API server does not answer: {error.message}", retry_after=2.0
    )


def of_problem(problem: Problem, right: Right | None = None, namespace: str | None = None) -> RefusedError:
    """The RefusedError for a Problem, of code that the SDK's API and the page share."""
    if problem.status == UNAUTHORIZED:
        return RefusedError(UNAUTHORIZED, "Unauthorized", _for_the_page(problem))
    missing = right.missing(namespace) if right is not None and problem.status == FORBIDDEN else None
    reason = HTTPStatus(problem.status).phrase.title().replace(" ", "")
    return RefusedError(
        problem.status, reason, str(problem), missing=missing, retry_after=problem.retry_after
    )


def _for_the_page(problem: Problem) -> str:
    """The text without the advice for users of the SDK."""
    said = str(problem).partition(": set DHCORE")[0].partition("; get another one")[0]
    return said if said.endswith("again") else f"{said}; sign in again"
