"""Memory, CPU and version of each process are at /metrics: docs/operations.md sizes the operator by them."""

from __future__ import annotations

import pytest

from run_operator import __version__
from run_operator.gateway.telemetry import GatewayTelemetry
from run_operator.observability.telemetry import OperatorTelemetry


@pytest.mark.parametrize(
    ("telemetry", "program"),
    [(OperatorTelemetry, "run_operator"), (GatewayTelemetry, "run_operator_gateway")],
)
def test_each_process_says_what_it_costs_and_which_version_it_is(telemetry, program):
    registry = telemetry().registry
    for name in ("process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds"):
        assert (registry.get_sample_value(name) or 0) > 0, name
    assert registry.get_sample_value(f"{program}_build_info", {"version": __version__}) == 1
