"""Which artifacts, data items and models a Run's own token makes, changes and reads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from run_operator.api.run import Run
from run_operator.http.server import DeniedError
from run_operator.ingest import entity_api
from run_operator.ingest.entity_api import LABEL, MOST, EntityApi
from run_operator.kube.resource import DATAITEMS, MODELS, Resource
from tests.support.ingest_world import FakeApi

ROOT = "/api/v1/-/p"


class Api(FakeApi):
    """With lists, and merge patches of a status."""

    async def list_metadata(self, resource: Resource, *, namespace: str, selector: str) -> AsyncIterator[Any]:
        key, _, value = selector.partition("=")
        for raw in self._of(resource, namespace):
            if raw["metadata"].get("labels", {}).get(key) == value:
                yield raw["metadata"]

    async def list_objects(
        self, resource: Resource, *, namespace: str, fields: str, page_size: int
    ) -> AsyncIterator[Any]:
        for raw in self._of(resource, namespace):
            if fields == f"spec.name={raw['spec']['name']}":
                yield raw

    async def patch(self, resource, namespace, name, body, subresource=None) -> dict[str, Any]:
        raw = await self.get(resource, namespace, name)
        assert body["metadata"] == {"uid": raw["metadata"].get("uid")}
        status = raw.setdefault("status", {})
        for key, value in body["status"].items():
            status[key] = {**status.get(key, {}), **value} if isinstance(value, dict) else value
        return self.put(resource, raw)

    async def json_patch(
        self, resource, namespace, name, operations, *, subresource=None, accept=""
    ) -> dict[str, Any]:
        await super().json_patch(resource, namespace, name, operations)
        return await self.get(resource, namespace, name)

    def _of(self, resource: Resource, namespace: str) -> list[Any]:
        return [
            raw
            for (plural, there, _), raw in self.objects.items()
            if (plural, there) == (resource.plural, namespace)
        ]


def run(uid: str, **inputs: str) -> Run:
    spec = {
        "kind": "python+job:run",
        "project": "p",
        "id": uid,
        "spec": {"inputs": inputs, "deep": [{"x": [1, None]}]},
    }
    return Run.from_object({"metadata": {"name": uid, "namespace": "ml", "uid": uid}, "spec": spec})


def document(name: str, entity_id: str, kind: str = "table", **more: Any) -> dict[str, Any]:
    path = {"path": f"s3://b/{entity_id}"}
    return {"kind": kind, "project": "p", "id": entity_id, "name": name, "spec": path, "metadata": {}} | more


@pytest.fixture
def api() -> Api:
    one = Api()
    for entity_id, created in (("v1", "2026-01-01T00:00:00Z"), ("v2", "2026-01-02T00:00:00Z")):
        spec = document("raw", entity_id, metadata={"created": created})
        one.put(
            DATAITEMS,
            {
                "kind": "DataItem",
                "metadata": {"name": entity_id, "namespace": "ml", "uid": entity_id},
                "spec": spec,
            },
        )
    return one


async def ask(api: Any, of: Run, method: str, path: str, body: Any = None, **query: str) -> Any:
    return (await EntityApi(api, 50_000).answer(of, 1, method, f"{ROOT}/{path}", query, body)).body


async def refused(api: Api, of: Run, method: str, path: str, body: Any = None, **query: str) -> int:
    with pytest.raises(DeniedError) as caught:
        await ask(api, of, method, path, body, **query)
    return caught.value.answer.status


async def test_what_a_run_makes_it_changes_and_other_runs_read(api):
    mine, others = run("mine"), run("others")
    made = await ask(api, mine, "POST", "dataitems", document("out", "m1"))
    assert (made["id"], made["key"], made["status"]) == (
        "m1",
        "store://p/dataitem/table/out:m1",
        {"state": "CREATED"},
    )
    assert api.objects["dataitems", "ml", "m1"]["metadata"]["labels"][LABEL] == "mine"
    api.objects["dataitems", "ml", "m1"]["metadata"]["uid"] = "m1"
    saved = await ask(api, mine, "PUT", "dataitems/m1", made | {"status": {"state": "READY"}})
    assert saved["status"] == {"state": "READY"}
    assert (await ask(api, mine, "GET", "dataitems", name="out"))["content"] == [saved]
    assert (await ask(api, others, "GET", "dataitems/m1"))["id"] == "m1"
    assert await refused(api, others, "PUT", "dataitems/m1", saved) == 403


async def test_a_name_is_the_version_made_last_of_the_runs_own_project(api):
    mine, elsewhere = (
        run("a"),
        document("raw", "v3", project="other", metadata={"created": "2026-01-03T00:00:00Z"}),
    )
    api.put(DATAITEMS, {"kind": "DataItem", "metadata": {"name": "v3", "namespace": "ml"}, "spec": elsewhere})
    assert [(await ask(api, mine, "GET", f"dataitems/{one}"))["id"] for one in ("v1", "v2")] == ["v1", "v2"]
    assert await refused(api, mine, "GET", "dataitems/v3") == 404
    assert [one["id"] for one in (await ask(api, mine, "GET", "dataitems", name="raw"))["content"]] == ["v2"]
    everything = await ask(api, mine, "GET", "dataitems", name="raw", versions="all")
    assert [item["id"] for item in everything["content"]] == ["v2", "v1"]


LABELLED = document("raw", "v1", metadata={"labels": ["INVALID"], "description": "two rows"})


@pytest.mark.parametrize("key", ["store://p/dataitem/table/raw:v1", "store://p/dataitem/table/raw"])
async def test_what_the_document_names_by_key_is_labelled(api, key):
    saved = await ask(api, run("a", di=key), "PUT", "dataitems/v1", LABELLED)
    assert (saved["metadata"]["labels"], saved["metadata"]["description"]) == (["INVALID"], "two rows")
    assert saved["metadata"]["created"].startswith("2026-01-01")


async def test_metrics_are_logged_of_a_model_that_the_document_names(api):
    made = {
        "kind": "Model",
        "metadata": {"name": "k", "namespace": "ml", "uid": "k"},
        "spec": document("m", "k", "sklearn"),
    }
    api.put(MODELS, made)
    await ask(api, run("a", model="store://p/model/sklearn/m:k"), "PUT", "models/k/metrics/f1", 0.5)
    assert api.objects["models", "ml", "k"]["status"]["metrics"] == {"f1": 0.5}
    assert await refused(api, run("b"), "PUT", "models/k/metrics/f1", 1) == 403


@pytest.mark.parametrize(
    "key",
    [
        "store://other/dataitem/table/raw:v1", "store://p/artifact/table/raw:v1", "store://p/dataitem/other/raw:v1",
        "store://p/dataitem/table/raw:v3", "see store://p/dataitem/table/raw:v1", "store://p/dataitem/table",
    ],
)  # fmt: skip
async def test_a_key_that_is_not_quite_it_labels_nothing(api, key):
    assert await refused(api, run("a", di=key), "PUT", "dataitems/v1", LABELLED) == 403


async def test_an_input_is_read_and_not_changed(api):
    reader = run("a", di="store://p/dataitem/table/raw:v1")
    bodies: tuple[dict[str, Any], ...] = (
        {"spec": {"path": "s3://x/y"}},
        {"status": {"state": "ERROR"}},
        {"metadata": {"version": "2"}},
    )
    for body in bodies:
        assert await refused(api, reader, "PUT", "dataitems/v1", document("raw", "v1", **body)) == 403
    assert await refused(api, reader, "PUT", "dataitems/v1/files/info", []) == 403


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "dataitems", None, 403),
        ("DELETE", "dataitems/v1", None, 403),
        ("POST", "dataitems", [], 400),
        ("POST", "dataitems", {"project": "p"}, 400),
        ("POST", "dataitems", document("x", "x", project="q"), 403),
        ("POST", "dataitems", document("x", "x", key="store://p/model/table/x:x"), 400),
        ("GET", "dataitems/no%2Fid", None, 404),
        ("GET", "../q/dataitems", None, 404),
    ],
)
async def test_anything_else_is_refused(api, method, path, body, status):
    assert await refused(api, run("a"), method, path, body) == status


async def test_another_project_is_refused(api):
    with pytest.raises(DeniedError) as caught:
        await EntityApi(api, 50_000).answer(run("a"), 1, "GET", "/api/v1/-/q/dataitems/v1", {}, None)
    assert caught.value.answer.status == 403


async def test_files_and_metrics_are_kept_beside_the_document(api):
    mine = run("mine")
    await ask(api, mine, "POST", "models", document("m", "m1", "sklearn"))
    api.objects["models", "ml", "m1"]["metadata"]["uid"] = "m1"
    assert await ask(api, mine, "PUT", "models/m1/metrics/f1", [0.5, None]) == [0.5, None]
    assert await ask(api, mine, "GET", "models/m1/metrics") == {"f1": [0.5, None]}
    await ask(api, mine, "PUT", "models/m1/files/info", [{"path": "a"}])
    assert await ask(api, mine, "GET", "models/m1/files/info") == [{"path": "a"}]
    for path, body in (
        ("models/m1/metrics/f1", "x"), ("models/m1/metrics/f1", None), ("models/m1/files/info", [1]),
        ("models/m1/files/info", [{}] * 10_001),
    ):  # fmt: skip
        assert await refused(api, mine, "PUT", path, body) == 400
    assert await refused(api, mine, "GET", "models/m1/metrics/none") == 404
    assert await refused(api, mine, "PUT", "models/m1/metrics", {}) == 404


async def test_a_run_makes_so_many_and_no_more(api):
    for i in range(MOST):
        metadata = {"name": f"m{i}", "namespace": "ml", "uid": f"m{i}", "labels": {LABEL: "mine"}}
        api.put(MODELS, {"kind": "Model", "metadata": metadata, "spec": document("m", f"m{i}")})
    assert await refused(api, run("mine"), "POST", "models", document("m", "one-more")) == 400
    assert (await ask(api, run("others"), "POST", "models", document("m", "theirs")))["id"] == "theirs"


async def test_versions_of_any_size_are_not_held_at_once(api):
    """A pod makes 200 of a megabyte, and asks for them by their name."""
    for number in range(60):
        spec = document("large", f"l{number}", metadata={"created": f"2026-01-01T00:00:{number:02}Z"})
        spec["spec"] = {"path": "x" * 1_000}
        metadata = {"name": f"l{number}", "namespace": "ml", "uid": f"l{number}"}
        api.put(DATAITEMS, {"kind": "DataItem", "metadata": metadata, "spec": spec})
    assert [one["id"] for one in (await ask(api, run("a"), "GET", "dataitems", name="large"))["content"]] == [
        "l59"
    ]
    assert await refused(api, run("a"), "GET", "dataitems", name="large", versions="all") == 400


def versions(api: Api, count: int) -> None:
    for number in range(count):
        spec = document("many", f"m{number}", metadata={"created": f"2026-01-01T00:00:{number % 60:02}Z"})
        api.put(
            DATAITEMS,
            {"kind": "DataItem", "metadata": {"name": f"m{number}", "namespace": "ml"}, "spec": spec},
        )


async def test_of_many_versions_each_is_looked_at_a_few_times(api, monkeypatch):
    looked, written = [], []
    created = entity_api._created
    monkeypatch.setattr(entity_api, "_created", lambda raw: looked.append(raw) or created(raw))
    versions(api, 300)
    monkeypatch.setattr("json.dumps", lambda raw: written.append(raw) or "x")
    newest = await ask(api, run("a"), "GET", "dataitems", name="many")
    assert len(newest["content"]) == 1
    assert newest["content"][0]["metadata"]["created"] == "2026-01-01T00:00:59Z"
    assert (len(looked) <= 2 * 300, written) == (True, [])
    looked.clear()
    everything = await ask(api, run("a"), "GET", "dataitems", name="many", versions="all")
    assert len(everything["content"]) == 300
    assert len(looked) <= 300


async def test_a_namespace_reads_the_versions_of_one_name_at_a_time(api, monkeypatch):
    """They may have hundreds of megabytes, and each page is read in the process that all share."""
    under_way, most = 0, 0

    async def slow(*given: Any, **more: Any) -> AsyncIterator[Any]:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        for raw in [one async for one in Api.list_objects(api, *given, **more)]:
            yield raw
        under_way -= 1

    monkeypatch.setattr(api, "list_objects", slow)
    entities = EntityApi(api, 1_000_000)
    asked = (
        entities.answer(run("a"), 1, "GET", f"{ROOT}/dataitems", {"name": "raw"}, None) for _ in range(5)
    )
    assert len(await asyncio.gather(*asked)) == 5
    assert most == 1
