"""The endpoint on a real socket: who is let in, what is answered, and what it does not let itself be talked into."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from run_operator.api.run import Key
from run_operator.children import DeploymentView, PodView
from run_operator.ingest.limits import IngestLimits
from run_operator.ingest.sessions import Session
from run_operator.kube.resource import RUNS
from run_operator.metrics import protocol as batches
from run_operator.metrics.metric_set import MetricLimits as BookLimits
from run_operator.metrics.protocol import MAX_BODY
from run_operator.metrics.run_ledger import RunLedger
from tests.support.ingest_world import NAME, NAMESPACE, POLL, World, batch


async def test_a_batch_goes_all_the_way_into_the_status():
    async with World() as world:
        token = world.token()
        code, reply, _ = await world.post(token, batch(1, 0.5, 0.25))
        assert (code, reply["accepted"]) == (202, 1)
        await world.until(lambda: world.status.get("metrics") == {"loss": [0.5, 0.25]})
        code, reply, _ = await world.post(token, POLL)
        assert (code, reply) == (200, {"committed": 1, "accepted": 1, "notes": []})
        ingest = world.status["metricsIngest"]
        assert ingest["writers"] == {"uid-of-pod-1/w": 1}
        assert ingest["fullResolution"] == "here"
        assert world.status["metricsSummary"] == "loss 0.25 (n=2)"


async def test_a_batch_without_writer_is_taken_at_least_once():
    async with World() as world:
        code, reply, _ = await world.post(world.token(), {"ops": [{"k": "acc", "set": 0.9}]})
        assert (code, reply) == (202, {"notes": []})
        await world.until(lambda: world.status.get("metrics") == {"acc": 0.9})


class TestWhoIsLetIn:
    async def refused(self, world: World, token: str | None, body=None, name: str = NAME):
        code, reply, _ = await world.post(token, body or batch(1, 1), name)
        assert world.ingest._ledgers.values <= 1
        return code, reply["error"]

    async def test_nobody_without_a_token(self):
        async with World() as world:
            assert (await self.refused(world, None))[0] == 401
            assert (await self.refused(world, ""))[0] == 401

    @pytest.mark.parametrize(
        "token", ["x", "a.b", "a.b.c", "a.e30.c", "a." + "W10" + ".c", "x" * 8000, "a." + "[" * 4000 + ".c"]
    )
    async def test_nonsense_is_not_even_asked_about(self, token):
        async with World() as world:
            code, _ = await self.refused(world, token)
            assert code == 401
            assert "create tokenreviews" not in world.api.calls

    async def test_a_token_of_another_audience_or_an_expired_one_is_not_asked_about(self):
        async with World() as world:
            assert (await self.refused(world, "a.e30.c"))[0] == 401
            assert "expired" in (await self.refused(world, world.token(expires=-1)))[1]
            assert "create tokenreviews" not in world.api.calls

    async def test_a_forged_token_is_asked_about_once_in_a_while(self):
        async with World() as world:
            forged = world.token()
            del world.api.tokens[forged]
            for _ in range(5):
                assert (await self.refused(world, forged))[0] == 401
            assert world.api.calls.count("create tokenreviews") == 1

    async def test_an_answer_for_other_audiences_is_no_answer(self):
        """As of an API server that knows no audiences."""
        async with World() as world:
            token = world.token()
            world.api.tokens[token]["status"]["audiences"] = []
            assert (await self.refused(world, token))[0] == 401

    async def test_a_token_that_is_no_pods(self):
        async with World() as world:
            assert (await self.refused(world, world.token(bound=False)))[0] == 403

    async def test_a_pod_of_another_namespace(self):
        async with World() as world:
            assert (await self.refused(world, world.token(namespace="other")))[0] == 401

    async def test_a_pod_with_our_labels_that_is_owned_by_somebody_else(self):
        async with World() as world:
            world.add_pod("forged", job="job-of-somebody")
            code, said = await self.refused(world, world.token("forged"))
            assert (code, "does not belong" in said) == (403, True)
            before = len(world.api.calls)
            await self.refused(world, world.token("forged"))
            assert world.api.calls[before:] == ["create tokenreviews"]  # the owners were not followed again

    async def test_a_pod_that_is_gone(self):
        async with World() as world:
            token = world.token()
            world.drop_pod("pod-1")
            assert (await self.refused(world, token))[0] == 410

    async def test_a_pod_of_an_earlier_attempt(self):
        async with World() as world:
            world.add_pod("old", attempt=1)
            world.add_run(attempt=2)
            code, said = await self.refused(world, world.token("old"))
            assert (code, "attempt 1 has ended" in said) == (410, True)

    async def test_an_attempt_whose_number_is_not_stored_yet(self):
        """Only a first one can be: its Job comes before the status."""
        async with World() as world:
            del world.status["attempt"]
            world.api.put(RUNS, world.api.objects["runs", NAMESPACE, NAME])
            world.add_pod("second", attempt=2)
            assert (await self.refused(world, world.token("second")))[0] == 503
            assert (await world.post(world.token(), batch(1, 1)))[0] == 202

    async def test_an_attempt_that_is_not_the_pods(self):
        async with World() as world:
            code, _ = await self.refused(world, world.token(), batch(1, 1, attempt=2))
            assert code == 410

    async def test_a_run_that_is_over(self):
        async with World() as world:
            world.status["state"] = "COMPLETED"
            world.api.put(RUNS, world.api.objects["runs", NAMESPACE, NAME])
            assert (await self.refused(world, world.token()))[0] == 410

    async def test_a_run_that_is_not_there_or_was_recreated(self):
        async with World() as world:
            token = world.token()
            assert (await self.refused(world, token, name="nobody"))[0] == 401
            world.add_run(uid="run-uid-2")
            assert (await self.refused(world, token))[0] == 401

    async def test_an_operator_that_does_not_know_the_runs_yet_says_when_to_come_back(self):
        async with World() as world:
            world.ready = False
            code, _, headers = await world.post(world.token(), batch(1, 1))
            assert (code, headers["Retry-After"]) == (503, "2")


async def test_the_last_words_of_a_pod_that_has_just_gone_are_heard():
    now = [0.0]
    async with World() as world:
        world.ingest._server._service._members._clock = lambda: now[0]
        token = world.token()
        assert (await world.post(token, batch(1, 1)))[0] == 202
        world.drop_pod("pod-1")
        assert (await world.post(token, batch(2, 2)))[0] in (200, 202)
        now[0] = 6.0
        assert (await world.post(token, batch(3, 3)))[0] == 410


async def test_a_pod_that_the_streams_have_not_shown_yet_is_looked_up():
    async with World() as world:
        world.store.drop_child("uid-of-pod-1")
        assert (await world.post(world.token(), batch(1, 1)))[0] == 202
        assert "get pods" in world.api.calls


async def test_many_requests_with_a_new_token_are_one_question():
    async with World() as world:
        token = world.token()
        codes = await asyncio.gather(*(world.post(token, POLL) for _ in range(20)))
        assert {code for code, _, _ in codes} == {200}
        assert world.api.calls.count("create tokenreviews") == 1
        assert world.api.calls.count("get runs") == 1


async def test_sequence_numbers():
    async with World() as world:
        token = world.token()
        code, reply, _ = await world.post(token, batch(2, 1))
        assert (code, reply["expected"]) == (409, 1)
        await world.post(token, batch(1, 1))
        assert (await world.post(token, batch(1, 1)))[1]["accepted"] == 1
        code, reply, _ = await world.post(token, {"writer": "w", "seq": 2, "ops": [{"k": "x", "put": "y"}]})
        assert (code, reply["error"]) == (422, "ops[0] ('x'): value 0 is a text, not a number")
        assert (await world.post(token, batch(2, 5)))[1]["accepted"] == 2
        await world.until(lambda: world.status.get("metrics") == {"loss": [1, 5]})


async def test_what_a_full_run_refuses_names_the_number_to_go_on_with():
    async with World() as world:
        world.add_run(policy={"metrics": {"statusBudget": 1024, "onLimit": "Fail"}})
        token = world.token()
        assert (await world.post(token, batch(1, *[0.125] * 100)))[0] == 202
        code, reply, _ = await world.post(token, batch(2, *[0.125] * 100))
        assert (code, reply["expected"]) == (422, 2)
        await world.until(lambda: world.status.get("metricsIngest", {}).get("refused") == 100)


class TestBounds:
    async def test_a_body_too_long_by_its_own_word_is_not_read(self):
        async with World() as world:
            assert b" 413 " in await self.half(world, "Content-Length: 67108864\r\n\r\n{")

    async def test_a_body_too_long_without_a_word(self):
        async with World() as world:

            async def chunks():
                for _ in range(100):
                    yield b" " * (MAX_BODY // 10)

            url = f"http://127.0.0.1:{world.port}/v1/namespaces/{NAMESPACE}/runs/{NAME}/metrics"
            headers = {"Authorization": f"Bearer {world.token()}"}
            async with world.session.post(url, data=chunks(), headers=headers) as answer:
                assert answer.status == 413

    async def test_a_body_that_does_not_arrive(self):
        async with World(IngestLimits(body_time=0.1)) as world:
            answer = await self.half(world, "Content-Length: 100\r\n\r\n{")
            assert b" 408 " in answer

    async def test_half_a_head_is_given_up(self):
        async with World(IngestLimits(idle=0.1)) as world:
            assert await self.half(world, "Content-") == b""

    async def test_a_request_that_is_cut_off_or_garbled_is_no_error_of_ours(self, caplog):
        async with World() as world:
            assert b" 400 " in await self.half(world, "Transfer-Encoding: chunked\r\n\r\nnonsense\r\n")
            _, writer = await asyncio.open_connection("127.0.0.1", world.port)
            head = f"POST /v1/namespaces/{NAMESPACE}/runs/{NAME}/metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n"
            writer.write(f"{head}Authorization: Bearer {world.token()}\r\n\r\n{{".encode())
            await world.until(lambda: world.ingest._server._bodies.reading)
            writer.transport.abort()
            await world.until(lambda: not world.ingest._server._bodies.reading)
        assert [record for record in caplog.records if record.levelname == "ERROR"] == []

    async def half(self, world: World, rest: str) -> bytes:
        """Send the beginning of a request and nothing more; what comes back until the connection is closed."""
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
        head = f"POST /v1/namespaces/{NAMESPACE}/runs/{NAME}/metrics HTTP/1.1\r\nHost: x\r\n"
        writer.write(f"{head}Authorization: Bearer {world.token()}\r\n{rest}".encode())
        async with asyncio.timeout(10):
            answer = await reader.read()
        writer.close()
        return answer

    async def test_a_connection_beyond_the_bound_replaces_an_idle_one(self):
        async with World(IngestLimits(connections=2)) as world:
            assert (await world.post(world.token(), POLL))[0] == 200
            held = [await asyncio.open_connection("127.0.0.1", world.port) for _ in range(5)]
            async with asyncio.timeout(10):
                assert not await held[0][0].read(1)
            assert (await world.post(world.token(), POLL))[0] == 200
            for _, writer in held:
                writer.close()

    async def test_who_waits_to_be_asked_for_the_body_is_asked(self):
        async with World() as world, asyncio.timeout(5):
            assert (await world.post(world.token(), batch(1, 0.5), expect100=True))[0] == 202

    async def test_many_bodies_at_once_are_put_off(self):
        async with World(IngestLimits(bodies=1000)) as world:
            code, _, headers = await world.post(world.token(), b" " * 2000)
            assert (code, "Retry-After" in headers) == (503, True)
            assert (await world.post(world.token(), POLL))[0] == 200

    async def test_bodies_of_the_pods_of_one_namespace_are_within_its_share(self):
        async with World(IngestLimits(bodies=10_000, bodies_each=1000)) as world:
            code, answer, headers = await world.post(world.token(), b" " * 2000)
            assert (code, "Retry-After" in headers) == (503, True)
            assert "of one caller" in str(answer)
            assert (await world.post(world.token(), POLL))[0] == 200

    async def test_too_many_requests_of_a_pod(self):
        async with World(IngestLimits(pod_rate=0.5, pod_burst=2)) as world:
            token = world.token()
            codes = [await world.post(token, POLL) for _ in range(3)]
            assert [code for code, _, _ in codes] == [200, 200, 429]
            assert int(codes[-1][2]["Retry-After"]) >= 1

    async def test_too_many_requests_of_all_pods_of_a_run(self):
        async with World(IngestLimits(run_rate=0.5, run_burst=1)) as world:
            world.add_pod("pod-2")
            assert (await world.post(world.token("pod-1"), POLL))[0] == 200
            assert (await world.post(world.token("pod-2"), POLL))[0] == 429

    async def test_a_full_memory_puts_off_what_it_cannot_hold(self):
        async with World(IngestLimits(held_values=0)) as world:
            other = Session(Key(NAMESPACE, "other"), RunLedger("other-uid", {}), 0, 0.0)
            other.ledger.take(
                None, batches.read(b'{"ops": [{"k": "x", "put": 1}]}'), 1, BookLimits(), 0.0, bool
            )
            world.ingest._ledgers._entries["other-uid"] = other
            code, _, headers = await world.post(world.token(), batch(1, 1))
            assert (code, headers["Retry-After"]) == (503, "5")


@pytest.mark.parametrize(
    ("method", "path", "code"), [("GET", "/x", 404), ("POST", "/v1/namespaces/a/runs", 404)]
)
async def test_other_paths(method, path, code):
    async with (
        World() as world,
        world.session.request(method, f"http://127.0.0.1:{world.port}{path}") as answer,
    ):
        assert answer.status == code
        assert "error" in await answer.json()


async def test_other_methods():
    async with World() as world:
        url = f"http://127.0.0.1:{world.port}/v1/namespaces/{NAMESPACE}/runs/{NAME}/metrics"
        async with world.session.get(url) as answer:
            assert (answer.status, answer.headers["Allow"]) == (405, "POST")


async def test_a_mistake_of_ours_ends_in_one_answer():
    async with World() as world:
        service: Any = world.ingest._server._service
        service._directory = None
        assert (await world.post(world.token(), POLL))[0] == 500
        service._directory = world.store
        assert (await world.post(world.token(), POLL))[0] == 200


async def test_a_service_pod_is_followed_to_its_deployment():
    async with World() as world:
        owner = {"controller": True, "kind": "Run", "name": NAME, "uid": "run-uid-1"}
        labels = {"run-operator.io/run-uid": "run-uid-1"}
        made = {"metadata": world._metadata("web", "deployment-uid", owner, labels)}
        world.store.put_child(DeploymentView.from_object(made))
        above = {"controller": True, "kind": "Deployment", "name": "web", "uid": "deployment-uid"}
        for name, uid in (("web-1", "set-uid"), ("web-2", "another-set")):
            world.api.objects["replicasets", NAMESPACE, name] = {
                "metadata": world._metadata(name, uid, above, {})
            }
        world.add_pod("web-pod")
        pod = world.api.objects["pods", NAMESPACE, "web-pod"]
        pod["metadata"]["ownerReferences"] = [
            {"controller": True, "kind": "ReplicaSet", "name": "web-1", "uid": "set-uid"}
        ]
        pod["metadata"]["resourceVersion"] = "2"
        world.store.put_child(PodView.from_object(json.loads(json.dumps(pod))))
        assert (await world.post(world.token("web-pod"), POLL))[0] == 200
        assert world.store.run(Key(NAMESPACE, NAME)) is not None
