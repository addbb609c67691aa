"""Which level of the API an answer names, for each of those who ask."""

from __future__ import annotations

import pytest

from run_operator.gateway.api_level import level_for
from run_operator.gateway.errors import Problem


@pytest.mark.parametrize(
    ("headers", "level"),
    [
        ({"User-Agent": "python-requests/2.34.2"}, None),
        ({"User-Agent": "curl/8.5.0"}, 16),
        ({}, 16),
        ({"X-Api-Level": "15"}, 15),
        ({"X-Api-Level": "16", "User-Agent": "python-requests/2.34.2"}, 16),
        ({"X-Api-Level": "20"}, 16),
    ],
)
def test_each_gets_a_level_that_it_takes(headers, level):
    assert level_for(headers) == level


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("14", "too old.*pip install --upgrade digitalhub"),
        ("21", "too new.*pip install 'digitalhub<0.17'"),
        ("x", "number"),
        ("9" * 99, "number"),
    ],
)
def test_a_level_that_is_not_spoken_is_refused_with_what_to_install(asked, words):
    with pytest.raises(Problem, match=words) as refused:
        level_for({"X-Api-Level": asked})
    assert refused.value.status == 400
