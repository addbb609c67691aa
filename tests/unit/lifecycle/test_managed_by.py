"""Runs that another controller carries out: this operator leaves them and their status alone."""

from __future__ import annotations

import pytest

from run_operator.api.constants import CONTROLLER
from run_operator.http.server import DeniedError
from run_operator.ingest.open_attempt import check_open
from run_operator.lifecycle.model import CreateWorkload, Observed, Plan
from tests.support.builders import NOW, job, pod, run
from tests.support.planning import kinds, status_of, step

FOREIGN = "example.com/another"


@pytest.mark.parametrize(
    "top", [{}, {"suspend": True}, {"deleting": True}, {"policy": {"ttlSecondsAfterFinished": 1}}]
)
@pytest.mark.parametrize("state", ["CREATED", "PENDING", "RUNNING", "STOP", "STOPPED", "COMPLETED", "ERROR"])
@pytest.mark.parametrize(
    "there", [Observed(), Observed(job(active=1), (pod("Running"),)), Observed(fresh=True)]
)
def test_nothing_is_done_or_written_in_any_state(top, state, there):
    one = run(managed_by=FOREIGN, status=status_of(state) | {"completionTime": "2020-01-01T00:00:00Z"}, **top)
    assert step(one, there, NOW + 10_000) == Plan()


@pytest.mark.parametrize("name", ["", CONTROLLER])
def test_a_run_of_this_operator_starts(name):
    assert kinds(step(run(managed_by=name))) == [CreateWorkload]


def test_its_metrics_and_results_are_not_taken():
    one = run(managed_by=FOREIGN, status=status_of("RUNNING"))
    with pytest.raises(
        DeniedError, match=r"carried out by example.com/another \(spec.managedBy\).*takes no results of it"
    ):
        check_open(one, one, 1, "results")
    ours = run(status=status_of("RUNNING"))
    check_open(ours, ours, 1, "results")
