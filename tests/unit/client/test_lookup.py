"""Which Run is meant: one that is not clear is asked for, never guessed."""

from __future__ import annotations

from typing import Any

import pytest

from run_operator.client.cli.exit_codes import text_of
from run_operator.client.errors import EntityError, EntityNotExistsError
from run_operator.client.lookup import find, name_of
from run_operator.client.suspend import delete


def one(name: str, run_id: str, project: str = "demo") -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"id": run_id, "project": project}}


class Runs:
    """A cluster with these Runs, two a page."""

    namespace = "ml"

    def __init__(self, *runs: dict[str, Any]) -> None:
        self.runs = runs

    def get(self, _: Any, name: str) -> Any:
        for run in self.runs:
            if name_of(run) == name:
                return run
        raise EntityNotExistsError("no", status=404)

    def delete(self, _: Any, name: str, uid: str) -> Any:
        del uid
        return self.get(_, name)

    def list(self, _: Any, *, fields: str) -> Any:
        project = fields.partition("spec.project=")[2]
        there = [run for run in self.runs if project in ("", run["spec"]["project"])]
        for at in range(0, len(there), 2):
            yield {"items": there[at : at + 2]}


def found(cluster: Runs, identifier: str, project: str | None = None) -> str:
    there: Any = cluster
    return name_of(find(there, identifier, project))


def test_of_several_with_one_id_none_is_chosen():
    """A stop or a delete would hit any of them."""
    cluster = Runs(one("a", "train"), one("b", "other"), one("c", "train"), one("d", "train", "churn"))
    with pytest.raises(
        EntityError,
        match=r"3 Runs of this namespace have the id train \(a, c, d\): give the name of one of them",
    ):
        found(cluster, "train")
    assert found(cluster, "c") == "c"
    assert found(cluster, "train", "churn") == "d"
    assert found(cluster, "store://churn/run/container+job:run/train") == "d"


@pytest.mark.parametrize("printed", ["run/a", "runs/a", "run.run-operator.io/a", "runs.run-operator.io/a"])
def test_what_output_by_name_prints_is_a_name(printed):
    assert found(Runs(one("a", "train")), printed) == "a"
    with pytest.raises(EntityNotExistsError):
        found(Runs(one("a", "train")), printed.replace("run", "job", 1))


def test_a_run_is_found_by_the_name_in_its_document_if_it_is_the_only_one():
    def called(name: str, entity_id: str, own: str) -> Any:
        run = one(name, entity_id)
        return run | {"spec": run["spec"] | {"name": entity_id, "metadata": {"name": own}}}

    cluster = Runs(
        called("1f", "1f", "opal-lynx"), called("2f", "2f", "red-fox"), called("3f", "3f", "red-fox")
    )
    assert found(cluster, "opal-lynx") == "1f"
    with pytest.raises(
        EntityError, match=r"2 Runs of this namespace have the name red-fox \(ids 2f, 3f\): give the id"
    ):
        found(cluster, "red-fox")
    with pytest.raises(EntityNotExistsError):
        found(cluster, "store://demo/run/container+job:run/opal-lynx")


def test_the_name_comes_before_the_id():
    cluster = Runs(one("train", "x"), one("b", "train"), one("c", "train"))
    assert found(cluster, "train") == "train"


def test_an_id_under_another_name_is_found():
    assert found(Runs(one("a", "train")), "train") == "a"
    with pytest.raises(EntityNotExistsError):
        found(Runs(one("a", "train")), "none")


def test_runctl_says_in_its_own_words_what_the_sdk_says_in_its():
    """Programs look for the SDK's sentence; a person reads which Run is missing where, and what to do."""
    cluster: Any = Runs(one("a", "train"))
    helps = "; runctl list -n ml shows the Runs of this namespace"
    for ask, said in (
        (lambda: find(cluster, "b"), f"there is no run b in the namespace ml (no Run has that name, id or key){helps}"),
        (lambda: delete(cluster, "b"), f"there is no run b in the namespace ml (no){helps}"),
        (lambda: find(cluster, "a", "x"), "run a of the namespace ml is of project demo, not x"),
    ):  # fmt: skip
        with pytest.raises(EntityNotExistsError) as caught:
            ask()
        assert str(caught.value) == f"Entity does not exists. Response: {said}"
        assert text_of(caught.value) == said
