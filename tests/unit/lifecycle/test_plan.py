"""The next step for one Run: the truth rules, one table line or one short story each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from run_operator.lifecycle.actions import CreateWorkload, DeleteChild, DeleteRun, SuspendChild
from run_operator.lifecycle.observed import Observed, Refusal
from run_operator.lifecycle.plan import plan
from run_operator.lifecycle.running import LONGEST_PAUSE
from run_operator.lifecycle.starting import UNTOLD
from run_operator.resources.run import Run
from run_operator.resources.times import stamp
from run_operator.workloads.options import Options
from run_operator.workloads.views import PodView
from tests.builders import NOW, UID, job, pod, run

NO_CLAIM = '0/1 nodes are available: persistentvolumeclaim "team" not found. not found'


def step(one: Run, observed: Observed | None = None, now: float = NOW):
    return plan(one, observed or Observed(), now, Options())


def status_of(state: str, attempt: int = 1, **more: Any) -> dict[str, Any]:
    attempts = [{"attempt": attempt, "startTime": "2027-01-15T08:00:00Z"}] if attempt else []
    begun = {"attempt": attempt, "startTime": "2027-01-15T08:00:00Z", "attempts": attempts} if attempt else {}
    return {"state": state, "observedGeneration": 1} | begun | more


def kinds(made) -> list[type]:
    return [type(action) for action in made.actions]


def condition(made, kind: str) -> dict[str, Any]:
    return next(c for c in made.status["conditions"] if c["type"] == kind)


def test_the_job_of_a_new_run_comes_before_its_status():
    made = step(run())
    assert (made.status, kinds(made), made.wake_at) == (None, [CreateWorkload], NOW + UNTOLD)


def test_a_new_run_says_nothing_for_a_moment_and_then_tells_all_in_one_write():
    one, seen = run(), (pod(),)
    early = step(one, Observed(job(created=stamp(NOW)), seen), NOW + UNTOLD - 0.1)
    assert (early.status, early.actions, early.wake_at) == (None, (), NOW + UNTOLD)
    late = step(one, Observed(job(created=stamp(NOW)), seen), NOW + UNTOLD)
    assert (late.status["state"], late.status["attempt"], late.can_wait) == ("PENDING", 1, True)
    quick = step(one, Observed(job(created=stamp(NOW), active=1), (pod("Running"),)), NOW + 0.5)
    told = [entry["status"] for entry in quick.status["transitions"]]
    assert (told, quick.status["startTime"], quick.can_wait) == (["RUNNING", "PENDING"], stamp(NOW), False)


@pytest.mark.parametrize("created", ["", stamp(NOW + 60), stamp(NOW - 60)])
def test_a_clock_that_differs_silences_nobody(created):
    assert step(run(), Observed(job(created=created), (pod(),))).status["state"] == "PENDING"


def test_what_a_person_has_to_act_on_is_told_at_once():
    seen = Observed(job(created=stamp(NOW)), (pod(waiting="ImagePullBackOff"),))
    made = step(run(), seen)
    assert (made.status["state"], made.can_wait) == ("PENDING", False)


def test_a_stop_in_that_moment_ends_the_job_that_nobody_was_told_of():
    made = step(run(suspend=True, generation=2), Observed(job(created=stamp(NOW)), (pod(),)))
    assert (made.status["state"], made.status["attempt"], kinds(made)) == ("STOP", 1, [SuspendChild])


def test_a_stop_looks_whether_the_job_was_asked_for_already():
    assert step(run(suspend=True, generation=2)).reread
    assert not step(run(suspend=True, generation=1)).reread


def test_a_job_deleted_before_it_was_told_of_counts_as_an_attempt():
    made = step(run(generation=1), Observed(pods=(pod("Running", due=NOW + 30),), fresh=True))
    assert (made.status["state"], made.status["attempts"][0]["reason"]) == ("STOP", "ChildDeleted")
    assert made.actions == ()


@pytest.mark.parametrize("final", [True, False])
def test_a_first_job_that_is_refused_counts_as_an_attempt(final):
    refused = Refusal("Forbidden", "exceeded quota", final=final)
    made = step(run(), Observed(refusal=refused))
    assert (made.status["state"], made.status["attempt"]) == ("ERROR" if final else "PENDING", 1)


def test_a_resume_is_stored_before_its_pods_exist():
    made = step(run(status=status_of("STOPPED")), Observed(fresh=True))
    assert (made.status["attempt"], kinds(made)) == (2, [CreateWorkload])


def test_nothing_is_written_when_nothing_changed():
    first = step(run(), Observed(job(), (pod(),)))
    again = step(run(status=first.status), Observed(job(), (pod(),)))
    assert again.status is None
    assert again.actions == ()


def test_an_attempt_counted_but_not_created_is_created_and_not_counted_again():
    made = step(run(status=status_of("PENDING")))
    assert made.status is None
    assert [a.workload.child["metadata"]["annotations"]["run-operator.io/attempt"] for a in made.actions] == [
        "1"
    ]


def test_a_run_created_suspended_starts_nothing():
    made = step(run(suspend=True))
    assert made.status["state"] == "STOPPED"
    assert made.actions == ()
    assert condition(made, "Suspended")["status"] == "True"


def test_an_impossible_document_is_told_even_when_created_suspended():
    made = step(run({"task": "container+job://demo/t", "image": "x y"}, suspend=True))
    assert made.status["state"] == "ERROR"


@pytest.mark.parametrize(
    ("observed", "state", "reason"),
    [
        (Observed(job(), (pod(waiting="ContainerCreating"),)), "PENDING", "Starting"),
        (Observed(job(), (pod(waiting="ImagePullBackOff"),)), "PENDING", "ImagePullFailed"),
        (Observed(job(), (pod(unschedulable="0/1 nodes"),)), "PENDING", "Unschedulable"),
        (Observed(job(), (pod(unschedulable=NO_CLAIM),)), "PENDING", "ClaimNotFound"),
        (Observed(job(active=1), (pod("Running"),)), "RUNNING", "Running"),
        (Observed(job(complete=True), (pod("Succeeded", exit_code=0),)), "COMPLETED", "Finished"),
        (
            Observed(job(failed_reason="BackoffLimitExceeded"), (pod("Failed", exit_code=3),)),
            "ERROR",
            "Finished",
        ),
    ],
)
def test_what_is_seen_becomes_the_state(observed, state, reason):
    made = step(run(status=status_of("PENDING", startTime="2027-01-15T07:59:59Z")), observed)
    assert made.status["state"] == state
    assert condition(made, "Running")["reason"] == reason


def test_a_missing_claim_is_named():
    made = step(run(status=status_of("PENDING")), Observed(job(), (pod(unschedulable=NO_CLAIM),)))
    assert "needs the PersistentVolumeClaim team, which is not in this namespace" in made.status["message"]


def test_between_the_end_of_the_program_and_the_verdict_nothing_is_said():
    seen = Observed(job(active=1), (pod("Running", exit_code=0, reason="Completed"),))
    assert step(run(status=status_of("RUNNING")), seen).status is None


def test_finished_is_true_on_either_outcome():
    good = step(
        run(status=status_of("RUNNING")), Observed(job(complete=True), (pod("Succeeded", exit_code=0),))
    )
    bad = step(
        run(status=status_of("RUNNING")),
        Observed(job(failed_reason="BackoffLimitExceeded"), (pod("Failed", exit_code=3),)),
    )
    assert condition(good, "Finished")["status"] == condition(bad, "Finished")["status"] == "True"
    assert condition(good, "Complete")["status"] == condition(bad, "Failed")["status"] == "True"


def test_evidence_is_recorded_with_the_end():
    seen = Observed(
        job(failed_reason="BackoffLimitExceeded"), (pod("Failed", exit_code=137, reason="OOMKilled"),)
    )
    made = step(run(status=status_of("RUNNING")), seen)
    assert made.status["attempts"][-1]["exitCode"] == 137
    assert made.status["attempts"][-1]["podName"] == "hello-x"
    assert condition(made, "Failed")["reason"] == "OOMKilled"


def test_an_end_without_evidence_is_read_again_from_the_api_server_first():
    assert step(run(status=status_of("RUNNING")), Observed(job(complete=True))).reread
    made = step(run(status=status_of("RUNNING")), Observed(job(complete=True), fresh=True))
    assert made.status["state"] == "COMPLETED"


def test_a_run_too_fast_to_be_watched_still_shows_that_it_ran():
    made = step(
        run(status=status_of("PENDING")), Observed(job(complete=True), (pod("Succeeded", exit_code=0),))
    )
    assert [t["status"] for t in made.status["transitions"]] == ["COMPLETED", "RUNNING"]


def test_stop_is_said_while_a_pod_can_write_and_stopped_only_after():
    stopping = step(
        run(suspend=True, status=status_of("RUNNING")), Observed(job(active=1), (pod("Running"),))
    )
    assert (stopping.status["state"], kinds(stopping)) == ("STOP", [SuspendChild])
    still = step(run(suspend=True, status=status_of("STOP")), Observed(job(suspend=True), (pod("Running"),)))
    assert (still.status["state"], still.actions) == ("STOP", ())
    done = step(run(suspend=True, status=status_of("STOP")), Observed(job(suspend=True)))
    assert done.status["state"] == "STOPPED"
    assert condition(done, "Suspended")["status"] == "True"


@pytest.mark.parametrize("ending", [{"active": 1}, {"terminating": 1}])
def test_stopped_waits_for_the_jobs_own_count_too(ending):
    made = step(run(suspend=True, status=status_of("STOP")), Observed(job(suspend=True, **ending)))
    assert made.status["state"] == "STOP"


def test_a_stop_works_while_the_image_cannot_be_pulled():
    seen = Observed(job(active=1), (pod(waiting="ErrImagePull"),))
    assert kinds(step(run(suspend=True, status=status_of("PENDING")), seen)) == [SuspendChild]


def test_a_stop_once_begun_is_finished_though_the_wish_flips_back():
    seen = Observed(job(suspend=True), (pod("Running"),))
    made = step(run(status=status_of("STOP")), seen)
    assert (made.status, made.actions) == (None, ())  # STOP, until the pod is gone


def test_a_stop_that_takes_long_says_what_it_waits_for():
    begun = [{"status": "STOP", "time": stamp(NOW)}]
    one = run(suspend=True, status=status_of("STOP", transitions=begun))
    seen = Observed(job(suspend=True), (pod("Running", due=NOW + 30),))
    assert step(one, seen, NOW + 9).wake_at == NOW + 10
    late = step(one, seen, NOW + 10)
    assert late.status["message"] == "waiting for pod hello-x on node node-1 to end"
    assert late.wake_at == NOW + 330


def test_a_resume_is_the_next_attempt_and_replaces_the_job():
    made = step(run(status=status_of("STOPPED")), Observed(job(suspend=True)))
    assert made.status["attempt"] == 2
    assert kinds(made) == [DeleteChild, CreateWorkload]
    assert made.status["attempts"][0]["reason"] == "Suspended"


def test_a_run_that_finished_first_is_completed_and_not_stopped():
    seen = Observed(job(complete=True, suspend=True), (pod("Succeeded", exit_code=0),))
    assert step(run(suspend=True, status=status_of("STOP")), seen).status["state"] == "COMPLETED"


def test_a_stop_of_a_finished_run_is_answered_once():
    first = step(run(suspend=True, status=status_of("COMPLETED")))
    assert condition(first, "Suspended")["reason"] == "AlreadyFinished"
    assert [e.reason for e in first.events] == ["AlreadyFinished"]
    assert step(run(suspend=True, status=first.status)).status is None


def test_no_new_attempt_begins_while_an_old_pod_lives():
    made = step(run(status=status_of("RUNNING")), Observed(None, (pod("Running"),), fresh=True))
    assert made.actions == ()
    assert made.status["state"] == "STOP"
    after = step(run(status=made.status), Observed(fresh=True))
    assert (after.status["attempt"], after.status["attempts"][0]["reason"]) == (2, "ChildDeleted")


def test_a_job_deleted_by_hand_is_checked_and_then_made_anew_as_the_next_attempt():
    assert step(run(status=status_of("RUNNING"))).reread
    made = step(run(status=status_of("RUNNING")), Observed(fresh=True))
    assert made.status["attempt"] == 2
    assert made.status["attempts"][0]["reason"] == "ChildDeleted"
    assert kinds(made) == [CreateWorkload]


def test_a_lost_status_is_found_again_from_the_job():
    made = step(run(), Observed(job(attempt=3, active=1), (pod("Running", attempt=3),)))
    assert (made.status["attempt"], made.status["state"]) == (3, "RUNNING")


def test_a_quota_whose_numbers_change_is_told_once():
    def refused(one: Run, used: int):
        text = (
            f"exceeded quota: jobs, requested: count/jobs.batch=1, used: count/jobs.batch={used}, limited: 20"
        )
        return step(one, Observed(refusal=Refusal("Forbidden", text, final=False)))

    first = refused(run(status=status_of("PENDING")), 20)
    assert first.events[0].reason == "Forbidden"
    again = refused(run(status=first.status), 21)
    assert (again.status, again.events) == (None, ())
    other = step(run(status=first.status), Observed(refusal=Refusal("Forbidden", "policy", final=False)))
    assert other.status["message"] == "policy"


def test_a_final_refusal_ends_the_run_and_another_one_keeps_it_waiting():
    final = step(
        run(status=status_of("PENDING")), Observed(refusal=Refusal("NameConflict", "taken", final=True))
    )
    assert (final.status["state"], condition(final, "Failed")["reason"]) == ("ERROR", "NameConflict")
    later = step(
        run(status=status_of("PENDING")), Observed(refusal=Refusal("Forbidden", "quota", final=False))
    )
    assert (later.status["state"], later.status["message"]) == ("PENDING", "quota")


def test_time_to_live_deletes_the_run_when_it_is_over_and_not_before():
    over = {"completionTime": "2027-01-15T08:00:00Z"}
    ended = 1_800_000_000
    one = run(status=status_of("COMPLETED", **over), policy={"ttlSecondsAfterFinished": 60})
    assert step(one, now=ended + 59.0).wake_at == ended + 60
    assert step(one, now=ended + 60.0).actions == (DeleteRun(UID),)


def test_a_run_being_deleted_is_left_alone():
    made = step(run(deleting=True))
    assert (made.status, made.actions) == (None, ())


def test_an_ordinary_wait_is_told_only_when_it_takes_long():
    waiting = Observed(job(), (pod(waiting="ContainerCreating"),))
    began = step(run(), Observed(job())).status
    early = step(run(status=began), waiting, NOW + 1)
    assert early.status is None
    assert early.wake_at == pytest.approx(NOW + 10, abs=1)
    assert "being prepared" in step(run(status=began), waiting, NOW + 11).status["message"]


def test_the_words_of_a_reason_stay_while_the_kubelet_tries_again():
    first = step(
        run(status=status_of("PENDING")), Observed(job(), (pod(waiting="ErrImagePull", message="denied"),))
    )
    second = step(
        run(status=first.status), Observed(job(), (pod(waiting="ImagePullBackOff", message="back-off"),))
    )
    assert second.status is None


JOBS = st.one_of(
    st.none(),
    st.builds(job, attempt=st.integers(1, 2), suspend=st.booleans(), active=st.integers(0, 1)),
    st.builds(job, attempt=st.integers(1, 2), complete=st.just(True)),
    st.builds(
        job,
        attempt=st.integers(1, 2),
        failed_reason=st.sampled_from(["BackoffLimitExceeded", "DeadlineExceeded"]),
    ),
)
PODS = st.lists(
    st.one_of(
        st.builds(pod, st.sampled_from(["Pending", "Running"]), attempt=st.integers(1, 2)),
        st.builds(pod, st.just("Failed"), attempt=st.integers(1, 2), exit_code=st.integers(1, 255)),
        st.builds(pod, st.just("Succeeded"), attempt=st.integers(1, 2), exit_code=st.just(0)),
    ),
    max_size=3,
).map(tuple)
STATES = st.sampled_from(["CREATED", "PENDING", "RUNNING", "STOP", "STOPPED", "COMPLETED", "ERROR"])


@settings(max_examples=500, deadline=None)
@given(
    jobs=JOBS, pods=PODS, state=STATES, suspend=st.booleans(), fresh=st.booleans(), attempt=st.integers(0, 2)
)
def test_whatever_is_seen_the_truth_rules_hold(jobs, pods, state, suspend, fresh, attempt):
    one = run(suspend=suspend, status=status_of(state, attempt))
    seen = Observed(jobs, pods, fresh)
    made = step(one, seen)
    after = (made.status or one.status).get("state")
    if seen.live_pods:
        assert after != "STOPPED" or state == "STOPPED"
        assert CreateWorkload not in kinds(made)
    if state in ("COMPLETED", "ERROR"):
        assert after == state
        assert made.actions == ()
    if CreateWorkload in kinds(made):
        assert not suspend
        counted = (state == "CREATED" and not attempt) or (made.status or one.status)["attempt"] >= max(
            1, attempt
        )
        assert counted


@settings(max_examples=300, deadline=None)
@given(events=st.lists(st.tuples(JOBS, PODS), max_size=6), suspend=st.booleans())
def test_whatever_the_order_of_events_the_end_is_the_same_and_settles(events, suspend):
    last = Observed(job(complete=True), (pod("Succeeded", exit_code=0),), fresh=True)
    status: Any = step(run(), Observed(job())).status
    for jobs, pods in events:
        keep = jobs if jobs is None or jobs.attempt == 1 else None
        if keep is not None and (keep.condition("Complete") or keep.condition("Failed")):
            continue
        made = step(run(status=status), Observed(keep, pods))
        status = made.status or status
    current = status["attempt"]
    ending = Observed(
        job(attempt=current, complete=True), (pod("Succeeded", attempt=current, exit_code=0),), fresh=True
    )
    made = step(run(suspend=suspend, status=status), ending)
    assert made.status["state"] == "COMPLETED"
    assert step(run(status=made.status), last).status is None


def test_a_stopped_attempt_keeps_the_exit_code_of_its_last_pod():
    """Also when the pod is deleted by the time nothing can write any more."""
    last = pod("Failed", exit_code=143, due=NOW, said="step 7")
    one = run(suspend=True, status=status_of("STOP"))
    for seen in (Observed(job(suspend=True), (last,)), Observed(job(suspend=True), gone=(last,))):
        ended = step(one, seen).status["attempts"][-1]
        assert (ended["reason"], ended["exitCode"], ended["podName"]) == ("Suspended", 143, "hello-x")
        assert ended["message"] == "stopped: main exited with code 143, SIGTERM (pod hello-x)"


def test_a_pod_on_a_dead_node_blocks_a_stop_for_a_bounded_time_and_the_status_says_so():
    one = run(suspend=True, status=status_of("STOP"), policy={"podTerminationTimeoutSeconds": 60})
    seen = Observed(job(suspend=True, terminating=1), (pod("Running", due=NOW),))
    waiting = step(one, seen, NOW + 59)
    assert (waiting.status["state"], waiting.wake_at) == ("STOP", NOW + 60)
    made = step(one, seen, NOW + 60)
    suspended = condition(made, "Suspended")
    assert (made.status["state"], suspended["status"]) == ("STOPPED", "True")
    assert suspended["reason"] == "PodTerminationTimeout"
    assert "pod hello-x on node node-1 has not confirmed its end" in suspended["message"]
    assert [event.type for event in made.events] == ["Warning"]


def test_the_suspended_job_of_a_stopped_run_is_removed_after_a_while():
    stopped = step(run(suspend=True, status=status_of("STOP")), Observed(job(suspend=True, version="44")))
    one = run(suspend=True, status=stopped.status)
    early = step(one, Observed(job(suspend=True, version="44")), NOW + 4)
    assert (early.actions, early.wake_at) == ((), NOW + 5)
    late = step(one, Observed(job(suspend=True, version="44")), NOW + 5)
    assert late.actions == (DeleteChild("hello", "job-1", version="44"),)
    assert late.status is None
    gone = step(one, Observed(), NOW + 6)
    assert (gone.status, gone.actions, gone.wake_at) == (None, (), None)


def test_the_job_of_an_earlier_attempt_let_go_by_somebody_is_removed_first():
    one = run(status=status_of("PENDING", 2))
    made = step(one, Observed(job(attempt=1), (pod("Running"),)))
    assert (kinds(made), made.status["state"]) == ([DeleteChild], "STOP")


def test_before_a_stop_without_a_job_is_told_the_api_server_is_asked():
    one = run(suspend=True, status=status_of("PENDING"))
    assert step(one).reread
    assert step(one, Observed(fresh=True)).status["state"] == "STOPPED"


def test_no_message_is_longer_than_the_schema_allows():
    """The API server would refuse the whole status, and the Run would be silent for ever."""
    spec = {"task": "container+job://demo/t", "image": "busybox:1.36", "resources": {"x" * 9000: "1"}}
    made = step(run(spec))
    assert made.status["state"] == "ERROR"
    assert len(made.status["message"]) <= 4096
    assert made.status["message"].startswith("spec.spec.resources.xxx")
    assert all(len(entry.get("message", "")) <= 4096 for entry in made.status["transitions"])


def test_a_program_that_never_began_did_not_run_in_1970():
    """The kubelet says so of a container it could not start."""
    ended = {
        "exitCode": 128,
        "reason": "StartError",
        "startedAt": "1970-01-01T00:00:00Z",
        "finishedAt": stamp(NOW),
    }
    raw = {
        "metadata": {"name": "hello-x", "uid": "u", "creationTimestamp": stamp(NOW),
                     "labels": {"run-operator.io/run-uid": UID, "run-operator.io/attempt": "1"}},
        "status": {"phase": "Failed", "containerStatuses": [{"name": "main", "state": {"terminated": ended}}]},
    }  # fmt: skip
    pods = (PodView.from_object(raw),)
    made = step(run(status=status_of("PENDING")), Observed(job(failed_reason="BackoffLimitExceeded"), pods))
    assert [entry["status"] for entry in made.status["transitions"]] == ["ERROR"]
    assert [event.reason for event in made.events] == ["StartError"]


def test_an_evicted_pod_is_not_taken_for_one_whose_verdict_is_on_its_way():
    """The Job does not count it as failed: until it has another pod, the program does not run, and that is told."""
    raw = {
        "metadata": {"name": "hello-x", "uid": "u", "creationTimestamp": stamp(NOW),
                     "labels": {"run-operator.io/run-uid": UID, "run-operator.io/attempt": "1"}},
        "status": {"phase": "Failed", "reason": "Evicted",
                   "conditions": [{"type": "DisruptionTarget", "status": "True"}]},
    }  # fmt: skip
    made = step(
        run(status=status_of("RUNNING")), Observed(job(failed=0), (PodView.from_object(raw),)), NOW + 60
    )
    assert (made.status["state"], condition(made, "Running")["reason"]) == ("PENDING", "NoPod")
    assert "kubectl describe job hello" in made.status["message"]


def test_a_mistake_edited_into_a_stopped_run_is_told_before_the_resume_that_would_end_it():
    bad = {"task": "container+job://demo/t", "image": "busybox", "resources": {"mem": "lots"}}
    stopped_ = step(run(suspend=True, status=status_of("STOP")), Observed(fresh=True)).status
    edited = step(run(suspend=True, status=stopped_, spec=bad, generation=2))
    assert (
        "it cannot start like this: spec.spec.resources.mem: 'lots' is not a quantity"
        in edited.status["message"]
    )
    assert ([event.reason for event in edited.events], edited.status["state"]) == (["InvalidSpec"], "STOPPED")
    assert step(run(suspend=True, status=edited.status, spec=bad, generation=2)).status is None
    mended = step(run(suspend=True, status=edited.status, generation=3))
    assert (mended.status["message"], mended.events) == (stopped_["message"], ())


def test_a_job_that_makes_no_pod_is_asked_why_again_and_again_but_ever_more_seldom():
    waiting, alone = run(status=status_of("PENDING")), Observed(job())
    soon, later, much_later = (step(waiting, alone, NOW + after) for after in (1, 20, 4000))
    assert (soon.ask, later.ask, much_later.ask) == ("", job().uid, job().uid)
    assert (later.wake_at, much_later.wake_at) == (NOW + 40, NOW + 4000 + LONGEST_PAUSE)


def test_what_the_job_says_of_its_pod_is_told_once():
    refused = Observed(job(), said='pods "x-" is forbidden:\n no PriorityClass with name missing was found')
    made = step(run(status=status_of("PENDING")), refused, NOW + 20)
    text = 'the Job can make no pod: pods "x-" is forbidden: no PriorityClass with name missing was found'
    assert (condition(made, "Running")["reason"], made.status["message"]) == ("FailedCreate", text)
    assert ([event.reason for event in made.events], made.ask, made.wake_at) == (
        ["FailedCreate"],
        "",
        NOW + 40,
    )
    again = step(run(status=made.status), replace(refused, said="in other words"), NOW + 40)
    assert (again.status, again.events) == (None, ())


@pytest.mark.parametrize("pods", [(pod("Running", due=NOW + 30),), ()])
def test_a_stop_is_taken_up_while_somebody_deletes_the_job(pods):
    """A Job that is deleted in the foreground stays until its last pod is gone, which may be never on a dead node."""
    one = run(suspend=True, status=status_of("RUNNING"))
    made = step(one, Observed(job(deleting=True), pods, fresh=True))
    assert made.status["state"] == ("STOP" if pods else "STOPPED")
    lost = step(
        run(suspend=True, status=status_of("STOP")),
        Observed(job(deleting=True), (pod("Running", due=NOW - 301),), fresh=True),
    )
    assert (lost.status["state"], condition(lost, "Suspended")["reason"]) == (
        "STOPPED",
        "PodTerminationTimeout",
    )
