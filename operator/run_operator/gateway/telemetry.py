"""Metrics of the gateway, for Prometheus. Labels come from short lists, whatever the path."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from prometheus_client import Counter, Gauge, Histogram, generate_latest

from run_operator.gateway.content_entities import BY_PLURAL as CONTENT_ENTITIES
from run_operator.gateway.entities import BY_PLURAL
from run_operator.gateway.file_store import OPENID
from run_operator.gateway.secrets import PLURAL as SECRETS
from run_operator.observability.process import process_registry

SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
METHODS: Final = frozenset({"GET", "POST", "PUT", "DELETE"})
OTHER: Final = "other"
PLURALS: Final = frozenset({*BY_PLURAL, *CONTENT_ENTITIES, SECRETS})
PARTS: Final = frozenset(
    {
        *(("runs", what) for what in ("stop", "resume", "logs", "metrics")),
        ("models", "metrics"),
        *((plural, "relationships") for plural in PLURALS - {SECRETS}),
        *((plural, "files/info") for plural in CONTENT_ENTITIES),
    }
)
"""Parts of paths below one entity."""
OF_PAGE: Final = frozenset({"stream", "metrics", "logs", "stop", "resume"})
"""Paths of the page about one Run."""
LOGS: Final = "/api/v1/-/{project}/runs/{id}/logs"


class Asked:
    """One request under way. `code`: status of its answer, 499 before it has one. `user`: empty until it is known.

    `warnings`: sentences about fields of its document without effect.
    """

    code = 499
    seconds = 0.0
    user = ""
    tenant = ""
    warnings: Sequence[str] = ()


class GatewayTelemetry:
    """The metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = process_registry("run_operator_gateway")
        self._requests = Counter(
            "run_operator_gateway_requests",
            "Requests by method, route and HTTP status; 499: the client went away.",
            ["method", "route", "code"],
            registry=registry,
        )
        self._seconds = Histogram(
            "run_operator_gateway_request_seconds",
            "Time from the head of a request to its answer, with the time of the API server.",
            ["method", "route"],
            buckets=SECONDS,
            registry=registry,
        )
        self._under_way = Gauge(
            "run_operator_gateway_requests_in_flight", "Requests in progress.", registry=registry
        )
        self._logs = Gauge(
            "run_operator_gateway_logs_in_flight",
            "Logs that are being read from nodes; each one is in memory.",
            registry=registry,
        )
        self._refused = Counter(
            "run_operator_gateway_refused",
            "Requests and connections refused by a limit: connections, rate, body, body_time, bodies, request (it took too "
            "long), listed (too many objects).",
            ["limit"],
            registry=registry,
        )
        self._api = Counter(
            "run_operator_gateway_api_requests",
            "Requests to the API server by verb, resource and outcome (HTTP status or `error`).",
            ["verb", "resource", "code"],
            registry=registry,
        )

    @contextmanager
    def request(self, method: str, parts: tuple[str, ...]) -> Iterator[Asked]:
        """A context around a request. `parts`: parts of its path."""
        labels = method if method in METHODS else OTHER, route(parts)
        began, asked = time.monotonic(), Asked()
        gauges = (self._under_way, self._logs) if labels[1] == LOGS else (self._under_way,)
        for gauge in gauges:
            gauge.inc()
        try:
            yield asked
        finally:
            for gauge in gauges:
                gauge.dec()
            self._requests.labels(*labels, str(asked.code)).inc()
            asked.seconds = time.monotonic() - began
            self._seconds.labels(*labels).observe(asked.seconds)

    def refused(self, limit: str) -> None:
        """Count a refusal by this bound of `GatewayLimits`."""
        self._refused.labels(limit).inc()

    def asked(self, verb: str, resource: str, code: str) -> None:
        """Count a request to the API server."""
        self._api.labels(verb, resource, code).inc()

    def text(self) -> bytes:
        """The exposition, in Prometheus' text format."""
        return generate_latest(self.registry)


def route(parts: tuple[str, ...]) -> str:  # noqa: PLR0911 - a table
    """The template of a path, one of about fifty; `other` for an unknown path."""
    if openid := OPENID.fullmatch("/" + "/".join(parts)):
        return ("/projects/{project}" if openid[2] else "") + openid[3]
    match parts:
        case (".well-known", "configuration") | ("api", "auth") | ("api", "v1", "projects"):
            return "/" + "/".join(parts)
        case ("api", "v1", "projects", _):
            return "/api/v1/projects/{project}"
        case ("api", "v1", "-", _, "secrets", "data"):
            return "/api/v1/-/{project}/secrets/data"
        case ("api", "v1", "-", _, plural, *rest) if plural in PLURALS and len(rest) <= 1:
            return f"/api/v1/-/{{project}}/{plural}" + "/{id}" * len(rest)
        case ("api", "v1", "-", _, plural, _, "metrics", _, *_) if (plural, "metrics") in PARTS:
            return f"/api/v1/-/{{project}}/{plural}/{{id}}/metrics/{{name}}"
        case ("api", "v1", "-", _, plural, _, *rest) if (plural, "/".join(rest)) in PARTS:
            return f"/api/v1/-/{{project}}/{plural}/{{id}}/{'/'.join(rest)}"
        case ("ui", *rest):
            return _of_page(rest)
    return OTHER


def _of_page(rest: Sequence[str]) -> str:
    match rest:
        case ["api", ("session" | "namespaces" | "runs" | "compare") as what]:
            return f"/ui/api/{what}"
        case ["api", "runs", "stream"]:
            return "/ui/api/runs/stream"
        case ["api", "namespaces", _, "runs", _]:
            return "/ui/api/namespaces/{namespace}/runs/{name}"
        case ["api", "namespaces", _, "runs", _, what] if what in OF_PAGE:
            return f"/ui/api/namespaces/{{namespace}}/runs/{{name}}/{what}"
        case ["api", *_]:
            return OTHER
    return "/ui/{file}"
