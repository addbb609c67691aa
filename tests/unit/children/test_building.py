"""A Run that builds an image is at work before its program: the container that builds comes first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from run_operator.children import job_outcome
from tests.support.builders import job, pod


@pytest.mark.parametrize(("container", "progress"), [("build", "RUNNING"), ("fetch", "PENDING")])
def test_it_runs_while_its_image_is_made(container, progress):
    seen = job_outcome.observe(
        job(active=1), [pod(waiting="PodInitializing", beside={container: None}, inits=(container,))]
    )
    assert seen.progress == progress
    assert seen.exit_code is None


def test_what_stops_the_build_is_the_reason_of_the_end():
    said = "BuildFailed: STEP 2/2: RUN make: exit status 2: no rule"
    ended = pod("Failed", beside={"build": 1}, inits=("build",))
    (first,) = (one._replace(message=said) for one in ended.facts.containers if one.init)
    ended = replace(ended, facts=ended.facts._replace(containers=(first,)))
    seen = job_outcome.observe(job(failed=1, failed_reason="BackoffLimitExceeded"), [ended])
    assert (seen.progress, seen.reason) == ("FAILED", "BuildFailed")
    assert "STEP 2/2: RUN make: exit status 2: no rule (exit code 1" in seen.message
