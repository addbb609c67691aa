"""How many files of lifecycle and resolution somebody has to open who follows one look at a Run."""

from __future__ import annotations

import pytest

from run_operator.api.raw import stamp
from run_operator.api.run import Run
from run_operator.lifecycle.model import Observed
from tests.support.builders import NOW, job, pod, run, serve
from tests.support.planning import step
from tests.support.walk import files_walked

RUNS = Observed(job(created=stamp(NOW), active=1), (pod("Running"),))
ENDED = Observed(job(complete=True), (pod("Succeeded", exit_code=0),))


def running() -> Run:
    return run(status=step(run(), RUNS, NOW + 2).status)


@pytest.mark.parametrize(
    ("one", "observed", "most"),
    [
        pytest.param(run(), Observed(), 8, id="a first attempt begins: the Job is created"),
        pytest.param(serve(), Observed(), 10, id="a first attempt of a service begins"),
        pytest.param(run(), RUNS, 12, id="its program runs: the first status is written"),
        pytest.param(running(), RUNS, 12, id="its program still runs: nothing is written"),
        pytest.param(running(), ENDED, 9, id="it ends"),
    ],
)
def test_a_look_goes_through_few_files(one, observed, most):
    walked = files_walked(lambda: step(one, observed, NOW + 3), "lifecycle", "resolution")
    assert len(walked) <= most, sorted(walked)
