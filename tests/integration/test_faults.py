"""What may happen between the operator and the API server at night. `make faults` has the same for minutes each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.faults import CROWD, FAULTS, Scene, endure, scene
from tests.support.harness import Person, cluster_down, cluster_name, cluster_up

SETTLE = 90.0
NAME = cluster_name("faults")


@pytest.fixture(scope="module")
def fragile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A cluster of its own, whose parts are killed, and one operator that lives through all of it."""
    person = Person(cluster_up(NAME, "control-plane", "--restarts"))
    try:
        person.install_crds()
        with scene(NAME, person, tmp_path_factory.mktemp("faults"), sweep_interval="2") as made:
            yield made
    finally:
        cluster_down(NAME)


@pytest.mark.timeout(3 * SETTLE)  # it may have to settle, and then the values
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_leaves_nothing_stuck_doubled_or_lost(fragile: Scene, name: str):
    fault, _, seconds = FAULTS[name]
    crowd = CROWD if "continue" in name else 0
    figures = endure(fragile, lambda: fault(fragile, seconds), SETTLE, crowd)
    assert (figures.wrong, figures.lost, figures.doubled) == ([], 0, 0)
