"""Which Kubernetes the launcher builds: the usual one, or the minor that RUN_OPERATOR_KUBERNETES names."""

from __future__ import annotations

import pytest

from cluster.build import BESIDE, KUBERNETES, MINOR, MODULES, OTHER_MINORS, _chosen, _ldflags, build
from cluster.errors import ClusterError


def test_the_usual_one_is_built_where_none_is_named(monkeypatch):
    monkeypatch.delenv(MINOR, raising=False)
    assert _chosen(KUBERNETES) == KUBERNETES


@pytest.mark.parametrize("name", sorted(OTHER_MINORS))
def test_another_minor_has_a_folder_of_its_own_and_says_its_version(monkeypatch, name):
    minor = name.partition("-")[2]
    monkeypatch.setenv(MINOR, minor)
    assert _chosen(KUBERNETES) == name
    assert _chosen("etcd") == "etcd", "the rest of a cluster stays"
    assert f"gitVersion=v{minor}." in (_ldflags(MODULES / name) or "")
    assert name in BESIDE, "no cluster starts it unless it is asked for"


def test_a_minor_that_is_not_here_is_named_with_those_that_are(monkeypatch):
    monkeypatch.setenv(MINOR, "1.20")
    with pytest.raises(ClusterError, match=r"RUN_OPERATOR_KUBERNETES is 1\.20.* it may be 1\."):
        build(KUBERNETES)
