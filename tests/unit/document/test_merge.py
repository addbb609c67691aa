"""The platform's merge order, and what counts as said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from run_operator.document.errors import TooLargeError
from run_operator.document.merge import IDENTITY, merge, said


@pytest.mark.parametrize(
    ("task", "own", "function", "wanted"),
    [
        ({"cpu": "task"}, {}, {}, "task"),
        ({"cpu": "task"}, {"cpu": "run"}, {}, "run"),
        ({"cpu": "task"}, {"cpu": "run"}, {"cpu": "function"}, "function"),
        ({}, {"cpu": "run"}, {"cpu": None}, "run"),
        ({}, {"cpu": "run"}, {"cpu": {}}, "run"),
        ({"cpu": "task"}, {"cpu": ""}, {"cpu": []}, "task"),
        ({"cpu": "task"}, {"cpu": 0}, {}, 0),
        ({"cpu": "task"}, {"cpu": False}, {}, False),
        ({}, {"cpu": {"a": 1}}, {"cpu": {"b": 2}}, {"b": 2}),
    ],
)
def test_who_wins(task, own, function, wanted):
    assert merge(task, own, function) == {"cpu": wanted}


def test_the_functions_pull_policy_is_not_lost_as_on_the_platform():
    assert merge({}, {}, {"image_pull_policy": "Always"})["image_pull_policy"] == "Always"


def test_what_a_document_says_about_itself_does_not_pass_on():
    other = dict.fromkeys(IDENTITY, "theirs")
    assert merge(other, {"task": "mine"}, other) == {"task": "mine"}


def test_nulls_inside_maps_go_and_those_in_lists_stay():
    assert said({"a": {"x": None, "y": [None, {"z": None}]}}) == {"a": {"y": [None, {}]}}


def test_what_is_nested_without_end_is_refused_and_breaks_nothing():
    deep: dict = {}
    for _ in range(5000):
        deep = {"a": deep}
    with pytest.raises(TooLargeError, match="nested more than 64 levels"):
        merge({}, {}, {"source": deep})


VALUE = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=5,
)
SPEC = st.dictionaries(
    st.sampled_from(["image", "args", "source", "task", "function", "envs"]), VALUE, max_size=6
)


@given(SPEC, SPEC, SPEC)
def test_merging_again_changes_nothing(task, own, function):
    once = merge(task, own, function)
    assert merge(task, once, function) == once
    assert said(once) == once
