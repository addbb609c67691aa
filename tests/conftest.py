"""For all tests."""

from __future__ import annotations

import gc
import os

from hypothesis import settings

from tests.support.examples import examples

# A deadline for an example would be a test of the machine: the suite has one for each test (pyproject.toml).
settings.register_profile("explore", deadline=None, max_examples=examples(100))
# The same examples in every run of CI: new ones are looked for where somebody sees what they find.
settings.register_profile("ci", deadline=None, derandomize=True, max_examples=examples(100))
# Collected tests and imported modules stay until the end: looking at them again and again took an eighth of the unit tests' time.
gc.set_threshold(100_000, 50, 100)
settings.load_profile("ci" if os.environ.get("CI") else "explore")


def pytest_collection_finish() -> None:
    """Leave what there is now out of every later collection of garbage."""
    gc.collect()
    gc.freeze()
