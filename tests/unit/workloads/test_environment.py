"""Programs find a home that they may write to, and a name, whatever the image knows of their user."""

from __future__ import annotations

import pytest

from run_operator.workloads.environment import HOME, environment
from tests.support.builders import SERVE, run

JOB = {"task": "container+job://demo/t", "image": "python:3.12-slim"}


@pytest.mark.parametrize(
    ("more", "home", "user", "logname"),
    [
        ({}, HOME, "run", None),
        ({"run_as_user": 4321}, HOME, "run", None),
        (SERVE, HOME, "run", None),
        ({"envs": [{"name": "HOME", "value": "/data"}]}, "/data", "run", None),
        ({"envs": [{"name": "USER", "value": "ada"}]}, HOME, "ada", None),
        ({"secrets": ["account"]}, HOME, None, "run"),  # it may hold a USER, which a variable would hide
    ],
)
def test_home_and_name_are_the_documents_or_such_that_work(more, home, user, logname):
    variables, _ = environment(run(JOB | more), 1)
    found = {entry["name"]: entry["value"] for entry in variables}
    assert (found["HOME"], found.get("USER"), found.get("LOGNAME")) == (home, user, logname)
    assert len(found) == len(variables)
