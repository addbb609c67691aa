"""What the gateway counts: every limit that refuses, and no more series than there are routes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from run_operator.gateway.routes import parts_of
from run_operator.gateway.telemetry import OTHER, GatewayTelemetry, route

P = "/api/v1/-/{project}"
MADE = ("functions", "tasks", "runs")
STORED = ("artifacts", "dataitems", "models", "containerimages")
ROUTES = {
    "/.well-known/configuration", "/api/auth", "/api/v1/projects", "/api/v1/projects/{project}",
    *(f"{P}/{plural}{one}" for plural in (*MADE, *STORED) for one in ("", "/{id}", "/{id}/relationships")),
    *(f"{P}/{plural}/{{id}}/files/info" for plural in STORED),
    *(f"{P}/models/{{id}}/{what}" for what in ("metrics", "metrics/{name}")),
    *(f"{P}/runs/{{id}}/{what}" for what in ("stop", "resume", "logs", "metrics", "metrics/{name}")),
}  # fmt: skip
WORDS = st.sampled_from(
    ["api", "v1", "-", "projects", "runs", "tasks", "logs", "metrics", "stop", "models", "files", "info", "secrets", "data",
     "auth", "token", ".well-known", "openid-configuration", "relationships", "x", ""]
)  # fmt: skip


def samples(counters: GatewayTelemetry) -> dict[tuple[str, tuple[str, ...]], float]:
    """Name and values of its labels, ordered by the labels' names, to value."""
    families = text_string_to_metric_families(counters.text().decode())
    return {
        (one.name, tuple(one.labels.values())): one.value for family in families for one in family.samples
    }


@pytest.mark.parametrize("template", sorted(ROUTES))
def test_each_route_is_named_by_its_template(template):
    assert route(parts_of(template.format(project="churn", id="a%2Fb", name="loss"))) == template


@given(st.lists(WORDS | st.text(max_size=5), max_size=9))
def test_whatever_is_asked_for_there_are_no_more_labels_than_routes(parts):
    assert route(tuple(parts)) in {*ROUTES, OTHER}


def test_a_request_is_in_flight_and_then_counted_with_its_code():
    counters, logs = GatewayTelemetry(), ("api", "v1", "-", "p", "runs", "x", "logs")
    name = "run_operator_gateway_"
    with counters.request("GET", logs) as asked, counters.request("BREW", ("pot",)):
        found = samples(counters)
        assert (found[f"{name}requests_in_flight", ()], found[f"{name}logs_in_flight", ()]) == (2, 1)
        asked.code = 200
    found = samples(counters)
    assert (found[f"{name}requests_in_flight", ()], found[f"{name}logs_in_flight", ()]) == (0, 0)
    assert found[f"{name}requests_total", ("200", "GET", f"{P}/runs/{{id}}/logs")] == 1
    assert found[f"{name}requests_total", ("499", OTHER, OTHER)] == 1
    assert found[f"{name}request_seconds_count", ("GET", f"{P}/runs/{{id}}/logs")] == 1
