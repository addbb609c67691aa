"""For all tests."""

from __future__ import annotations

from hypothesis import settings

# A deadline for an example would be a test of the machine: the suite has one for each test (pyproject.toml).
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
