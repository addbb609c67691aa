"""Large documents are not held in memory: they are read when a decision needs them, and decide what they did before."""

from __future__ import annotations

import gc
import tracemalloc
from dataclasses import replace
from typing import Any

import pytest

from run_operator.api.raw import KEPT
from run_operator.api.references import Catalog, NotLoadedError
from run_operator.api.want import Want
from run_operator.engine.executor import Executor
from run_operator.engine.reconciler import Reconciler
from run_operator.engine.store import Store
from run_operator.kube.errors import NotFoundError
from run_operator.workloads.types import Options
from tests.support.builders import NOW, UID, entity, function, profiles, run, task

LARGE = {"note": "x" * (KEPT + 1)}
NAMED = {"task": "container+job://demo/t", "function": "container://demo/hello"}


def raw_run(spec: dict[str, Any], **top: Any) -> dict[str, Any]:
    metadata = {"namespace": "ml", "name": "hello", "uid": UID, "resourceVersion": "10", "generation": 1}
    body = {"kind": "container+job:run", "project": "demo", "id": "hello", "spec": spec, "suspend": False}
    return {"metadata": metadata, "spec": body, "status": top.get("status", {})}


class Api:
    """Serves these objects, and takes what is created."""

    def __init__(self, **objects: dict[str, Any]) -> None:
        self.objects = objects
        self.reads: list[str] = []
        self.created: list[dict[str, Any]] = []

    async def get(self, resource: Any, namespace: str, name: str) -> dict[str, Any]:
        self.reads.append(f"{resource.plural} {name}")
        if name not in self.objects:
            raise NotFoundError("get", 404, "not found")
        return self.objects[name]

    async def create(self, resource: Any, namespace: str, body: dict[str, Any]) -> dict[str, Any]:
        self.created.append(body)
        metadata = body["metadata"] | {"uid": f"uid-{body['kind']}", "resourceVersion": "20"}
        return body | {"metadata": metadata}

    async def patch(self, *_: Any, **__: Any) -> dict[str, Any]:
        return {"metadata": {"resourceVersion": "11"}}


class Story:
    def record(self, *_: Any) -> None:
        pass


async def looked_at(store: Store, api: Api) -> None:
    parts: Any = (store, Executor(api, store), Story(), lambda: NOW, Options())  # type: ignore[arg-type]
    await Reconciler(*parts).reconcile(run().key)


def image_of(api: Api) -> str:
    (job,) = [body for body in api.created if body["kind"] == "Job"]
    return str(job["spec"]["template"]["spec"]["containers"][0]["image"])


async def test_a_large_run_is_read_when_it_is_looked_at_and_starts():
    spec = {"task": "container+job://demo/t", "image": "mine:1"} | LARGE
    store, api = Store(lambda *_: None), Api(hello=raw_run(spec))
    store.put_run(run(spec))
    assert store.run(run().key).spec == {}
    await looked_at(store, api)
    assert image_of(api) == "mine:1"
    assert store.run(run().key).spec == {}


async def test_a_small_run_is_not_read():
    store, api = Store(lambda *_: None), Api()
    store.put_run(run())
    await looked_at(store, api)
    assert api.reads == []
    assert image_of(api) == "busybox:1.36"


async def test_large_functions_tasks_and_profiles_are_read_for_the_one_run_that_starts():
    store = Store(lambda *_: None)
    store.put_run(run(NAMED | {"profile": "gpu"}))
    big = {"image": "theirs:1"} | LARGE
    texts = {"gpu": "labels:\n- name: team\n  value: a\n", "other": "#" * (KEPT + 1)}
    api = Api(
        v1=entity("container", "v1", big, name="hello"),
        t=entity("container+job", "t", {"function": "container://demo/hello"} | LARGE),
        profiles={
            "metadata": {"uid": "uid-ml-profiles", "name": "profiles", "namespace": "ml"},
            "data": texts,
        },
    )
    for view in (function("v1", "theirs:1", spec=LARGE), task("t", spec=LARGE), profiles(texts)):
        store.put_referred(view)
    await looked_at(store, api)
    assert sorted(api.reads) == ["configmaps profiles", "functions v1", "tasks t"]
    assert image_of(api) == "theirs:1"


async def test_a_large_function_that_is_gone_meanwhile_is_one_that_is_missing():
    store, api = Store(lambda *_: None), Api()
    store.put_run(run(NAMED))
    store.put_referred(function("v1", spec=LARGE))
    await looked_at(store, api)
    assert api.created == []
    assert store.run(run().key).status["conditions"][0]["reason"] == "FunctionNotFound"


async def test_a_run_that_has_ended_is_held_without_its_document_and_never_read():
    store, api = Store(lambda *_: None), Api()
    over = run(status={"state": "COMPLETED", "observedGeneration": 1})
    store.put_run(over)
    assert store.run(over.key).spec == {}
    await looked_at(store, api)
    assert api.reads == []


def test_a_change_of_a_large_document_is_news_although_it_is_not_held():
    calls: list[Any] = []
    store = Store(lambda key, urgent: calls.append(key))
    store.put_run(run())
    store.follow(run().key, (Want("Profile", "ml", "gpu"),))
    for number, text in enumerate(("a", "b"), 50):
        store.put_referred(profiles({"gpu": text * (KEPT + 1)}, version=str(number)))
    assert len(calls) == 3


def test_a_profile_whose_text_is_not_held_is_asked_for():
    catalog = Catalog()
    catalog.put(profiles({"gpu": "x" * (KEPT + 1)}))
    with pytest.raises(NotLoadedError):
        catalog.profile("gpu", ("ml",))


def test_memory_is_bounded_by_what_is_kept_of_each_object_and_not_by_its_size():
    store = Store(lambda *_: None)
    gc.collect()
    tracemalloc.start()
    for number in range(200):
        store.put_referred(
            replace(function("v1", spec={"note": "y" * 200_000 + str(number)}), uid=f"f{number}")
        )
        store.put_run(
            replace(run({"note": "z" * 200_000 + str(number)}), uid=f"r{number}", name=f"r{number}")
        )
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 400 * 8 * 1024  # of 80 MB
