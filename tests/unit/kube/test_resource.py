"""Paths of the API server: no name leads out of its namespace."""

from __future__ import annotations

import pytest

from run_operator.kube.resource import RUNS


def test_a_path_names_one_object():
    assert (
        RUNS.path("ml", "a.b-c", "status") == "/apis/run-operator.io/v1alpha1/namespaces/ml/runs/a.b-c/status"
    )
    assert RUNS.path() == "/apis/run-operator.io/v1alpha1/runs"


@pytest.mark.parametrize(
    "name",
    ["..", ".", "../x", "a/../../../namespaces/other/runs/x", "x?a=b", "x#", "%2e%2e", "a b", "a\n", "a\\b"],
)
def test_what_is_no_name_makes_no_path(name):
    for given in (("ml", name), (name, "x"), ("ml", "x", name)):
        with pytest.raises(ValueError, match="is not a valid name of an object"):
            RUNS.path(*given)
