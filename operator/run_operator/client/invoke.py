"""`invoke`: a request to the service of a Run, from inside the cluster directly, from outside by the API server's proxy."""

from __future__ import annotations

import json as jsonlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, unquote, urlencode

import urllib3

from run_operator.api.raw import mapping, text
from run_operator.client.cluster import Cluster
from run_operator.client.errors import BackendError, EntityError
from run_operator.client.terminal_text import visible
from run_operator.kube.resource import SERVICES

DEADLINE: Final = 60.0
MAX_ANSWER: Final = 64 * 1024 * 1024
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_ADDRESS: Final = re.compile(r"(?P<name>[a-z0-9-]+)\.(?P<namespace>[a-z0-9-]+):(?P<port>\d{1,5})")
_FIRST_ERROR: Final = 400
_SENT_AS_IS: Final = "/?%:@!$&'()*+,;=-._~[]|"
_STRAY_PERCENT: Final = re.compile("%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class ServiceAnswer:
    """The answer of a service; the names are those of `requests.Response`."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes
    url: str

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self.status_code < _FIRST_ERROR

    @property
    def text(self) -> str:
        """The content as UTF-8."""
        return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """The content as JSON. Raises ValueError."""
        return jsonlib.loads(self.content)

    def raise_for_status(self) -> None:
        """Do nothing for a status below 400. Raises BackendError for another one."""
        if not self.ok:
            raise BackendError(
                f"{self.url}: HTTP {self.status_code}: {self.text[:300]}", status=self.status_code
            )


def invoke(
    cluster: Cluster,
    status: Mapping[str, Any],
    method: str,
    url: str | None,
    *,
    params: Mapping[str, Any] | None = None,
    data: bytes | str | Mapping[str, Any] | None = None,
    json: Any = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = DEADLINE,
) -> ServiceAnswer:
    """Send it. Without `data` and `json` the method is GET, as with the original.

    Raises EntityError while there is no address, for a foreign URL, and for arguments that are none; BackendError when
    there is no answer within `timeout` seconds. A redirect is returned, never followed.
    """
    base = _base(cluster, status)
    tail = path_below(base, url)
    body, kind = _body(data, json)
    verb = method.upper() if body is not None else "GET"
    if verb not in METHODS:
        raise EntityError(f"{method[:20]!r} is not an HTTP method")
    query = urlencode(params or {}, doseq=True)
    tail += ("&" if "?" in tail else "?") + query if query else ""
    sent = ({"Content-Type": kind} if kind else {}) | {"Accept": "*/*"} | dict(headers or {})
    if cluster.inside:
        return _directly(verb, base + tail, body, sent, timeout)
    answer = _through_the_api(cluster, base, tail, verb, body, sent, timeout)
    if refused := _refused_by_the_proxy(answer):
        state, message = text(status.get("state")), text(status.get("message"))
        raise BackendError(
            visible(f"{answer.url}: {refused}; the Run is {state}" + (f": {message}" if message else "")),
            status=answer.status_code,
        )
    return answer


def _refused_by_the_proxy(answer: ServiceAnswer) -> str:
    """The API server's message if it answered in place of the service; else empty."""
    if answer.ok or not answer.content.startswith(b'{"kind":"Status","apiVersion":"v1"'):
        return ""
    try:
        return text(mapping(answer.json()).get("message")) or f"HTTP {answer.status_code}"
    except ValueError:
        return ""


def path_below(base: str, url: str | None) -> str:
    """The path and query after the service's own URL, as they are sent; `/` at least. Raises EntityError for another URL."""
    if url is None:
        return "/"
    tail = url[len(base) :]
    if not url.startswith(base) or (tail and tail[0] not in "/?#"):
        raise EntityError(f"Invalid URL: {url[:200]!r}. It must start with the service URL: {base}")
    path = tail.partition("?")[0]
    while path != (decoded := unquote(path)):
        path = decoded
    if ".." in re.split(r"[/\\]", path):
        # Through the API server's proxy it would reach other objects, with the caller's rights.
        raise EntityError(f"Invalid URL: {url[:200]!r}. It must not contain '..'")
    try:
        # Bytes of a command line that are not text come from Python as such surrogates.
        sent = quote(
            _STRAY_PERCENT.sub("%25", tail.partition("#")[0]), safe=_SENT_AS_IS, errors="surrogateescape"
        )
    except UnicodeEncodeError as error:
        raise EntityError(f"Invalid URL: {url[:200]!r}. It holds half of a character") from error
    return sent if sent.startswith("/") else "/" + sent


def _base(cluster: Cluster, status: Mapping[str, Any]) -> str:
    """The status may be written by others: it leads to no service outside of the Run's own namespace."""
    found = text(mapping(status.get("service")).get("url"))
    if not found:
        advice = "If a service is deploying, use run.wait() or try again later."
        if text(status.get("state")) == "STOPPED":
            advice = "It is STOPPED: resume it first."
        raise EntityError(f"Url not specified and service not found on run status. {advice}")
    match = _ADDRESS.fullmatch(found)
    if match is None or match["namespace"] != cluster.namespace:
        raise EntityError(
            f"status.service.url of the run is {found[:200]!r}, which is not a Service of the namespace {cluster.namespace}; "
            "the operator did not write this, and nothing is sent there"
        )
    return f"http://{found}"


def _body(data: bytes | str | Mapping[str, Any] | None, json: Any) -> tuple[bytes | None, str]:
    if json is not None:
        return jsonlib.dumps(json, allow_nan=False).encode(), "application/json"
    if isinstance(data, Mapping):
        return urlencode(data, doseq=True).encode(), "application/x-www-form-urlencoded"
    return (data.encode() if isinstance(data, str) else data), ""


def _directly(
    verb: str, url: str, body: bytes | None, headers: Mapping[str, str], timeout: float
) -> ServiceAnswer:
    with urllib3.PoolManager() as pool:
        try:
            found = pool.request(
                verb, url, body=body, headers=dict(headers), redirect=False, retries=False, preload_content=False,
                timeout=urllib3.Timeout(total=timeout),
            )  # fmt: skip
            return ServiceAnswer(
                found.status, found.headers, found.read(MAX_ANSWER, decode_content=True), url
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise BackendError(f"{url}: the service did not answer: {error}") from error


def _through_the_api(
    cluster: Cluster,
    base: str,
    tail: str,
    verb: str,
    body: bytes | None,
    headers: Mapping[str, str],
    timeout: float,
) -> ServiceAnswer:
    host, _, port = base.removeprefix("http://").partition(":")
    name = host.partition(".")[0]
    path = SERVICES.path(cluster.namespace, f"{name}:{port}", "proxy") + tail
    response = cluster.raw(verb, path, body=body, headers=headers, deadline=timeout)
    try:
        content = response.read(MAX_ANSWER, decode_content=True)
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise BackendError(
            f"{base}{tail}: the connection was closed before the answer was complete: {error}"
        ) from error
    finally:
        response.close()
    return ServiceAnswer(response.status, response.headers, content, base + tail)
