"""Lists: the right page in the right order, whatever of it is held in memory and whatever has to be read again."""

from __future__ import annotations

import asyncio
import itertools
import random
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from run_operator.gateway.encoding import encoded
from run_operator.gateway.entities import Place
from run_operator.gateway.errors import Problem
from run_operator.gateway.limits import GatewayLimits
from run_operator.gateway.list_query import query
from run_operator.gateway.list_rows import Found
from run_operator.gateway.pages import Lists
from run_operator.gateway.shares import Shares
from run_operator.gateway.summaries import Object, Summaries, Summary
from run_operator.kube.errors import NotFoundError
from run_operator.kube.media_types import METADATA_LIST
from run_operator.kube.resource import FUNCTIONS, RUNS, Resource
from tests.support.examples import some


def obj(number: int, *, kind: str = "Run", name: str = "", size: int = 10, minute: int | None = None) -> dict:
    created = f"2026-11-29T10:{number if minute is None else minute:02}:00Z"
    return {
        "kind": kind,
        "metadata": {
            "name": f"x{number}", "uid": f"u{number}", "creationTimestamp": created, "resourceVersion": "1",
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
        self.lists: list[int] = []
        """Documents that each list of whole documents has had."""
        self.identity = SimpleNamespace(tenant="ann")

    async def all(self, *_, accept: str = "", **__):
        if accept == METADATA_LIST:
            for one in list(self.objects):
                yield {"metadata": one["metadata"]}
            return
        self.lists.append(0)
        for one in self._listed():
            self.lists[-1] += 1
            await asyncio.sleep(0)
            yield one

    def _listed(self):
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
    cluster: Cluster,
    limits: GatewayLimits,
    resource: Resource = RUNS,
    lists: Lists | None = None,
    **parameters: str,
) -> dict:
    lists = lists or Lists(limits, Shares(1, 1, 1))
    answer = await lists.page(cluster, Place(resource, "p", "ns"), query(parameters, limits))  # type: ignore[arg-type]
    return orjson.loads(encoded(answer))


def ids(answer: dict) -> list[str]:
    return [one["id"] for one in answer["content"]]


SORTS = [
    ("created,desc", "x59"),
    ("created,asc", "x0"),
    ("created", "x0"),
    ("metadata.updated,DESC", "x0"),
    ("name,asc", "x0"),
]
HELD = [0, 700, 3_000, 10_000_000]
READ_THROUGH = [0, 5_000, 10_000_000]
SEVENTH = 7
"""Every seventh case has each value of each list."""


@pytest.mark.stories
@pytest.mark.parametrize(
    ("sorted_by", "held", "read_through"), some(itertools.product(SORTS, HELD, READ_THROUGH), SEVENTH)
)
async def test_every_page_is_right_however_little_is_held(sorted_by, held, read_through):
    sort, first = sorted_by
    cluster = Cluster([obj(number) for number in range(60)])
    pages = [
        await listed(
            cluster,
            GatewayLimits(held=held, read_through=read_through),
            sort=sort,
            size="25",
            page=str(page),
        )
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
    with pytest.raises(Problem, match="request fewer objects with size=") as refused:
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
    with pytest.raises(Problem, match="filter by kind or state") as caught:
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


async def test_large_documents_are_read_once_for_any_number_of_lists():
    cluster = Cluster([obj(number, size=10_000, kind="Function", name=f"f{number}") for number in range(100)])
    limits = GatewayLimits(read_through=50_000, held=30_000)
    lists = Lists(limits, Shares(8, 8, 8))
    pages = await asyncio.gather(
        *(listed(cluster, limits, FUNCTIONS, lists, size="2", page=str(page)) for page in range(8))
    )
    assert [ids(page) for page in pages] == [[f"x{59 - 2 * n}", f"x{58 - 2 * n}"] for n in range(8)]
    assert sum(read > 50 for read in cluster.lists) == 1, "one of them read the documents for all"
    cluster.lists.clear()
    cluster.objects[50] = obj(50, size=10_000, kind="Function", name="changed")
    cluster.objects[50]["metadata"]["resourceVersion"] = "2"
    answer = await listed(cluster, limits, FUNCTIONS, lists, name="changed", size="1")
    assert ids(answer) == ["x50"]
    assert not cluster.lists, "what has changed is read alone"
    del cluster.objects[1:]
    assert ids(await listed(cluster, limits, FUNCTIONS, lists)) == ["x0"]
    await listed(cluster, limits, FUNCTIONS, lists)
    assert cluster.lists == [2], "it is small by now, and read through"


def test_what_is_remembered_of_documents_is_bounded_and_the_largest_gives_way():
    summaries = Summaries(most=50_000)
    place = Object("u", "1", "x")
    summaries.keep("quiet", place, Summary.of({"id": "mine"}, 7))
    for number in range(1000):
        summaries.keep("flood", Object(f"u{number}", "1", "x"), Summary.of({"id": "x" * 1000}, 9))
    found = summaries.get("quiet", place)
    assert found is not None
    assert found.document["id"] == "mine"
    assert 10 < sum(summaries.get("flood", Object(f"u{n}", "1", "x")) is not None for n in range(1000)) < 50
    summaries.keep("flood", place, Summary.of({"id": "x" * 5000}, 9))
    assert summaries.get("flood", place) is None
    assert summaries.get("quiet", Object("u", "2", "x")) is None, "another version is another document"


async def test_names_without_end_are_not_held():
    """A document says its name itself: hundreds of them with a megabyte each would fill the memory."""
    limits = GatewayLimits()
    found = Found(Place(FUNCTIONS, "p", "ns"), query({}, limits), 0)
    for number in range(10):
        raw = obj(number, kind="Function")
        raw["spec"]["name"] = "n" * 1_000_000 + str(number)
        found.add(raw)
    rows = found.ordered()
    assert len(rows) == 10, "each is another name"
    assert max(len(row.name[1]) for row in rows) < 400
