"""The DigitalHub SDK in a pod: its own Run and nothing else, metrics that are in the cluster when it gets its answer."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from typing import Any

import pytest

from run_operator.api.references import ResolvedPart, ResolvedRecord
from run_operator.ingest.limits import IngestLimits
from run_operator.kube.errors import TransientError
from run_operator.kube.resource import DATAITEMS
from tests.support.ingest_world import NAME, NAMESPACE, SIGNER, UID, World

RUN = "/api/v1/-/p/runs/x"
LOSS = f"{RUN}/metrics/loss"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World() as one:
        yield one


async def log(world: World, value: float, token: str = "", key: str = "loss") -> int:
    """As the SDK does it: who is given no metrics saves the run before it writes the first."""
    _, found = await world.sdk("GET", f"{RUN}/metrics", token=token)
    if not found:
        _, document = await world.sdk("GET", RUN, token=token)
        document["status"]["metrics"] = {}
        assert (await world.sdk("PUT", RUN, document, token))[0] == 200
    code, _ = await world.sdk("PUT", f"{RUN}/metrics/{key}", [*found.get(key, []), value], token)
    return code


async def test_a_program_reads_its_project_and_its_run(world):
    assert await world.sdk("GET", "/api/auth") == (200, {})
    code, project = await world.sdk("GET", "/api/v1/projects/p")
    assert (code, project["kind"], project["name"]) == (200, "project", "p")
    code, run = await world.sdk("GET", RUN)
    assert (code, run["kind"], run["id"], run["project"]) == (200, "container+job:run", "x", "p")
    assert run["key"] == "store://p/run/container+job:run/x"
    assert run["status"] == {"state": "RUNNING", "attempt": 1}
    assert not {"suspend", "runPolicy"} & set(run)


async def test_its_run_has_what_its_function_says_where_the_operator_has_recorded_it(world):
    own = {"task": "dbt+transform://p/t", "function": "dbt://p/f:1", "inputs": {"a": "b"}, "parameters": {}}
    world.add_run(spec=own)
    assert (await world.sdk("GET", RUN))[1]["spec"] == own
    part = ResolvedPart("dbt://p/f:1", name="f", id="1", spec={"source": {"code": "select 1"}})
    record = ResolvedRecord(function=part).to_object()
    raw = world.api.objects["runs", NAMESPACE, NAME]
    raw["status"]["resolved"] = SIGNER.sign(UID, record)
    _, found = await world.sdk("GET", RUN)
    assert found["spec"] == {key: value for key, value in own.items() if value} | {
        "source": {"code": "select 1"}
    }
    assert (await world.sdk("PUT", RUN, found))[0] == 200
    assert (await world.sdk("PUT", RUN, found | {"spec": found["spec"] | {"source": {"code": "x"}}}))[
        0
    ] == 403
    raw["status"]["resolved"]["function"]["spec"]["source"]["code"] = "by somebody else"
    assert (await world.sdk("GET", RUN))[1]["spec"] == own


@pytest.mark.parametrize("path", [RUN, f"{RUN}/metrics", "/api/v1/projects/p", "/api/auth"])
async def test_head_is_a_get_without_a_body(world, path):
    headers = {"Authorization": f"Bearer {world.token()}"}
    async with world.session.head(f"http://127.0.0.1:{world.port}{path}", headers=headers) as answer:
        assert answer.status == 200
        assert int(answer.headers["Content-Length"]) > 0
        assert await answer.read() == b""


async def test_metrics_are_in_the_cluster_when_the_program_gets_its_answer(world):
    for number in range(5):
        assert await log(world, number) == 200
        assert world.status["metrics"] == {"loss": list(range(number + 1))}
    assert await world.sdk("PUT", f"{RUN}/metrics/acc", 0.5) == (200, 0.5)
    assert (await world.sdk("GET", f"{RUN}/metrics"))[1] == {"loss": [0, 1, 2, 3, 4], "acc": 0.5}
    assert await world.sdk("GET", f"{RUN}/metrics/acc") == (200, 0.5)
    assert (await world.sdk("GET", RUN))[1]["status"]["metrics"]["acc"] == 0.5


@pytest.mark.parametrize("key", ["train/loss", "a/b/c", "a b", "train/größe"])
async def test_a_name_with_slashes_comes_as_the_sdk_sends_it(world, key):
    assert await log(world, 0.5, key=key) == 200
    assert world.status["metrics"] == {key: [0.5]}
    assert await world.sdk("GET", f"{RUN}/metrics/{key}") == (200, [0.5])


async def test_a_program_of_the_platform_saves_its_results_with_its_run(world):
    _, document = await world.sdk("GET", RUN)
    made = {"results": {"rows": 5}, "outputs": {"table": "store://p/dataitem/table/t:1"}}
    document["status"] |= {"state": "COMPLETED", **made}
    code, answer = await world.sdk("PUT", RUN, document)
    assert (code, answer["status"]["outputs"], answer["status"]["state"]) == (200, made["outputs"], "RUNNING")
    assert {name: world.status[name] for name in made} == made
    assert world.status["resultsInfo"]["attempt"] == 1
    assert await log(world, 0.5) == 200
    assert {name: world.status[name] for name in made} == made
    assert world.status["metrics"] == {"loss": [0.5]}


@pytest.mark.parametrize("wrong", [{"outputs": {"table": "x"}}, {"results": {"a/b": 1}}])
async def test_results_that_no_status_can_hold_are_refused_as_those_of_functions(world, wrong):
    _, document = await world.sdk("GET", RUN)
    document["status"] |= wrong
    assert (await world.sdk("PUT", RUN, document))[0] == 422
    assert not {"results", "outputs"} & set(world.status)


async def test_threads_and_pods_at_once_lose_nothing(world):
    world.add_pod("pod-2")
    tokens = [world.token(pod) for pod in ("pod-1", "pod-2")]

    async def many(client: int) -> None:
        for number in range(10):
            assert await log(world, 100 * client + number, tokens[client % 2]) == 200

    await asyncio.gather(*(many(client) for client in range(4)))
    logged = world.status["metrics"]["loss"]
    assert sorted(logged) == sorted(100 * client + number for client in range(4) for number in range(10))


async def test_threads_that_share_an_object_log_the_first_metric_at_once(world):
    """None of them has read anything: each saves the run, and writes."""
    token = world.token()
    _, document = await world.sdk("GET", RUN, token=token)
    document["status"]["metrics"] = {}
    for _ in range(3):
        assert (await world.sdk("PUT", RUN, document, token))[0] == 200
    for number in range(3):
        assert (await world.sdk("PUT", LOSS, [number], token))[0] == 200
    assert world.status["metrics"]["loss"] == [0, 1, 2]


async def test_equal_values_of_threads_are_as_many_as_were_logged(world):
    token = world.token()
    assert await log(world, 1, token) == 200
    for _ in range(3):
        await world.sdk("GET", f"{RUN}/metrics", token=token)
    for _ in range(3):
        assert (await world.sdk("PUT", LOSS, [1, 1], token))[0] == 200
    assert world.status["metrics"]["loss"] == [1, 1, 1, 1]


async def test_a_value_whose_commit_landed_though_the_answer_was_lost_is_there_once(world):
    def landed(apply):
        apply()
        raise TransientError("patch", 0, "no answer")

    def lost(apply):
        raise TransientError("patch", 503, "not now")

    world.api.faults += [landed, lost]
    assert [await log(world, number) for number in range(3)] == [200, 200, 200]
    assert world.status["metrics"]["loss"] == [0, 1, 2]


async def test_what_another_replica_wrote_meanwhile_stays(world):
    assert await log(world, 1) == 200

    def overtaken(apply):
        raw = world.api.objects["runs", "ml", "train"]
        raw["status"]["metrics"] = {"loss": [1, 7]}
        raw["status"]["metricsIngest"] |= {"commitId": "another-1"}
        return apply()

    world.api.faults.append(overtaken)
    assert await log(world, 2) == 200
    assert world.status["metrics"]["loss"] == [1, 7, 2]


async def test_programs_that_use_runmetrics_and_the_sdk_share_a_list(world):
    token = world.token()
    assert (await world.post(token, {"writer": "w", "seq": 1, "ops": [{"k": "loss", "append": [1]}]}))[
        0
    ] == 202
    assert await log(world, 2, token) == 200
    assert world.status["metrics"]["loss"] == [1, 2]


async def test_the_sdk_saves_the_whole_run_before_its_first_metric_and_that_changes_nothing(world):
    _, document = await world.sdk("GET", RUN)
    document["metadata"] |= {"updated": "2030-01-01T00:00:00Z"}
    document["spec"] = {**document["spec"], "local_execution": False}
    before = len([call for call in world.api.calls if call.startswith("patch")])
    code, answered = await world.sdk("PUT", RUN, document)
    assert (code, answered["id"]) == (200, "x")
    assert len([call for call in world.api.calls if call.startswith("patch")]) == before
    document["metadata"]["labels"] = ["mine"]
    code, answered = await world.sdk("PUT", RUN, document)
    assert (code, "metadata.labels of run x is not changed" in answered["error"]) == (403, True)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/-/p/runs/other"),
        ("PUT", "/api/v1/-/p/runs/other/metrics/loss"),
        ("GET", "/api/v1/-/q/runs/x"),
        ("GET", "/api/v1/projects/q"),
        ("GET", "/api/v1/-/p/runs"),
        ("POST", "/api/v1/-/p/runs"),
        ("POST", f"{RUN}/stop"),
        ("POST", f"{RUN}/resume"),
        ("GET", f"{RUN}/logs"),
        ("DELETE", RUN),
        ("GET", "/api/v1/-/p/functions"),
        ("GET", "/api/v1/-/p/runs/x%2F..%2Fother"),
        ("GET", "/api/v1/-/p/runs/x/../other"),
    ],
)
async def test_everything_else_is_refused_in_words(world, method, path):
    code, answered = await world.sdk(method, path, [1] if method in ("PUT", "POST") else None)
    assert (code, "its own Run" in answered["error"]) == (403, True)


async def test_a_token_of_another_run_a_pod_that_lies_and_nobody_at_all(world):
    world.add_pod("stranger", run="run-uid-2", job="job-of-run-uid-2")
    assert (await world.sdk("GET", RUN, token=world.token("stranger", run="run-uid-2")))[0] == 404
    assert (await world.sdk("GET", RUN, token=world.token("stranger")))[0] == 403
    for token in (None, "the-token-of-this-pod", "a.b.c"):
        assert (await world.sdk("GET", RUN, token=token))[0] == 401
    assert (await world.sdk("GET", RUN, token=world.token(expires=-1)))[0] == 401


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"{", 400), (b'"x"', 422), ([True], 422), ([1, "x"], 422), ({"a": 1}, 422), (b"[" * 100_000, 400),
     (b"1" * 1_040_000, 413)],
)  # fmt: skip
async def test_what_is_no_metric_is_refused_and_nothing_is_stored(world, body, code):
    assert (await world.sdk("PUT", LOSS, body))[0] == code
    assert "metrics" not in world.status


async def test_nan_is_null_as_everywhere(world):
    assert await world.sdk("PUT", LOSS, b"[1, NaN, -Infinity]") == (200, [1, None, None])


async def test_a_run_that_is_over_takes_nothing_more(world):
    world.add_run(attempt=2)
    code, answered = await world.sdk("PUT", LOSS, [1])
    assert (code, answered["error"]) == (410, "attempt 1 has ended; the current attempt is 2")


async def test_who_sends_too_fast_waits_and_is_not_refused():
    limits = IngestLimits(pod_burst=2, sdk_rate=100, pod_rate=1e6, run_rate=1e6, run_burst=1e6)
    async with World(limits) as world:
        codes = await asyncio.gather(*(world.sdk("GET", "/api/auth") for _ in range(30)))
        assert {code for code, _ in codes} == {200}
    async with World(dataclasses.replace(limits, sdk_rate=0.01, sdk_timeout=0.1)) as world:
        codes = await asyncio.gather(*(world.sdk("GET", "/api/auth") for _ in range(5)))
        assert sorted(code for code, _ in codes) == [200, 200, 429, 429, 429]


async def test_a_cluster_that_takes_nothing_is_said_and_not_waited_for_without_end():
    limits = IngestLimits(sdk_timeout=0.2, pod_rate=1e6, pod_burst=1e6, run_rate=1e6, run_burst=1e6)
    async with World(limits) as world:

        def lost(apply):
            raise TransientError("patch", 503, "not now")

        world.api.faults += [lost] * 100
        code, answered = await world.sdk("PUT", LOSS, [1])
        assert (code, "not stored yet" in answered["error"]) == (503, True)
        world.api.faults.clear()
        await world.until(lambda: world.status.get("metrics") == {"loss": [1]})
        assert world.ingest._ledgers.get(UID).waiters == [] or all(
            future.done() for _, future in world.ingest._ledgers.get(UID).waiters
        )


@pytest.mark.parametrize("size", [10, 20_000])
async def test_a_program_gets_the_names_of_its_own_secrets_and_no_value(world, size):
    """A document of more than 16 KiB is not held."""
    world.add_run(spec={"secrets": ["HF_TOKEN"], "source": {"code": "#" * size}})
    code, found = await world.sdk("GET", "/api/v1/-/p/secrets")
    assert (code, [one["name"] for one in found["content"]]) == (200, ["HF_TOKEN"])
    assert await world.sdk("GET", "/api/v1/-/p/secrets/data?keys=HF_TOKEN") == (200, {"HF_TOKEN": ""})
    assert (await world.sdk("GET", "/api/v1/-/p/secrets/data?keys=OTHER"))[0] == 403
    assert (await world.sdk("GET", "/api/v1/-/q/secrets"))[0] == 403
    assert (await world.sdk("PUT", "/api/v1/-/p/secrets/data", {"HF_TOKEN": "x"}))[0] == 403


async def test_a_program_reads_what_a_large_document_names(world):
    key = "store://p/dataitem/table/raw:v1"
    world.add_run(spec={"inputs": {"di": key}, "source": {"code": "#" * 20_000}})
    item = {"kind": "table", "project": "p", "name": "raw", "id": "v1", "spec": {"path": "s3://p/raw"}}
    world.api.put(DATAITEMS, {"metadata": {"namespace": "ml", "name": "v1"}, "spec": item})
    code, found = await world.sdk("GET", "/api/v1/-/p/dataitems/v1")
    assert (code, found["name"]) == (200, "raw")


async def test_answers_that_no_pod_reads_are_held_within_a_share():
    """A program asks again and again for a large Run on connections that it does not read."""
    limits = IngestLimits(answers_each=20_000_000, sdk_rate=1e6, pod_burst=1e6)
    async with World(limits) as world:
        world.add_run(spec={"image": "x" * 8_000_000})
        writers = []
        request = f"GET {RUN} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {world.token()}\r\n\r\n".encode()
        for _ in range(2):
            reader, writer = await asyncio.open_connection("127.0.0.1", world.port, limit=1024)
            writer.write(request)
            await reader.read(100)  # it has begun
            writers.append(writer)
        assert (await world.sdk("GET", RUN))[0] == 503
        assert (await world.sdk("GET", "/api/auth"))[0] == 200
        for writer in writers:
            writer.transport.abort()
        await world.until(lambda: world.ingest._server._answers.used == 0)
        assert (await world.sdk("GET", RUN))[0] == 200


async def test_pods_of_a_namespace_share_the_places_for_requests(monkeypatch):
    limits = IngestLimits(
        sdk_requests=2, sdk_requests_each=1, sdk_requests_waiting=1, sdk_rate=1e6, pod_burst=1e6
    )
    async with World(limits) as world:
        held = asyncio.Event()
        asked = world.api.get

        async def slow(*where: Any) -> object:
            await held.wait()
            return await asked(*where)

        monkeypatch.setattr(world.api, "get", slow)
        tasks = [asyncio.create_task(world.sdk("GET", RUN)) for _ in range(4)]
        await world.until(lambda: sum(task.done() for task in tasks) == 2)
        held.set()
        codes = [(await task)[0] for task in tasks]
        assert sorted(codes) == [200, 200, 429, 429], "one has its place, and one waits"
