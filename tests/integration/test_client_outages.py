"""`wait` under fire: cut streams, an API server that refuses or is gone, people who disagree."""

from __future__ import annotations

import pytest

from run_operator import get_run
from run_operator.client.errors import RunDeletedError
from tests.support.clients import in_thread, job
from tests.support.harness import Person, wait_for


def end(person: Person, name: str) -> None:
    """Bring the Run to an end from the outside."""
    person.patch_run(name, {"spec": {"suspend": True}})


def test_wait_goes_on_through_cut_streams(operator, person, proxy, through):
    run = job(through)
    person.becomes("x", "RUNNING")
    thread, came = in_thread(lambda: run.wait(log_info=False, timeout=60))
    for _ in range(3):
        wait_for("a stream to cut", proxy.cut_streams)
    end(person, "x")
    thread.join(60)
    assert came[0].status.state == "STOPPED"


@pytest.mark.parametrize("status", [410, 429, 500, 503])
def test_wait_goes_on_through_whatever_the_api_server_answers(operator, person, proxy, through, status):
    from aiohttp import web  # noqa: PLC0415 - this test only

    run = job(through)
    person.becomes("x", "RUNNING")
    answered: list[str] = []

    def refuse(method: str, path: str) -> web.Response | None:
        if "watch=true" not in path or len(answered) >= 4:
            return None
        answered.append(path)
        return web.json_response({"message": "no", "code": status}, status=status)

    proxy.answer = refuse
    thread, came = in_thread(lambda: run.wait(log_info=False, timeout=60))
    wait_for("the refusals", lambda: len(answered) == 4)
    end(person, "x")
    thread.join(60)
    assert came[0].status.state == "STOPPED"


def test_wait_goes_on_through_an_api_server_that_is_gone_for_a_while(operator, person, proxy, through):
    """The proxy is the API server as the client sees it: first it resets every connection, then it is back."""
    run = job(through)
    person.becomes("x", "RUNNING")
    thread, came = in_thread(lambda: run.wait(log_info=False, timeout=60))
    wait_for("a stream to cut", proxy.cut_streams)
    proxy.pause()
    end(person, "x")
    person.becomes("x", "STOPPED")
    assert thread.is_alive()
    proxy.unpause()
    thread.join(60)
    assert came[0].status.state == "STOPPED"


def test_a_run_deleted_and_made_again_while_nobody_looked_is_not_the_one_waited_for(
    operator, person, proxy, through
):
    run = job(through)
    person.becomes("x", "RUNNING")
    thread, came = in_thread(lambda: run.wait(log_info=False, timeout=60))
    wait_for("a stream to cut", proxy.cut_streams)
    proxy.pause()
    person.kubectl("delete", "run", "x", "--wait=true")
    person.apply_run("x")
    proxy.unpause()
    thread.join(60)
    assert isinstance(came[0], RunDeletedError)


def test_two_people_who_stop_and_resume_at_once_get_what_one_of_them_asked_for(operator, cluster, person):
    run = job(cluster)
    person.becomes("x", "RUNNING")
    threads = [in_thread(desired) for desired in (run.stop, get_run("x", cluster=cluster).resume) * 3]
    for thread, _ in threads:
        thread.join(60)
    assert [came for _, came in threads] == [[None]] * 6
    wished = person.get("run", "x")["spec"]["suspend"]
    person.becomes("x", "STOPPED" if wished else "RUNNING")
