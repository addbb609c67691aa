"""Lists: the right page in the right order, whatever of it is held in memory and whatever has to be read again."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any, ClassVar

import orjson
import pytest

from run_operator.gateway.encoding import encoded
from run_operator.gateway.entities import Place
from run_operator.gateway.errors import Problem
from run_operator.gateway.limits import GatewayLimits
from run_operator.gateway.pages import Lists, query
from run_operator.gateway.shares import Shares
from run_operator.kube.errors import NotFoundError
from run_operator.kube.resource import FUNCTIONS, RUNS, Resource


def obj(number: int, *, kind: str = "Run", name: str = "", size: int = 10, minute: int | None = None) -> dict:
    created = f"2026-11-29T10:{number if minute is None else minute:02}:00Z"
    return {
        "kind": kind,
        "metadata": {
            "name": f"x{number}", "uid": f"u{number}", "creationTimestamp": created,
            "managedFields": [{"time": f"2026-11-29T11:{59 - number % 60:02}:00Z"}],
        },
        "spec": {
            "id": f"x{number}", "name": name or f"n{number % 3}", "kind": "container+job:run" if kind == "Run" else "container",
            "project": "p", "metadata": {"created": created}, "spec": {"task": "container+job://p/t", "command": "c" * size},
        },
    }  # fmt: skip


class Cluster:
    """Stands in for the API server."""

    def __init__(self, objects: list[dict]) -> None:
        self.objects = objects
        self.read: list[str] = []
        self.identity = SimpleNamespace(owner="ann")

    async def all(self, *_, **__):
        for one in random.Random(4).sample(self.objects, len(self.objects)):
            yield one
        for one in self.objects[:2]:  # again, as after a restart of the API server
            yield one

    async def get(self, _resource: Resource, _namespace: str, name: str) -> dict:
        self.read.append(name)
        for one in self.objects:
            if one["metadata"]["name"] == name:
                return one
        raise NotFoundError("get", 404, "gone")


async def listed(
    cluster: Cluster, limits: GatewayLimits, resource: Resource = RUNS, **parameters: str
) -> dict:
    lists = Lists(limits, Shares(1, 1, 1))
    answer = await lists.page(cluster, Place(resource, "p", "ns"), query(parameters, limits))  # type: ignore[arg-type]
    return orjson.loads(encoded(answer))


def ids(answer: dict) -> list[str]:
    return [one["id"] for one in answer["content"]]


@pytest.mark.parametrize("held", [0, 700, 3_000, 10_000_000])
@pytest.mark.parametrize(
    ("sort", "first"),
    [
        ("created,desc", "x59"),
        ("created,asc", "x0"),
        ("created", "x0"),
        ("metadata.updated,DESC", "x0"),
        ("name,asc", "x0"),
    ],
)
async def test_every_page_is_right_however_little_is_held(held, sort, first):
    cluster = Cluster([obj(number) for number in range(60)])
    pages = [
        await listed(cluster, GatewayLimits(held=held), sort=sort, size="25", page=str(page))
        for page in range(4)
    ]
    assert [page["numberOfElements"] for page in pages] == [25, 25, 10, 0]
    assert {page["totalElements"] for page in pages} == {60}
    assert (pages[0]["first"], pages[2]["last"], pages[3]["empty"]) == (True, True, True)
    everything = [entity_id for page in pages for entity_id in ids(page)]
    assert everything[0] == first
    assert len(set(everything)) == 60
    assert bool(cluster.read) == (held < 10_000_000)


async def test_the_first_page_of_many_is_held_and_not_read_again():
    cluster = Cluster([obj(number % 60, minute=number % 60) for number in range(60)])
    assert ids(await listed(cluster, GatewayLimits(held=12_000), size="5")) == [
        "x59",
        "x58",
        "x57",
        "x56",
        "x55",
    ]
    assert not cluster.read


async def test_the_latest_version_of_each_name_is_listed():
    cluster = Cluster([obj(number, kind="Function", name=f"f{number % 7}") for number in range(30)])
    for held in (0, 10_000_000):
        answer = await listed(cluster, GatewayLimits(held=held), FUNCTIONS)
        assert ids(answer) == [f"x{number}" for number in range(29, 22, -1)]
        assert (answer["totalElements"], answer["totalPages"]) == (7, 1)
    assert (await listed(cluster, GatewayLimits(), FUNCTIONS, versions="all"))["totalElements"] == 30


async def test_a_page_without_a_size_has_as_many_as_an_answer_may_hold():
    cluster = Cluster([obj(number, size=10_000) for number in range(40)])
    limits = GatewayLimits(answer=100_000, page=32)
    first = await listed(cluster, limits)
    assert (first["size"], first["totalPages"]) == (8, 5)
    pages = [await listed(cluster, limits, page=str(page)) for page in range(first["totalPages"])]
    assert [entity_id for page in pages for entity_id in ids(page)] == [f"x{n}" for n in range(39, -1, -1)]
    with pytest.raises(Problem, match="ask for fewer with size=") as refused:
        await listed(cluster, limits, size="32")
    assert refused.value.limit == "answer"
    assert len(ids(await listed(cluster, limits, size="1"))) == 1


async def test_what_is_being_deleted_or_gone_is_not_listed():
    cluster = Cluster([obj(number) for number in range(3)])
    cluster.objects[1]["metadata"]["deletionTimestamp"] = "2026-11-29T12:00:00Z"
    assert ids(await listed(cluster, GatewayLimits())) == ["x2", "x0"]

    async def lost(*_: object) -> Any:
        raise NotFoundError("get", 404, "gone")

    anything: Any = cluster
    anything.get = lost
    assert ids(await listed(cluster, GatewayLimits(held=0))) == []


async def test_a_list_of_too_many_is_refused_and_says_what_to_do():
    with pytest.raises(Problem, match="say kind or state") as caught:
        await listed(Cluster([obj(number) for number in range(3)]), GatewayLimits(listed=2))
    assert (caught.value.status, caught.value.limit) == (400, "listed")


@pytest.mark.parametrize(
    "parameters",
    [
        {"page": "-1"}, {"page": "9" * 5000}, {"size": "0"}, {"size": "100000"}, {"sort": "colour"}, {"sort": "created,up"},
        {"nothing": "1"}, {"created": "2026"}, {"updated": "soon,later"}, {"state": "HAPPY"},
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused(parameters):
    with pytest.raises(Problem) as caught:
        query(parameters, GatewayLimits())
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("kind", "there", "asked"),
    [
        ("", ["x0", "x1", "x2"], [""]),
        ("container+job:run", ["x0", "x2"], ["spec.kind=container+job:run", "spec.kind=container+run"]),
        ("container+serve:run", ["x1"], ["spec.kind=container+serve:run", "spec.kind=container+run"]),
        ("container+run", ["x1", "x2"], ["spec.kind=container+run"]),
    ],
)
async def test_runs_of_a_kind_are_listed_also_those_from_before_it_said_the_action(kind, there, asked):
    class Selecting(Cluster):
        selected: ClassVar[list[str]] = []

        async def all(self, *_, fields: str):
            self.selected.append(fields)
            for one in self.objects:
                if fields in ("", f"spec.kind={one['spec']['kind']}"):
                    yield one

    now, serves, runs = obj(0), obj(1), obj(2)
    serves["spec"] |= {"kind": "container+run", "spec": {"task": "container+serve://p/t"}}
    runs["spec"] |= {"kind": "container+run", "spec": {"task": "container+job://p/t"}}
    cluster = Selecting([now, serves, runs])
    cluster.selected.clear()
    assert sorted(ids(await listed(cluster, GatewayLimits(), kind=kind))) == there
    assert cluster.selected == asked
