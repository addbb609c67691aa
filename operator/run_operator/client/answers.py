"""From what an API server answers to what a person reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from run_operator.client import errors
from run_operator.kube.errors import too_large

_BY_STATUS: Final[dict[int, type[errors.BackendError]]] = {
    400: errors.BadRequestError, 401: errors.UnauthorizedError, 403: errors.ForbiddenError,
    404: errors.EntityNotExistsError, 409: errors.ConflictError, 410: errors.ExpiredError,
    413: errors.BadRequestError, 415: errors.BadRequestError, 422: errors.BadRequestError,
}  # fmt: skip
_ADVICE: Final = {
    401: "log in again, or check the user of this kubeconfig context",
    403: "whoever runs the cluster can bind you the role edit in this namespace, which contains run-operator-edit",
}
MAX_TEXT: Final = 600


def error_of(what: str, status: int, headers: Mapping[str, str], body: bytes) -> errors.BackendError:
    """The error for an answer with this status; `body` is a `metav1.Status` or anything else."""
    said = _status(body)
    reason = str(said.get("reason") or "")
    text = _line(said.get("message") or body[:MAX_TEXT].decode("utf-8", "replace")) or f"HTTP {status}"
    if status == 404 and not (said.get("details") or {}).get("name"):  # noqa: PLR2004 - HTTP
        text = f"{text} ({what}); is the Run operator installed in this cluster? (kubectl apply -k crds)"
    if status in _ADVICE:
        text = f"{text}; {_ADVICE[status]}"
    if reason == "AlreadyExists":
        return errors.EntityAlreadyExistsError(text, status=status, reason=reason)
    if too_large(status, text):
        text = f"{text}; make it smaller: put its source into an image, large values into a ConfigMap or a volume"
        return errors.BadRequestError(text, status=status, reason=reason)
    kind = _BY_STATUS.get(status)
    if kind is not None:
        return kind(text, status=status, reason=reason)
    wait = _seconds(headers.get("Retry-After"))
    return errors.UnavailableError(
        f"{what}: HTTP {status}: {text}", status=status, reason=reason, retry_after=wait
    )


def unavailable(what: str, error: Exception) -> errors.UnavailableError:
    """The error for no answer at all."""
    return errors.UnavailableError(f"{what}: no answer from the cluster: {_line(error)}")


def _status(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _line(text: object) -> str:
    return " ".join(str(text).split())[:MAX_TEXT]


def _seconds(text: str | None) -> float:
    return float(text) if text and text.isascii() and text.isdigit() else 0.0
