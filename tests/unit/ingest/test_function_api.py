"""A pod that builds a workflow asks which functions its steps name: it learns names and ids, and nothing that is inside."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from run_operator.http.server import DeniedError
from run_operator.ingest.function_api import FunctionApi
from run_operator.kube.errors import NotFoundError
from tests.support.builders import run

BUILD = run({"source": {"code": "x"}}, kind="hera+build:run")


def function(
    entity_id: str, name: str = "train", kind: str = "python", project: str = "demo", day: int = 1
) -> dict[str, Any]:
    document = {
        "kind": kind, "project": project, "id": entity_id, "name": name, "metadata": {"created": f"2026-01-0{day}T00:00:00Z"},
        "spec": {"source": {"base64": "c2VjcmV0", "handler": "f"}, "secrets": ["token"]},
    }  # fmt: skip
    return {"kind": "Function", "metadata": {"namespace": "ml", "name": entity_id}, "spec": document}


class Api:
    def __init__(self, *objects: dict[str, Any]) -> None:
        self.objects = objects

    async def get(self, _: Any, namespace: str, name: str) -> dict[str, Any]:
        for raw in self.objects:
            if raw["metadata"] == {"namespace": namespace, "name": name}:
                return raw
        raise NotFoundError("get", 404, "not found")

    async def list_objects(
        self, _: Any, *, namespace: str, fields: str, page_size: int
    ) -> AsyncIterator[Any]:
        assert page_size
        for raw in self.objects:
            if raw["metadata"]["namespace"] == namespace and fields == f"spec.name={raw['spec']['name']}":
                yield raw


def functions(*objects: dict[str, Any]) -> FunctionApi:
    api: Any = Api(*objects)
    return FunctionApi(api)


async def test_the_newest_of_a_name_and_one_by_its_id():
    known = functions(function("old"), function("new", day=2), function("other", name="prepare", day=3))
    page = await known.read(BUILD, None, {"name": "train"})
    assert [one["id"] for one in page["content"]] == ["new"]
    found = await known.read(BUILD, "old", {})
    assert found["key"] == "store://demo/function/python/train:old"
    assert found["spec"] == {}
    assert "c2VjcmV0" not in str(found)


@pytest.mark.parametrize(
    "hidden", [function("x", project="other"), function("x", kind="hera")], ids=["project", "workflow"]
)
async def test_those_of_other_projects_and_workflows_are_not_there(hidden):
    known = functions(hidden)
    assert (await known.read(BUILD, None, {"name": "train"}))["content"] == []
    with pytest.raises(DeniedError, match="is not in project demo"):
        await known.read(BUILD, "x", {})


@pytest.mark.parametrize("name", ["", "a,b=c", "*"])
async def test_nothing_is_listed_without_a_name(name):
    with pytest.raises(DeniedError, match="a list needs the token of a person"):
        await functions(function("x")).read(BUILD, None, {"name": name})
