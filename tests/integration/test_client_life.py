"""`wait`, `stop` and `resume` of the `Run` object against a real API server."""

from __future__ import annotations

import pytest

from run_operator import new_run
from run_operator.client.errors import EntityError, RunDeletedError, WaitTimeoutError
from tests.support.clients import SERVICE, in_thread, job


def test_wait_tells_states_and_returns_the_run(operator, cluster, capsys):
    run = job(cluster, args=["kwok-complete"])
    assert run.wait(timeout=60) is run
    assert run.status.state == "COMPLETED"
    said = capsys.readouterr().out.splitlines()
    assert said[-1].startswith("run x: COMPLETED: exited with code 0")
    assert run.wait(timeout=5).status.state == "COMPLETED"


def test_wait_ends_with_the_failure_too_and_with_a_service_that_is_ready(operator, cluster):
    assert job(cluster, "f", args=["kwok-fail"]).wait(log_info=False, timeout=60).status.state == "ERROR"
    service = new_run("demo", uuid="s", cluster=cluster, **SERVICE).wait(log_info=False, timeout=60)
    assert service.status.service["url"] == f"s.{cluster.namespace}:80"


def test_a_wait_that_takes_too_long_says_so_and_leaves_the_run_alone(operator, cluster, person):
    run = job(cluster)
    person.becomes("x", "RUNNING")
    with pytest.raises(WaitTimeoutError, match=r"run x is RUNNING after 0\.3 s") as caught:
        run.wait(log_info=False, timeout=0.3)
    assert caught.value.state == "RUNNING"
    assert person.status("x")["state"] == "RUNNING"


def test_a_wait_without_any_time_looks_once(operator, cluster, person):
    run = job(cluster, suspend=True)
    person.becomes("x", "STOPPED")
    assert run.wait(log_info=False, timeout=0).status.state == "STOPPED"
    run.resume(wait=True, timeout=60)
    with pytest.raises(WaitTimeoutError, match="run x is RUNNING after 0 s"):
        run.wait(log_info=False, timeout=0)


def test_a_deletion_ends_the_wait(operator, cluster, person):
    run = job(cluster)
    person.becomes("x", "RUNNING")
    thread, came = in_thread(lambda: run.wait(log_info=False, timeout=60))
    run.delete()
    thread.join(30)
    assert isinstance(came[0], RunDeletedError)


def test_stop_and_resume_keep_their_promises(operator, cluster, person):
    run = job(cluster)
    person.becomes("x", "RUNNING")
    run.stop(wait=True, timeout=60)
    assert run.status.state == "STOPPED"
    assert person.items("pods") == []
    generation = person.get("run", "x")["metadata"]["generation"]
    run.stop()
    assert person.get("run", "x")["metadata"]["generation"] == generation
    assert run.wait(log_info=False, timeout=5).status.state == "STOPPED"
    assert run.resume() is None
    run.resume(wait=True, timeout=60)
    assert (run.status.state, run.status.attempt) == ("RUNNING", 2)


def test_a_stop_right_after_a_resume_is_over_only_when_the_operator_knows_of_it(operator, cluster, person):
    run = job(cluster)
    run.stop(wait=True, timeout=60)
    for _ in range(10):
        run.resume()
        run.stop(wait=True, timeout=60)
        raw = person.get("run", "x")
        assert raw["status"]["observedGeneration"] == raw["metadata"]["generation"]
        assert not [pod for pod in person.items("pods") if pod["status"]["phase"] in ("Pending", "Running")]
    run.metadata["description"] = "edited while it is stopped"
    run.save(update=True)
    assert run.wait(log_info=False, timeout=60).status.state == "STOPPED"


def test_wait_right_after_a_resume_does_not_take_the_old_stop_for_the_end(operator, cluster):
    run = job(cluster, args=["kwok-complete"], suspend=True)
    run.wait(log_info=False, timeout=60)
    run.resume()
    assert run.wait(log_info=False, timeout=60).status.state == "COMPLETED"


@pytest.mark.parametrize("verb", ["stop", "resume"])
def test_a_finished_run_is_neither_stopped_nor_resumed_in_silence(operator, cluster, verb):
    run = job(cluster, args=["kwok-complete"]).wait(log_info=False, timeout=60)
    with pytest.raises(EntityError, match="run x is COMPLETED already"):
        getattr(run, verb)()
