"""Requests to the API server: credentials, deadlines, errors, and what is sent again.

It stands on the Kubernetes client's connection pool and credentials. Reads are repeated when the connection breaks; a write
is sent once.
"""

from __future__ import annotations

import contextlib
import json
import random
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, Final, Protocol, Self
from urllib.parse import urlencode

import urllib3
from kubernetes.client import ApiClient

from run_operator import __version__
from run_operator.api.raw import JSON
from run_operator.client import errors
from run_operator.client.no_answer import unavailable
from run_operator.kube.errors import too_large

_BY_STATUS: Final[dict[int, type[errors.BackendError]]] = {
    400: errors.BadRequestError, 401: errors.UnauthorizedError, 403: errors.ForbiddenError,
    404: errors.EntityNotExistsError, 409: errors.ConflictError, 410: errors.ExpiredError,
    413: errors.BadRequestError, 415: errors.BadRequestError, 422: errors.BadRequestError,
}  # fmt: skip
_ADVICE: Final = {
    401: "log in again, or check the user of this kubeconfig context",
    403: "an administrator of the cluster can bind you the role edit in this namespace, which contains run-operator-edit",
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


DEADLINE: Final = 20.0
CONNECT: Final = 5.0
"""Seconds until a connection stands."""
READ_TRIES: Final = 4
FIRST_PAUSE: Final = 0.2
"""Seconds before the second try; each further pause is twice as long."""
LONGEST_PAUSE: Final = 10.0
MAX_ANSWER: Final = 256 * 1024 * 1024
MAX_LINE: Final = 8 * 1024 * 1024
"""Bytes of one event or log line; etcd's objects are far smaller."""


class Login(Protocol):
    """Credentials that somebody renews."""

    def reject(self) -> bool:
        """The API server refused them; the answer: there may be others."""


class Transport:
    """The connections to one API server. May be shared by threads."""

    def __init__(
        self, configuration: Any, always: Sequence[tuple[str, str]] = (), login: Login | None = None
    ) -> None:
        """`always`: headers of every request. `login`: asked for newer credentials when these are refused."""
        self._always = always
        self._login = login
        self._host = str(configuration.host).rstrip("/")
        self._client = ApiClient(configuration)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connections; the next request opens new ones."""
        self._client.rest_client.close()

    def lines(
        self,
        path: str,
        query: Mapping[str, str],
        *,
        silence: float,
        opened: Callable[[Any], None] | None = None,
        longest: int = MAX_LINE,
        cut: Callable[[], None] | None = None,
    ) -> Generator[bytes]:
        """The lines of a stream as they come, each with its end; the last one may have none.

        `opened` gets the response, whose `shutdown()` ends the stream from another thread. A line of more than
        `longest` bytes the beginning comes, and `cut` is called; without it that is a BackendError.
        """
        headers = {"Accept": "application/json, */*"}
        response = self.send("GET", f"{path}?{urlencode(query)}", headers=headers, deadline=silence)
        if opened is not None:
            opened(response)
        rest, skipping = b"", False
        try:
            for chunk in response.stream(65536):
                *whole, rest = (rest + chunk).split(b"\n")
                for line in whole:
                    if not skipping:
                        yield _within(longest, line, path, cut) + b"\n"
                    skipping = False
                if skipping:
                    rest = b""
                elif len(rest) > longest:
                    yield _within(longest, rest, path, cut) + b"\n"
                    rest, skipping = b"", True
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise unavailable(f"watch {path}", self._host, error) from error
        finally:
            response.close()
        if rest:
            yield rest

    def send(
        self, method: str, path: str, *, body: bytes | None = None, headers: JSON | None = None,
        deadline: float = DEADLINE,
    ) -> Any:  # fmt: skip
        """The answer (a urllib3 response, its body unread) of one request; raises for a status from 400 on."""
        response = self.raw(method, path, body=body, headers=headers, deadline=deadline)
        if response.status < 400:  # noqa: PLR2004 - HTTP
            return response
        with contextlib.closing(response):
            try:
                payload = response.read(65536, decode_content=True)
            except (urllib3.exceptions.HTTPError, OSError):
                payload = b""
        raise error_of(f"{method} {path.partition('?')[0]}", response.status, response.headers, payload)

    def raw(
        self, method: str, path: str, *, body: bytes | None = None, headers: JSON | None = None,
        deadline: float = DEADLINE,
    ) -> Any:  # fmt: skip
        """As `send`, whatever the status."""
        response = self._once(method, path, body, headers, deadline)
        if response.status == 401 and self._login is not None and self._login.reject():  # noqa: PLR2004 - HTTP
            response.close()
            response = self._once(method, path, body, headers, deadline)
        return response

    def _once(self, method: str, path: str, body: bytes | None, headers: JSON | None, deadline: float) -> Any:
        sent = urllib3.HTTPHeaderDict({"User-Agent": f"runctl/{__version__}", "Accept": "application/json"})
        sent.update(headers or {})
        for name, value in self._always:
            sent.add(name, value)
        try:
            self._client.update_params_for_auth(sent, [], ["BearerToken"], path, method, None)
            return self._client.rest_client.pool_manager.request(
                method, self._host + path, body=body, headers=sent, preload_content=False, redirect=False,
                timeout=urllib3.Timeout(connect=min(CONNECT, deadline), read=deadline), retries=False,
            )  # fmt: skip
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise unavailable(f"{method} {path.partition('?')[0]}", self._host, error) from error

    def json(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: JSON | Sequence[JSON] | None = None,
        kind: str = "application/json",
        accept: str = "application/json",
        deadline: float = DEADLINE,
    ) -> dict[str, Any]:
        """The JSON object that is answered."""
        url = f"{path}?{urlencode(query)}" if query else path
        data = None if body is None else json.dumps(body, allow_nan=False).encode()
        headers = {"Accept": accept} | ({} if data is None else {"Content-Type": kind})
        until = time.monotonic() + deadline
        for attempt in range(READ_TRIES):
            try:
                return self.once(method, url, data, headers, deadline)
            except errors.UnavailableError as error:
                if attempt == READ_TRIES - 1 or not _again(method, error, until):
                    raise
                time.sleep(max(error.retry_after, random.uniform(0.5, 1.0) * FIRST_PAUSE * 2**attempt))  # noqa: S311 - jitter
        raise AssertionError("unreachable: the last try returns or raises")

    def once(
        self, method: str, url: str, data: bytes | None, headers: JSON, deadline: float
    ) -> dict[str, Any]:
        """As `json`, without a second try."""
        what = f"{method} {url.partition('?')[0]}"
        response = self.send(method, url, body=data, headers=headers, deadline=deadline)
        try:
            return parsed(response.read(MAX_ANSWER, decode_content=True), what)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise unavailable(what, self._host, error) from error
        finally:
            response.release_conn()


def _within(longest: int, line: bytes, path: str, cut: Callable[[], None] | None) -> bytes:
    if len(line) <= longest:
        return line
    if cut is None:
        raise errors.BackendError(f"{path}: a line of more than {longest} bytes")
    cut()
    return line[:longest]


def _again(method: str, error: errors.UnavailableError, until: float) -> bool:
    """A read may be repeated; a write only if the server said that it did not do it (429)."""
    harmless = method == "GET" or error.status == 429  # noqa: PLR2004 - HTTP
    return harmless and error.retry_after <= LONGEST_PAUSE and time.monotonic() < until


def parsed(data: bytes, what: str) -> dict[str, Any]:
    """The JSON object in an answer. Raises BackendError."""
    try:
        found = json.loads(data)
    except ValueError as error:
        raise errors.BackendError(
            f"{what}: the answer is not JSON: is this a Kubernetes API server?"
        ) from error
    if not isinstance(found, dict):
        raise errors.BackendError(f"{what}: the answer is not an object")
    return found
