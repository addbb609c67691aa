"""What Runs refer to: found by the document, latest first, newest version of an object only."""

from __future__ import annotations

from run_operator.api.references import Catalog, EntityView, ProfilesView, function_want, task_want
from run_operator.api.want import Want
from run_operator.document.names import Reference
from tests.support.builders import function, profiles, task

HELLO = Want("Function", "ml", "container://demo/hello")


def catalog(*views) -> Catalog:
    made = Catalog()
    for view in views:
        made.put(view)
    return made


def test_the_latest_version_is_by_the_documents_time_and_then_by_id():
    found = catalog(
        function("a", created="2026-01-02T00:00:00+02:00"),
        function("c", created="2026-01-01T22:00:00Z"),
        function("b", created="2026-01-01T21:59:59Z"),
        function("z", created="yesterday"),
    ).functions(HELLO)
    assert [view.id for view in found] == ["c", "a", "b", "z"]


def test_an_object_is_found_by_its_document_and_in_its_namespace_only():
    found = catalog(function("a", object_name="whatever"), function("b", namespace="other"))
    assert [view.name for view in found.functions(HELLO)] == ["whatever"]
    reference = Reference.parse("container://demo/hello:a")
    assert function_want("ml", reference) == HELLO
    assert found.functions(function_want("ml", Reference.parse("container://demo/bye"))) == []
    assert found.functions(function_want("ml", Reference.parse("container://other/hello"))) == []


def test_a_task_is_found_by_its_id():
    found = catalog(task("t1"), task("t2"))
    assert found.task(task_want("ml", Reference.parse("container+job://demo/t2"))).id == "t2"
    assert found.task(task_want("ml", Reference.parse("container+serve://demo/t2"))) is None


def test_writers_learn_what_changed_and_old_news_changes_nothing():
    one = Catalog()
    assert one.put(function("a", version="5")) == {HELLO}
    assert one.put(function("a", version="6")) == frozenset()
    assert one.put(function("a", version="4", image="old")) == frozenset()
    assert one.functions(HELLO)[0].spec["image"] == "busybox:1.36"
    assert one.put(function("a", version="7", image="new")) == {HELLO}
    assert one.drop("uid-a") == {HELLO}
    assert one.drop("uid-a") == frozenset()
    assert one.functions(HELLO) == []


def test_a_profile_that_moves_to_another_key_changes_both():
    one = catalog(profiles({"old": "replicas: 1"}, version="1"))
    changed = one.put(profiles({"new": "replicas: 1"}, version="2"))
    assert {want.name for want in changed} == {"old", "new"}
    assert one.profile("old", ["ml"]) is None


def test_the_first_namespace_wins_and_then_the_first_config_map():
    one = catalog(
        profiles({"gpu": "global"}, namespace="run-operator"),
        profiles({"gpu": "b"}, name="b"),
        profiles({"gpu": "a"}, name="a"),
    )
    assert one.profile("gpu", ["ml", "run-operator"]).text == "a"
    assert one.profile("gpu", ["other", "run-operator"]).text == "global"
    assert one.profile_names(["ml"]) == ["gpu"]
    assert one.profile_names(["other"]) == []


def test_reading_odd_objects_never_raises():
    for raw in (
        {},
        {"metadata": None, "spec": [], "data": "x"},
        {"metadata": {"generation": "x"}, "spec": {"id": 1}},
    ):
        assert EntityView.function(raw).id == ""
        assert EntityView.task(raw).generation == 0
        assert ProfilesView.from_object(raw).texts == {}
