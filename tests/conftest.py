"""For all tests."""

from __future__ import annotations

import os

from hypothesis import settings

from tests.support.examples import examples

# A deadline for an example would be a test of the machine: the suite has one for each test (pyproject.toml).
settings.register_profile("explore", deadline=None, max_examples=examples(100))
# The same examples in every run of CI: new ones are looked for where somebody sees what they find.
settings.register_profile("ci", deadline=None, derandomize=True, max_examples=examples(100))
settings.load_profile("ci" if os.environ.get("CI") else "explore")
