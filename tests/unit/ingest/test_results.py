"""Results of a function on their way into the status: who is let in, of which attempt, and what happens meanwhile."""

from __future__ import annotations

import json
from typing import Any

import pytest

from run_operator.kube.errors import TooLargeError, TransientError
from run_operator.kube.resource import RUNS
from tests.support.ingest_world import NAME, NAMESPACE, UID, World, batch

BODY = {"results": {"accuracy": 0.5}, "outputs": {"model": "store://p/model/model/m:1"}}


async def put(
    world: World, token: str | None, body: Any = BODY, name: str = NAME, method: str = "PUT"
) -> tuple[int, str]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    url = f"http://127.0.0.1:{world.port}/v1/namespaces/{NAMESPACE}/runs/{name}/result"
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with world.session.request(method, url, data=data, headers=headers) as answer:
        return answer.status, (await answer.json()).get("error", "")


async def test_they_are_in_the_status_when_they_are_answered():
    async with World() as world:
        assert await put(world, world.token()) == (200, "")
        assert world.status["results"] == {"accuracy": 0.5}
        assert world.status["outputs"] == {"model": "store://p/model/model/m:1"}
        assert world.status["resultsInfo"]["attempt"] == 1
        assert world.status["state"] == "RUNNING"


async def test_sent_again_they_are_written_once():
    async with World() as world:
        token = world.token()
        await put(world, token)
        assert await put(world, token) == (200, "")
        assert world.api.calls.count("patch runs") == 1


async def test_metrics_that_are_logged_meanwhile_are_not_lost():
    async with World() as world:
        token = world.token()
        await world.post(token, batch(1, 0.5))
        assert await put(world, token) == (200, "")
        await world.until(lambda: world.status.get("metrics") == {"loss": [0.5]})
        assert world.status["results"] == {"accuracy": 0.5}


class TestWhoIsLetIn:
    async def test_a_pod_of_the_run_alone(self):
        async with World() as world:
            assert (await put(world, None))[0] == 401
            assert (await put(world, "x"))[0] == 401
            assert (await put(world, world.token(), name="other"))[0] in (401, 404)
            assert (await put(world, world.token(run="run-uid-2")))[0] in (401, 403)
            assert (await put(world, world.token(namespace="theirs")))[0] in (401, 403)
            assert (await put(world, world.token(bound=False)))[0] in (401, 403)
            assert "results" not in world.status

    async def test_not_a_pod_that_only_has_the_runs_labels(self):
        async with World() as world:
            world.add_pod("impostor", job="job-of-somebody")
            assert (await put(world, world.token("impostor")))[0] in (403, 503)
            assert "results" not in world.status

    async def test_by_put_alone(self):
        async with World() as world:
            assert (await put(world, world.token(), method="POST"))[0] == 405


class TestAttempts:
    async def test_an_attempt_that_has_ended_stores_nothing(self):
        async with World() as world:
            world.add_run(attempt=2)
            code, said = await put(world, world.token())
            assert (code, said) == (410, "attempt 1 has ended; the current attempt is 2")
            assert "results" not in world.status

    @pytest.mark.parametrize("state", ["COMPLETED", "ERROR"])
    async def test_a_run_that_is_over_stores_nothing(self, state):
        async with World() as world:
            world.api.objects[RUNS.plural, NAMESPACE, NAME]["status"]["state"] = state
            assert (await put(world, world.token()))[0] == 410

    async def test_the_next_attempt_begins_between_the_look_and_the_write(self):
        async with World() as world:

            def begins(_: Any) -> Any:
                world.api.objects[RUNS.plural, NAMESPACE, NAME]["status"]["attempt"] = 2
                raw = world.api.objects[RUNS.plural, NAMESPACE, NAME]
                world.api.put(RUNS, raw)
                return world.api._apply(
                    RUNS, NAMESPACE, NAME, [{"op": "test", "path": "/metadata/uid", "value": "no"}]
                )

            world.api.faults.append(begins)
            assert (await put(world, world.token()))[0] == 410
            assert "results" not in world.status

    async def test_another_run_of_the_same_name_gets_nothing(self):
        async with World() as world:
            token = world.token(run=UID)
            world.api.objects[RUNS.plural, NAMESPACE, NAME]["metadata"]["uid"] = "run-uid-9"
            assert (await put(world, token))[0] == 404


class TestFaults:
    async def test_an_answer_that_was_lost_is_found_the_next_time(self):
        async with World() as world:

            def lost(apply: Any) -> Any:
                apply()
                raise TransientError("patch", 504, "timeout")

            world.api.faults.append(lost)
            token = world.token()
            assert (await put(world, token))[0] == 503
            assert (await put(world, token))[0] == 200
            assert world.api.calls.count("patch runs") == 1

    async def test_a_run_without_room_is_refused_with_that_reason(self):
        async with World() as world:

            def full(_: Any) -> Any:
                raise TooLargeError("patch", 413, "too large")

            world.api.faults.append(full)
            code, said = await put(world, world.token())
            assert code == 422
            assert "too large to store them" in said

    async def test_while_the_operator_starts_nothing_is_taken(self):
        async with World() as world:
            world.ready = False
            assert (await put(world, world.token()))[0] == 503


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", 400),
        (b'{"results": {"a": NaN}}', 400),
        ([], 422),
        ({"results": {"../x": 1}}, 422),
        ({"results": {"": 1}}, 422),
        ({"results": {"a\x1b[2J": 1}}, 422),
        ({"outputs": {"..": "store://p/model/m/x"}}, 422),
        ({"outputs": {"m": "s3://b/k"}}, 422),
        ({"state": "COMPLETED"}, 422),
        ({"results": {"a": "x" * 70_000}}, 422),
        ({"results": {"a": "x" * 200_000}}, 413),
    ],
    ids=repr,
)  # fmt: skip
async def test_what_a_status_cannot_hold_is_refused(body, code):
    async with World() as world:
        assert (await put(world, world.token(), body))[0] == code
        assert "results" not in world.status
