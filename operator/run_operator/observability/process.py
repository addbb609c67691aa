"""Metrics of a process itself, which each of ours has: memory, CPU, open files, version."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector

from run_operator import __version__


def process_registry(program: str) -> CollectorRegistry:
    """A registry with process_* and PROGRAM_build_info in it."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    build = Gauge(
        f"{program}_build_info", "Always 1; the label has the version.", ["version"], registry=registry
    )
    build.labels(__version__).set(1)
    return registry
