"""Objects of other operators: what a look tells, and what a create does where the name is taken."""

from __future__ import annotations

from typing import Any

import pytest

from run_operator.api.custom_object import CustomKind, CustomObject
from run_operator.engine.custom_objects import CustomObjects
from run_operator.engine.refusals import RefusedError
from run_operator.kube.errors import AlreadyExistsError, ForbiddenError, NotFoundError
from tests.support.builders import UID, owned_by, run

WIDGET = CustomKind("example.org", "v1", "widgets", "Widget", "Widgets")
OURS = {"metadata": {"name": "hello", "ownerReferences": owned_by("Run", UID)}}
THEIRS = {"metadata": {"name": "hello", "ownerReferences": owned_by("Run", "another")}}


class Cluster:
    """`there`: the object of that name, or the error of a GET."""

    def __init__(self, there: Any, *, serves: bool = True) -> None:
        self.there, self.served = there, serves
        self.deleted: list[str] = []

    async def get(self, *_: Any) -> Any:
        if isinstance(self.there, Exception):
            raise self.there
        return self.there

    async def serves(self, _: Any) -> bool:
        return self.served

    async def create(self, *_: Any) -> Any:
        raise AlreadyExistsError("create Widget hello", 409, "it is there")

    async def delete(self, *_: Any, how: str) -> None:
        self.deleted.append(how)


def objects(there: Any, *, serves: bool = True) -> CustomObjects:
    api: Any = Cluster(there, serves=serves)
    return CustomObjects(api)


GONE = NotFoundError("get Widget", 404, "not found")
DENIED = ForbiddenError("get Widget", 403, "no")


@pytest.mark.parametrize(
    ("there", "serves", "found"),
    [(OURS, True, CustomObject(OURS)), (THEIRS, True, CustomObject()), (GONE, True, CustomObject())],
    ids=("ours", "somebody else's", "none"),
)
async def test_a_look(there, serves, found):
    assert await objects(there, serves=serves).look(run(), WIDGET) == found


@pytest.mark.parametrize(
    ("there", "serves", "said"),
    [(GONE, False, "needs Widgets: this cluster does not know widgets.example.org"), (DENIED, True, "not allowed to use widgets"), (DENIED, False, "needs Widgets")],
)  # fmt: skip
async def test_why_there_can_be_none(there, serves, said):
    seen = await objects(there, serves=serves).look(run(), WIDGET)
    assert (seen.raw, said in seen.problem) == (None, True), seen.problem


async def test_a_name_that_somebody_else_has_is_left_alone():
    body = {"metadata": {"name": "hello"}}
    await objects(OURS).create(run(), WIDGET, body)
    with pytest.raises(RefusedError, match="this Run does not own it") as caught:
        await objects(THEIRS).create(run(), WIDGET, body)
    assert (caught.value.refusal.reason, caught.value.refusal.final) == ("NameConflict", True)


async def test_it_is_gone_when_what_it_owns_is_gone():
    api: Any = Cluster(OURS)
    await CustomObjects(api).delete(run(), WIDGET, "hello", "u")
    assert api.deleted == ["Foreground"]
