"""Whatever is seen, and in whatever order: the truth rules hold."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from run_operator.lifecycle.model import CreateWorkload, Observed, RestartChild, ScaleChild
from tests.support.builders import deployment, job, pod, replica, run, serve, service
from tests.support.examples import examples
from tests.support.planning import kinds, status_of, step

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
SERVICES = st.builds(
    lambda replicas, attempt, pods, fresh, there: Observed(
        deployment=deployment(replicas=replicas, attempt=attempt) if there else None,
        pods=tuple(replica(name=f"p{i}", attempt=a, deleting=d) for i, (a, d) in enumerate(pods)),
        services=(service(),),
        fresh=fresh,
    ),
    st.integers(0, 2),
    st.integers(1, 3),
    st.lists(st.tuples(st.integers(1, 3), st.booleans()), max_size=3),
    st.booleans(),
    st.booleans(),
)


@settings(max_examples=examples(500), deadline=None)
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


@settings(max_examples=examples(300), deadline=None)
@given(events=st.lists(st.tuples(JOBS, PODS), max_size=6), suspend=st.booleans())
def test_whatever_the_order_of_events_the_end_is_the_same_and_settles(events, suspend):
    last = Observed(job(complete=True), (pod("Succeeded", exit_code=0),), fresh=True)
    status: Any = step(run(), Observed(job())).status
    for jobs, pods in events:
        keep = jobs if jobs is None or jobs.attempt == 1 else None
        if keep is not None and (keep.condition("Complete") or keep.condition("Failed")):
            continue
        if keep is None and any(pod.phase == "Succeeded" for pod in pods):
            continue  # the end has come already
        made = step(run(status=status), Observed(keep, pods))
        status = made.status or status
    current = status["attempt"]
    ending = Observed(
        job(attempt=current, complete=True), (pod("Succeeded", attempt=current, exit_code=0),), fresh=True
    )
    made = step(run(suspend=suspend, status=status), ending)
    assert made.status["state"] == "COMPLETED"
    assert step(run(status=made.status), last).status is None


@settings(max_examples=examples(500), deadline=None)
@given(
    seen=SERVICES,
    state=st.sampled_from(["CREATED", "PENDING", "RUNNING", "STOP", "STOPPED", "ERROR"]),
    suspend=st.booleans(),
    attempt=st.integers(0, 3),
)
def test_whatever_is_seen_of_a_service_the_truth_rules_hold(seen, state, suspend, attempt):
    one = serve(suspend=suspend, status=status_of(state, attempt))
    made = step(one, seen)
    after = (made.status or one.status)["state"]
    starts = [a for a in made.actions if isinstance(a, CreateWorkload | RestartChild)]
    if seen.live_pods:
        assert after != "STOPPED" or state == "STOPPED"
        assert starts == []
    if starts:
        assert not suspend
        number = (made.status or one.status)["attempt"]
        annotations = starts[0].workload.child["metadata"]["annotations"]
        assert annotations["run-operator.io/attempt"] == str(number)
    if state == "ERROR":
        assert made.actions == ()
    if suspend:
        assert not [a for a in made.actions if isinstance(a, ScaleChild) and a.replicas]
