"""Which namespace a project is, where somebody else may create namespaces and label them."""

from __future__ import annotations

import json
import tracemalloc
from types import SimpleNamespace

import pytest

from run_operator.gateway import projects
from run_operator.gateway.errors import Problem
from run_operator.gateway.projects import ANNOTATION, Projects
from run_operator.kube.errors import AlreadyExistsError, ForbiddenError, NotFoundError
from run_operator.kube.resource import NAMESPACES, ROLE_BINDINGS, RUNS, SELF_REVIEWS

LABEL = "run-operator.io/project"


def namespace(name: str, hour: int, project: str = "") -> dict:
    labels = {LABEL: project} if project else {}
    created = f"2026-11-29T{hour:02}:00:00Z"
    return {"metadata": {"name": name, "labels": labels, "creationTimestamp": created, "uid": name}}


class Cluster:
    """Namespaces, and what one caller may do with them."""

    def __init__(
        self, *there: dict, lists: bool = True, reads: bool = True, runs: tuple[str, ...] = ()
    ) -> None:
        self.there = {one["metadata"]["name"]: one for one in there}
        self.lists, self.reads = lists, reads
        self.runs = runs or tuple(self.there)
        self.created: list[str] = []
        self.identity = SimpleNamespace(digest="d", owner="o")

    async def all(self, resource, where, *, labels="", page_size=1, fields=""):
        del page_size, fields
        if resource is not NAMESPACES:
            if where not in self.runs:
                raise ForbiddenError("list runs", 403, "no")
            return
        if not self.lists:
            raise ForbiddenError("list namespaces", 403, "no")
        for one in self.there.values():
            if not labels or one["metadata"]["labels"].get(LABEL) == labels.partition("=")[2]:
                yield one

    async def get(self, _resource, _namespace, name):
        if not self.reads:
            raise ForbiddenError("get namespaces", 403, "no")
        if name not in self.there:
            raise NotFoundError("get", 404, "none")
        return self.there[name]

    async def create(self, _resource, _namespace, body):
        self.created.append(body["metadata"]["name"])
        return body


async def of(cluster: Cluster, project: str = "churn") -> str:
    return await Projects({}, 10).namespace(cluster, project)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("there", "found"),
    [
        ([namespace("churn", 1)], "churn"),
        ([namespace("churn", 1), namespace("evil", 2, "churn")], "churn"),
        (
            [namespace("churn", 1, "churn"), namespace("evil", 2, "churn"), namespace("worse", 3, "churn")],
            "churn",
        ),
        ([namespace("team-a", 1, "churn")], "team-a"),
        ([namespace("evil", 2, "churn"), namespace("team-a", 1, "churn")], "team-a"),
        ([namespace("churn", 1, "other"), namespace("team-a", 2, "churn")], "team-a"),
    ],
)
async def test_a_label_takes_no_project_away(there, found):
    assert await of(Cluster(*there)) == found


async def test_a_namespace_called_like_a_project_of_another_one_is_no_way_in():
    with pytest.raises(Problem, match=r"namespace team-a.*namespace churn.*--project churn=") as caught:
        await of(Cluster(namespace("team-a", 1, "churn"), namespace("churn", 2)))
    assert caught.value.status == 400


async def test_who_may_not_list_runs_in_it_is_not_sent_to_a_labelled_one():
    cluster = Cluster(namespace("churn", 1), namespace("evil", 2, "churn"), runs=("evil",))
    with pytest.raises(Problem, match="no namespace churn in which you are allowed to list runs"):
        await of(cluster)


async def test_who_may_read_no_namespaces_works_in_the_one_of_the_name():
    assert await of(Cluster(namespace("churn", 1), lists=False, reads=False)) == "churn"
    with pytest.raises(Problem):
        await of(Cluster(namespace("churn", 1), lists=False, reads=False, runs=("other",)))


async def test_a_project_that_has_a_namespace_gets_no_second_one():
    cluster = Cluster(namespace("team-a", 1, "churn"))
    with pytest.raises(Problem, match=r"Duplicated entity.*namespace team-a"):
        await Projects({}, 10).create(cluster, {"name": "churn"})  # type: ignore[arg-type]
    assert not cluster.created


class Creator(Cluster):
    """A person who may create namespaces, and whose RoleBinding has effect after some looks."""

    def __init__(self, *there: dict, looks: int = 2, refuses: bool = False) -> None:
        super().__init__(*there, lists=False, reads=True)
        self.looks, self.refuses = looks, refuses
        self.bound: list[dict] = []

    async def create(self, resource, where, body):
        if resource is SELF_REVIEWS:
            return {"status": {"userInfo": {"username": "ann"}}}
        if resource is ROLE_BINDINGS:
            if self.refuses:
                raise ForbiddenError("create rolebindings", 403, "no")
            self.bound.append({"where": where, **body})
            return body
        if body["metadata"]["name"] in self.there:
            raise AlreadyExistsError("create", 409, "there")
        self.there[body["metadata"]["name"]] = body
        return body

    async def all(self, resource, where, *, labels="", page_size=1, fields=""):
        if resource is RUNS:
            self.looks -= bool(self.bound)
            self.runs = (where,) if self.bound and self.looks < 1 else ()
        async for one in super().all(resource, where, labels=labels):
            yield one


async def test_the_creator_of_a_project_gets_the_role_and_an_answer_when_it_has_effect():
    cluster = Creator()
    await Projects({}, 10, "edit").create(cluster, {"name": "churn"})  # type: ignore[arg-type]
    annotations = cluster.there["churn"]["metadata"]["annotations"]
    assert annotations["run-operator.io/project-creator"] == "ann"
    (bound,) = cluster.bound
    assert (bound["where"], bound["roleRef"]["name"], bound["subjects"][0]["name"]) == (
        "churn",
        "edit",
        "ann",
    )
    assert cluster.looks < 1, "a list at once finds the rights"


async def test_without_a_role_nobody_is_bound():
    cluster = Creator()
    await Projects({}, 10).create(cluster, {"name": "churn"})  # type: ignore[arg-type]
    assert not cluster.bound


async def test_a_project_that_was_left_half_made_is_finished_for_its_creator_and_nobody_else():
    half = namespace("churn", 1, "churn")
    half["metadata"]["annotations"] = {"run-operator.io/project-creator": "ann"}
    cluster = Creator(half)
    await Projects({}, 10, "edit").create(cluster, {"name": "churn"})  # type: ignore[arg-type]
    assert cluster.bound
    half["metadata"]["annotations"] = {"run-operator.io/project-creator": "bob"}
    other = Creator(half)
    with pytest.raises(Problem):
        await Projects({}, 10, "edit").create(other, {"name": "churn"})  # type: ignore[arg-type]
    assert not other.bound


async def test_who_may_not_bind_the_role_reads_what_the_administrator_does():
    with pytest.raises(
        Problem,
        match="kubectl create rolebinding run-operator-project-creator -n churn --clusterrole=edit --user=ann",
    ):
        await Projects({}, 10, "edit").create(Creator(refuses=True), {"name": "churn"})  # type: ignore[arg-type]


async def test_projects_are_listed_as_they_are_found():
    cluster = Cluster(
        namespace("churn", 1, "churn"), namespace("evil", 2, "churn"), namespace("team-a", 1, "fraud"), namespace("fraud", 2)
    )  # fmt: skip
    listed = await Projects({}, 10).list(cluster)  # type: ignore[arg-type]
    assert {one["name"]: one["status"]["namespace"] for one in listed} == {"churn": "churn"}


class Large(Cluster):
    """Namespaces whose creator has filled their annotations."""

    async def all(self, *given, **more):
        async for one in super().all(*given, **more):
            document = json.dumps(
                {"spec": {"x": "x" * (100_000 if one["metadata"]["name"] == "p0" else 1000)}}
            )
            yield {
                "metadata": one["metadata"] | {"annotations": {"other": "x" * 250_000, ANNOTATION: document}}
            }


async def test_a_list_of_namespaces_with_large_annotations_holds_little(monkeypatch):
    """The creator of a namespace chooses what is in it; other people list it."""
    monkeypatch.setattr(projects, "MAX_LISTED", 100_000)
    cluster = Large(*(namespace(f"p{number}", 1, f"p{number}") for number in range(200)))
    tracemalloc.start()
    try:
        listed = await Projects({}, 10).list(cluster)  # type: ignore[arg-type]
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
    assert len(listed) == 200
    documented = [one["name"] for one in listed if one["spec"]]
    assert documented[0] == "p1", "no gateway has written the document of p0, which is too large"
    assert len(documented) < 100
