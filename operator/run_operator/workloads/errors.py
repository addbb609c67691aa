"""Why a Run cannot become a workload. Every message names the field or what is missing, and what to do."""

from __future__ import annotations


class WorkloadError(Exception):
    """`reason` is the CamelCase word for the Run's Failed condition; the text is for people."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class InvalidSpecError(WorkloadError):
    """The document itself is wrong at `field`, e.g. `spec.spec.resources.mem`."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__("InvalidSpec", f"{field}: {problem}")
        self.field = field


class UnsupportedError(WorkloadError):
    """The document is fine, but this operator cannot do it (yet)."""


class UnresolvedError(WorkloadError):
    """The document refers to something that is needed and not there, or not usable, yet: the Run waits for it."""
