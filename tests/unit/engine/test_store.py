"""The store: newest wins, children belong to the uid, and only what matters wakes a worker."""

from __future__ import annotations

from dataclasses import replace

from run_operator.api.run import Key
from run_operator.api.want import Want
from run_operator.engine.executor import merge_patch
from run_operator.engine.store import Store
from tests.support.builders import UID, function, job, pod, profiles, run, task


def woken() -> tuple[Store, list]:
    calls: list = []
    return Store(lambda key, urgent: calls.append((key.name, urgent))), calls


def test_an_older_version_never_replaces_a_newer_one():
    store, _ = woken()
    store.put_run(run(version="10", name="a"))
    store.put_run(run(version="9", name="a", suspend=True))
    assert store.run(run(name="a").key).resource_version == "10"
    store.put_run(run(version="100", name="a", suspend=True))
    assert store.run(run(name="a").key).suspend


def test_a_persons_change_is_urgent_and_a_status_change_is_not():
    store, calls = woken()
    store.put_run(run(version="1"))
    store.put_run(run(version="2", generation=2))
    store.put_run(run(version="3", generation=2, status={"state": "RUNNING"}))
    store.put_run(run(version="4", generation=2, status={"state": "RUNNING"}))
    assert calls == [("hello", True), ("hello", True), ("hello", False)]


def test_our_own_write_wakes_nobody():
    store, calls = woken()
    store.put_run(run(version="1"))
    store.put_run(run(version="2", status={"state": "PENDING"}), own=True)
    assert len(calls) == 1


def test_an_event_that_changes_nothing_we_use_wakes_nobody():
    store, calls = woken()
    store.put_run(run())
    store.put_child(job(version="1", active=1))
    store.put_child(job(version="2", active=1))
    store.put_child(pod("Running", version="1"))
    store.put_child(pod("Running", version="2"))
    assert len(calls) == 3


def test_children_come_and_go_with_their_run():
    store, calls = woken()
    one = run()
    store.put_run(one)
    store.put_child(job())
    store.put_child(pod())
    assert store.observed(one).job.uid == "job-1"
    assert [p.name for p in store.observed(one).pods] == ["hello-x"]
    store.drop_child("job-1")
    store.drop_child("uid-hello-x")
    assert (store.observed(one).job, store.observed(one).pods) == (None, ())
    assert store.sizes == {"runs": 1} | dict.fromkeys(
        (
            "jobs",
            "deployments",
            "services",
            "pods",
            "functions",
            "tasks",
            "runtimes",
            "clusterruntimes",
            "configmaps",
        ),
        0,
    )
    assert calls[-1] == ("hello", False)


def test_a_deletion_of_an_earlier_run_of_the_name_is_ignored():
    store, _ = woken()
    store.put_run(run())
    store.drop_run(run().key, "another-uid")
    assert store.run(run().key) is not None
    store.drop(UID)
    assert store.run(run().key) is None


def test_a_late_word_about_a_deleted_run_does_not_hide_the_one_that_has_its_name_now():
    store, calls = woken()
    earlier, now = replace(run(version="5"), uid="earlier"), run(version="20")
    store.put_run(earlier)
    store.put_child(replace(pod("Failed", exit_code=3), run_uid="earlier"))
    store.drop_child("uid-hello-x")
    store.put_run(now)
    calls.clear()
    store.put_run(replace(earlier, resource_version="6"))
    assert (store.run(now.key), calls) == (now, [])
    store.drop_run(now.key, "earlier")
    assert store.run(now.key) is now
    assert store.gone(earlier) == ()


def test_our_own_write_does_not_bring_back_a_run_that_was_deleted_meanwhile():
    store, _ = woken()
    store.put_run(run(version="1"))
    store.drop_run(run().key, UID)
    store.put_run(run(version="2"), own=True)
    assert store.run(run().key) is None


def test_what_is_held_is_known_by_version():
    store, _ = woken()
    store.put_run(run(version="10"))
    assert store.knows(UID, "10")
    assert store.knows(UID, "9")
    assert not store.knows(UID, "11")
    assert not store.knows("other", "1")


def test_merge_patches_turn_the_old_into_the_new():
    old = {"a": 1, "b": {"x": 1, "y": 2}, "c": [1, 2]}
    new = {"a": 1, "b": {"x": 3}, "c": [2], "d": 4}
    assert merge_patch(old, new) == {"b": {"x": 3, "y": None}, "c": [2], "d": 4}
    assert merge_patch(old, old) == {}


HELLO = Want("Function", "ml", "container://demo/hello")


def test_a_function_wakes_the_runs_that_look_for_it_and_no_others():
    store, calls = woken()
    for name in ("a", "b", "c"):
        store.put_run(run(name=name))
    store.follow(Key("ml", "a"), (HELLO,))
    store.follow(Key("ml", "b"), (Want("Function", "other", HELLO.name), Want("Profile", "ml", "gpu")))
    calls.clear()
    store.put_referred(function("v1", version="1"))
    assert calls == [("a", False)]
    store.put_referred(function("v1", version="2"))
    store.put_referred(profiles({"gpu": "x", "cpu": "y"}))
    store.drop_referred("uid-v1")
    assert calls == [("a", False), ("b", False), ("a", False)]


def test_a_run_follows_what_its_last_decision_looked_for():
    store, calls = woken()
    store.put_run(run(name="a"))
    store.follow(Key("ml", "a"), (HELLO,))
    store.follow(Key("ml", "a"), ())
    store.follow(Key("ml", "gone"), (HELLO,))
    calls.clear()
    store.put_referred(function())
    assert calls == []
    store.follow(Key("ml", "a"), (HELLO,))
    store.drop_run(Key("ml", "a"), UID)
    calls.clear()
    store.drop("uid-v1")
    assert calls == []


def test_what_runs_refer_to_is_counted_known_and_swept_like_the_rest():
    store, _ = woken()
    store.put_referred(function(version="7"))
    store.put_referred(task())
    store.put_referred(profiles({"gpu": "x"}))
    assert [store.sizes[name] for name in ("functions", "tasks", "configmaps")] == [1, 1, 1]
    assert store.uids("functions") == {"uid-v1"}
    assert store.uids("configmaps") == {"uid-ml-profiles"}
    assert store.knows("uid-v1", "7")
    assert not store.knows("uid-v1", "8")
    store.drop("uid-v1")
    assert store.uids("functions") == set()
    assert store.observed(run()).catalog.functions(HELLO) == []


def test_a_commit_of_metrics_wakes_nobody_and_its_lists_are_not_held():
    store, calls = woken()
    store.put_run(run(version="1", status={"state": "RUNNING"}))
    ingest = {"commitId": "c1", "writers": {"a": 1, "b": 2}, "ended": ["a"]}
    info = {"loss": {"stride": 2}}
    logged = {
        "metrics": {"loss": [1.0, 2.0]},
        "metricsInfo": info,
        "metricsIngest": ingest,
        "metricsSummary": "x",
    }
    store.put_run(run(version="2", status={"state": "RUNNING"} | logged))
    held = store.run(run().key)
    assert len(calls) == 1
    assert held.status == {"state": "RUNNING"}
    assert held.metrics == ("c1", 1, 0, 0, True)
